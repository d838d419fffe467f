//! Files as a crash, a full disk or a bad sector may leave them.

use std::os::unix::fs::{PermissionsExt as _, chown};

use model::purge::{Job, JobId, JobShown, Outcome, Place, Reason, State, What};
use nix::unistd::{Uid, setfsuid};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

const MAX: u64 = 4 << 20;

fn job(n: u16) -> Job {
    let id = JobId(Uuid::from_u128(n.into()));
    Job { id, reason: Reason::PortDeleted, place: Place::Host, what: What::Zone(n) }
}

fn ended(n: u16) -> Record {
    let state = State::Done(Outcome { deleted: 3, ..Outcome::default() });
    let what = "all".to_owned();
    Record::Ended(JobShown { id: job(n).id, reason: Reason::PortDeleted, place: Place::Host, what, state })
}

fn records(dir: &TempDir) -> Vec<Record> {
    let mut all = Vec::new();
    Journal::open(dir.path(), MAX, |record| all.push(record)).expect("opens");
    all
}

fn written(records: &[Record]) -> TempDir {
    let dir = tempfile::tempdir().expect("folder");
    let mut journal = Journal::open(dir.path(), MAX, |_| panic!("is new")).expect("opens");
    for record in records {
        match record {
            Record::Job(_) => journal.add(std::slice::from_ref(record), |_| {}).expect("adds"),
            Record::Ended(_) => journal.add_ended(record, |_| {}).expect("adds"),
        }
    }
    dir
}

fn some() -> Vec<Record> {
    vec![Record::Job(job(1)), Record::Job(job(2)), ended(1), Record::Job(job(3))]
}

#[test]
fn what_was_added_is_there_again() {
    let dir = written(&some());
    assert_eq!(records(&dir), some());
    assert_eq!(records(&dir), some(), "reading changes nothing");
}

#[test]
fn a_torn_tail_is_cut_at_every_byte() {
    let whole = std::fs::read(written(&some()).path().join("journal")).expect("reads");
    let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').map(|at| at + 1).collect();
    for len in 0..=whole.len() {
        let dir = tempfile::tempdir().expect("folder");
        std::fs::write(dir.path().join("journal"), &whole[..len]).expect("writes");
        let kept = ends.iter().filter(|end| **end <= len).count().saturating_sub(1);
        assert_eq!(records(&dir), some()[..kept], "{len} bytes");
        // What is added after a tear is read again.
        let mut journal = Journal::open(dir.path(), MAX, |_| {}).expect("opens");
        journal.add(&[Record::Job(job(9))], |_| {}).expect("adds");
        drop(journal);
        let mut wanted = some()[..kept].to_vec();
        wanted.push(Record::Job(job(9)));
        assert_eq!(records(&dir), wanted, "{len} bytes");
    }
}

#[test]
fn a_damaged_line_takes_no_other_with_it() {
    let dir = written(&some());
    let path = dir.path().join("journal");
    let whole = std::fs::read(&path).expect("reads");
    let second = HEADER.len() + Record::Job(job(1)).line().len();
    for at in second..second + Record::Job(job(2)).line().len() - 1 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).expect("writes");
        let kept = records(&dir);
        assert_eq!(kept, [some()[0].clone(), some()[2].clone(), some()[3].clone()], "byte {at}");
    }
}

#[test]
fn another_release_and_another_process_are_told() {
    let dir = tempfile::tempdir().expect("folder");
    std::fs::write(dir.path().join("journal"), "neutrino ctpurge journal 2\n").expect("writes");
    let error = Journal::open(dir.path(), MAX, |_| {}).expect_err("of another release");
    assert!(error.to_string().contains("of another release"), "{error}");

    let dir = tempfile::tempdir().expect("folder");
    let _open = Journal::open(dir.path(), MAX, |_| {}).expect("opens");
    let error = Journal::open(dir.path(), MAX, |_| {}).expect_err("is taken");
    assert!(error.to_string().contains("another ctpurge"), "{error}");
}

#[test]
fn what_is_over_is_left_out_when_it_grows_long() {
    let dir = tempfile::tempdir().expect("folder");
    let mut journal = Journal::open(dir.path(), MAX, |_| {}).expect("opens");
    let live = |each: &mut dyn FnMut(&Record)| each(&Record::Job(job(7)));
    for _ in 0..12_000 {
        journal.add_ended(&ended(1), live).expect("adds");
    }
    assert!(journal.bytes() < COMPACT_FROM + 1000, "{}", journal.bytes());
    drop(journal);
    let kept = records(&dir);
    assert_eq!(kept[0], Record::Job(job(7)));
    assert!(kept.len() < 12_000);
}

#[test]
fn a_full_journal_says_so_and_takes_more_when_there_is_room() {
    let dir = tempfile::tempdir().expect("folder");
    let mut journal = Journal::open(dir.path(), 2000, |_| {}).expect("opens");
    let error = (0..100).find_map(|next: u16| {
        let all = |each: &mut dyn FnMut(&Record)| (0..next).for_each(|n| each(&Record::Job(job(n))));
        journal.add(&[Record::Job(job(next))], all).err()
    });
    let error = error.expect("a hundred do not fit");
    assert!(matches!(error, JournalError::Full(_)), "{error}");
    journal.add(&[Record::Job(job(99))], |_| {}).expect("the others have ended");
    drop(journal);
    assert_eq!(records(&dir), [Record::Job(job(99))]);
}

/// What fails once all was written anew leaves no former file behind that is written to and that nobody reads.
#[test]
fn a_folder_that_cannot_be_read_loses_nothing_that_was_added() {
    let dir = written(&some());
    let mut journal = Journal::open(dir.path(), MAX, |_| {}).expect("opens");
    let live = |each: &mut dyn FnMut(&Record)| some().iter().for_each(each);
    // Files may be made there and renamed; the folder itself cannot be opened.
    std::fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o300)).expect("may be set");
    let nobody = Uid::from_raw(65534);
    if Uid::effective().is_root() {
        // Of this thread alone, and for files alone.
        chown(dir.path(), Some(nobody.as_raw()), None).expect("may be given away");
        setfsuid(nobody);
    }
    journal.compact_at = 0;
    let outcome = journal.add_ended(&ended(2), live);
    setfsuid(Uid::effective());
    std::fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).expect("may be set");
    let error = outcome.expect_err("the folder cannot be read");
    assert!(matches!(error, JournalError::Io(_)), "{error}");
    journal.add(&[Record::Job(job(9))], live).expect("adds");
    drop(journal);
    assert!(records(&dir).contains(&Record::Job(job(9))), "it was acknowledged");
}
