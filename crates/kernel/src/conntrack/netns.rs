//! What a kernel may do to us: know less than was asked of it, lose its answers, interrupt, and change a
//! table's shape under a walk. On real tables, in namespaces without a name.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use host::purge::Connection;
use model::purge::{Abilities, Tuple};
use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::socket::{setsockopt, sockopt};

use super::entry::{ID, NFGENMSG, ZONE};
use super::probe::try_out;
use super::{Conntrack, ConntrackError, Filter, Found, Insert, Visit, Walked};
use crate::netlink::attributes;
use crate::netlink::message::{HEADER, u32_of};
use crate::netns::within_fresh;

/// `None`, said aloud, where these tests were switched off.
fn table() -> Option<Conntrack> {
    match within_fresh(Conntrack::open_here) {
        Ok(table) => Some(table.expect("connections are tracked")),
        Err(error) => {
            let skip = std::env::var("NEUTRINO_ROOT_TESTS").is_ok_and(|value| value == "skip");
            assert!(skip, "needs root ({error}); NEUTRINO_ROOT_TESTS=skip goes without");
            eprintln!("SKIPPED: needs root");
            None
        }
    }
}

const GET: u8 = 1;
const DELETE: u8 = 2;

/// Of messages of a kind, those that name a tuple or not: what is left without an attribute.
fn without(bytes: Vec<u8>, kind: u8, with_tuple: bool, gone: u16) -> Vec<u8> {
    changed(&bytes, |message| {
        let body = &message[HEADER + NFGENMSG..];
        let tuple = attributes(body).next().is_some_and(|(first, _)| first == 1);
        if message[4] != kind || tuple != with_tuple {
            return message.to_vec();
        }
        let mut left = message[..HEADER + NFGENMSG].to_vec();
        for (attribute, value) in attributes(body).filter(|(attribute, _)| *attribute != gone) {
            let nested = if attribute < 3 { 0x8000 } else { 0 };
            left.extend((value.len() as u16 + 4).to_ne_bytes());
            left.extend((attribute | nested).to_ne_bytes());
            left.extend(value);
            left.resize(left.len().next_multiple_of(4), 0);
        }
        left
    })
}

fn changed(bytes: &[u8], change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let len = u32_of(rest) as usize;
        let mut message = change(&rest[..len]);
        let len = message.len() as u32;
        message[..4].copy_from_slice(&len.to_ne_bytes());
        all.extend(message);
        rest = rest.get(u32_of(rest) as usize..).unwrap_or_default();
    }
    all
}

/// Kernels that do not know what they are asked for, and take no notice of it, as kernels do.
#[test]
fn a_kernel_that_gets_something_wrong_is_found_out() {
    let all =
        Abilities { zone_filter: true, family_filter: true, zone_flush: true, id_guard: true, exact: true };
    type Deaf = fn(Vec<u8>) -> Vec<u8>;
    let cases: [(&str, Deaf, Abilities); 6] = [
        ("knows all", |bytes| bytes, all),
        (
            "shows all zones",
            |bytes| without(bytes, GET, false, ZONE),
            Abilities { zone_filter: false, ..all },
        ),
        (
            "shows both families",
            |bytes| {
                changed(&bytes, |message| {
                    let mut message = message.to_vec();
                    if message[4] == GET {
                        message[HEADER] = 0;
                    }
                    message
                })
            },
            Abilities { family_filter: false, ..all },
        ),
        (
            "flushes all zones",
            |bytes| without(bytes, DELETE, false, ZONE),
            Abilities { zone_flush: false, ..all },
        ),
        (
            "deletes whatever has the tuple by now",
            |bytes| without(bytes, DELETE, true, ID),
            Abilities { id_guard: false, ..all },
        ),
        // Nothing that is tried comes out right.
        ("deletes in zone 0", |bytes| without(bytes, DELETE, true, ZONE), Abilities::default()),
    ];
    for (what, deaf, can) in cases {
        let Some(mut table) = table() else { return };
        table.deaf = Some(deaf);
        // One that cannot be tried out is trusted with nothing.
        assert_eq!(try_out(&mut table).unwrap_or_default(), can, "a kernel that {what}");
    }
}

fn connections(count: u16) -> Vec<Connection> {
    let one = |port: u16| {
        let (from, to) = (([10, 0, 0, 1].into(), port + 1), ([10, 0, 0, 2].into(), 80));
        Connection { zone: 5, original: Tuple::ports(17, from, to), reply: Tuple::ports(17, to, from) }
    };
    (0..count).map(one).collect()
}

fn fill(table: &mut Conntrack, all: &[Connection]) {
    let inserts = all.iter().map(|connection| Insert { connection: *connection, timeout_s: 600 });
    table.insert(&inserts.collect::<Vec<_>>()).expect("entries");
}

/// Each was seen, and once; but for entries of before a walk that began again, for somebody else on the machine
/// changed the table's shape.
fn saw_each(seen: &[Connection], all: &[Connection], walked: &Walked) {
    let distinct: BTreeSet<Tuple> = seen.iter().map(|one| one.original).collect();
    assert_eq!(distinct, all.iter().map(|one| one.original).collect::<BTreeSet<_>>(), "{walked:?}");
    assert_eq!(walked.shown, seen.len() as u64, "{walked:?}");
    assert!(seen.len() == all.len() || walked.again > 0, "{} entries, {walked:?}", seen.len());
}

#[derive(Default)]
struct Eye<'a> {
    seen: Vec<Connection>,
    /// Done once, at the first pause.
    act: Option<&'a dyn Fn()>,
}

impl Visit for Eye<'_> {
    fn judge(&mut self, found: &Found) -> bool {
        self.seen.push(found.connection);
        false
    }
    fn go_on(&mut self, _: &Walked) -> bool {
        if let Some(act) = self.act.take() {
            act();
        }
        true
    }
}

/// Answers that do not fit into the socket are lost (ENOBUFS): nobody waits for them, and it is said.
#[test]
fn answers_that_are_lost_are_told_and_the_work_can_be_done_again() {
    let Some(mut table) = table() else { return };
    let all = connections(2000);
    fill(&mut table, &all);
    setsockopt(table.acts(), sockopt::RcvBuf, &1).expect("as small as may be");
    // None of these is there: each is answered.
    let strange =
        all.iter().map(|one| Tuple { source_port: one.original.source_port + 20_000, ..one.original });
    let error = table.delete(5, strange, &mut Eye::default()).expect_err("answers are lost");
    assert!(matches!(error, ConntrackError::Lost { errno: Errno::ENOBUFS, .. }), "{error}");
    setsockopt(table.acts(), sockopt::RcvBuf, &(1 << 20)).expect("as it was");
    let mut eye = Eye::default();
    let walked = table.walk(Filter::default(), &mut eye).expect("walks");
    // Nobody was asked to go.
    saw_each(&eye.seen, &all, &walked);
    let walked = table.delete(5, all.iter().map(|one| one.original), &mut Eye::default()).expect("deletes");
    assert_eq!((walked.deleted, walked.gone), (2000, 0));
}

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// Signals at every moment (EINTR) change nothing.
#[test]
fn signals_do_no_harm() {
    let Some(mut table) = table() else { return };
    let all = connections(1000);
    // Not taken up again by the kernel.
    let action = SigAction::new(SigHandler::Handler(count), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler only adds to an atomic number.
    unsafe { sigaction(Signal::SIGUSR2, &action) }.expect("a handler");
    // SAFETY: takes nothing, and names the calling thread, which outlives the one that signals.
    let own = unsafe { libc::pthread_self() };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // SAFETY: the thread waits at the end of this scope, so it is there.
                unsafe { libc::pthread_kill(own, libc::SIGUSR2) };
                std::thread::yield_now();
            }
        });
        // More often where the one that signals seldom gets a processor.
        for _ in (0..2000).take_while(|at| *at < 15 || SIGNALS.load(Ordering::Relaxed) <= 100) {
            fill(&mut table, &all);
            let mut eye = Eye::default();
            let walked = table.walk(Filter { zone: Some(5), ipv4: None }, &mut eye).expect("walks");
            saw_each(&eye.seen, &all, &walked);
            let walked = table.delete(5, all.iter().map(|one| one.original), &mut eye).expect("deletes");
            assert_eq!((walked.deleted, walked.gone), (1000, 0));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(SIGNALS.load(Ordering::Relaxed) > 100, "hardly a signal came");
}

const BUCKETS: &str = "/proc/sys/net/netfilter/nf_conntrack_buckets";

/// What the machine has, as it was.
struct Buckets(String);

impl Drop for Buckets {
    fn drop(&mut self) {
        let _ = std::fs::write(BUCKETS, self.0.trim());
    }
}

/// Entries move to other buckets, some of them past the walk: it is begun again, and sees all.
#[test]
fn a_table_that_changes_its_shape_is_walked_again() {
    let Some(mut table) = table() else { return };
    let all = connections(3000);
    fill(&mut table, &all);
    let was = Buckets(std::fs::read_to_string(BUCKETS).expect("is there"));
    let number: usize = was.0.trim().parse().expect("a number");
    let reshape = || std::fs::write(BUCKETS, (number / 2).to_string()).expect("may be set");
    let mut eye = Eye { act: Some(&reshape), ..Eye::default() };
    let walked = table.walk(Filter::default(), &mut eye).expect("walks");
    assert!(walked.again >= 1, "{walked:?}");
    assert!(all.iter().all(|one| eye.seen.contains(one)), "{} of {}", eye.seen.len(), all.len());
}
