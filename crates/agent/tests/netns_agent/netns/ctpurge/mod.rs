//! ctpurge on real tables: what jobs ask for goes, and nothing else, whatever happens meanwhile.

mod bed;
mod hostile;

use host::purge::Connection;
use kernel::netns;
use model::conversation::Why;
use model::purge::{
    Addresses, Answer, Began, Job, Outcome, Pairs, Peers, Place, Ports, Request, Service, State, Tuples, What,
};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use bed::{Bed, address, connection, job, mesh, router};

fn pairs(zone: Option<u16>, removed: &[u8], peers: &[u8]) -> Pairs {
    let both = |ends: &[u8]| -> Addresses {
        ends.iter().flat_map(|n| [true, false].map(|v4| address(v4, *n))).collect()
    };
    let peers = if peers.is_empty() { Peers::Any } else { Peers::Of(both(peers)) };
    Pairs { zone, removed: both(removed), peers, service: None, began: Began::Either }
}

fn outcome(job: &model::purge::JobShown) -> Outcome {
    match &job.state {
        State::Done(outcome) => *outcome,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_jobs_ask_for_goes_and_decoys_stay() {
    let Some(bed) = Bed::new() else { return };
    let (one, other) = (router(1), router(2));
    let was = mesh(&[0, 5, 6, 7]);
    for place in [&one, &other] {
        let Place::Netns(name) = place else { unreachable!("is one") };
        bed.netns(name);
        bed.fill(place, &was);
    }
    bed.fill(&Place::Host, &was);
    let udp = Service { ports: Some(Ports { from: 20, to: 45 }), ..Service::all_of(17) };
    let known = was.iter().filter(|c| c.zone == 7).step_by(5).map(|c| c.original).collect();
    let jobs: Vec<Job> = [
        job(&Place::Host, What::Zone(6)),
        job(&Place::Host, What::Pairs(pairs(Some(6), &[1], &[]))),
        job(&Place::Host, What::Pairs(pairs(Some(5), &[1, 2, 3, 4], &[5, 6, 7, 8, 9]))),
        job(&Place::Host, What::Pairs(Pairs { service: Some(udp), ..pairs(None, &[2], &[]) })),
        job(&Place::Host, What::Tuples(Tuples { zone: 7, tuples: known })),
        job(&one, What::Pairs(Pairs { began: Began::Peer, ..pairs(Some(0), &[8], &[1, 2]) })),
        job(&one, What::Pairs(pairs(Some(0), &[9], &[3]))),
        job(&other, What::Pairs(pairs(Some(9), &[1], &[]))),
    ]
    .into();
    let running = bed.start().await;
    let Answer::Submitted { outcomes } = bed.ask(Request::Submit { jobs: jobs.clone() }).await else {
        panic!("not that answer");
    };
    assert_eq!(outcomes, vec![None; jobs.len()]);
    for (at, job) in jobs.iter().enumerate() {
        let outcome = outcome(&bed.ended(job.id).await);
        assert_eq!(outcome.gone, 0);
        // The second is done by the flush of its zone, the last finds nothing.
        assert_eq!(outcome.deleted > 0, at != 1 && at != 7, "{at}: {outcome:?}");
    }
    for place in [Place::Host, one, other] {
        bed.is_as_after(&place, &was, &jobs);
    }
    let stats = bed.stats().await;
    assert_eq!(
        (stats.counters.done, stats.counters.failed, stats.counters.malformed),
        (8, 0, 0),
        "{stats:?}"
    );
    assert!(stats.counters.merged >= 1 && stats.counters.zone_flushes == 1, "{stats:?}");
    // The same job once more: known, and not done again.
    let Answer::Submitted { outcomes } = bed.ask(Request::Submit { jobs: vec![jobs[0].clone()] }).await
    else {
        panic!("not that answer");
    };
    assert_eq!((outcomes, bed.stats().await.counters.accepted), (vec![None], 8));
    running.stop().await;
}

/// It is stopped in the middle of slow work, and started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_had_not_ended_is_done_after_a_restart() {
    let Some(mut bed) = Bed::new() else { return };
    let was: Vec<Connection> =
        (0..9000).map(|n| connection(5, true, 17, n, [(n % 8) as u8 + 1, 9, 9])).collect();
    bed.fill(&Place::Host, &was);
    (bed.settings.share_percent, bed.settings.slice_ms) = (1, 1);
    let running = bed.start().await;
    let jobs = [job(&Place::Host, What::Pairs(pairs(Some(5), &[1, 2, 3, 4, 5, 6, 7], &[9])))];
    let Answer::Submitted { outcomes } = bed.ask(Request::Submit { jobs: jobs.to_vec() }).await else {
        panic!("not that answer");
    };
    assert_eq!(outcomes, [None]);
    super::wait::eventually("some are gone", || bed.entries(&Place::Host), |count| *count < 9000).await;
    running.stop().await;
    let left = bed.entries(&Place::Host);
    assert!(left > 9000 / 8, "it was stopped in the middle: {left}");
    bed.settings.share_percent = 100;
    let running = bed.start().await;
    let shown = bed.ended(jobs[0].id).await;
    assert!(matches!(shown.state, State::Done(_)), "{shown:?}");
    assert_eq!(bed.stats().await.counters.replayed, 1);
    bed.is_as_after(&Place::Host, &was, &jobs);
    running.stop().await;
    let running = bed.start().await;
    assert_eq!(bed.ended(jobs[0].id).await, shown, "what ended is remembered");
    assert_eq!(bed.stats().await.counters.replayed, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_may_be_gone_or_vanish_under_the_work() {
    let Some(mut bed) = Bed::new() else { return };
    let (place, never) = (router(3), router(4));
    let Place::Netns(name) = &place else { unreachable!("is one") };
    bed.netns(name);
    let was: Vec<Connection> = (0..9000).map(|n| connection(0, true, 6, n, [1, 2, 2])).collect();
    bed.fill(&place, &was);
    bed.fill(&Place::Host, &was);
    (bed.settings.share_percent, bed.settings.slice_ms) = (2, 1);
    let running = bed.start().await;
    let jobs = [job(&place, What::Pairs(pairs(None, &[1], &[]))), job(&never, What::Zone(0))];
    bed.ask(Request::Submit { jobs: jobs.to_vec() }).await;
    super::wait::eventually("some are gone", || bed.entries(&place), |count| *count < 9000).await;
    netns::delete(&bed.settings.netns_dir, name).expect("deletes");
    assert!(!outcome(&bed.ended(jobs[0].id).await).place_gone, "what is open goes on");
    assert!(outcome(&bed.ended(jobs[1].id).await).place_gone);
    let again = job(&place, What::Zone(0));
    bed.ask(Request::Submit { jobs: vec![again.clone()] }).await;
    assert!(outcome(&bed.ended(again.id).await).place_gone);
    assert_eq!(bed.entries(&Place::Host), 9000);
    running.stop().await;
}

/// A job whose place cannot be worked on is tried again, and then given up, and may be asked for again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_told() {
    let Some(mut bed) = Bed::new() else { return };
    let real = bed.settings.namespace.replace(bed.dir.path().join("ns/none"));
    let running = bed.start().await;
    let jobs = [job(&Place::Host, What::Pairs(pairs(None, &[1], &[])))];
    bed.ask(Request::Submit { jobs: jobs.to_vec() }).await;
    let shown = bed.ended(jobs[0].id).await;
    assert!(matches!(&shown.state, State::Failed { reason, .. } if reason.contains("none")), "{shown:?}");
    let stats = bed.stats().await.counters;
    assert_eq!((stats.failed, stats.retries > 2), (1, true));
    running.stop().await;
    bed.settings.namespace = real;
    let was = mesh(&[5]);
    bed.fill(&Place::Host, &was);
    let running = bed.start().await;
    bed.ask(Request::Submit { jobs: jobs.to_vec() }).await;
    let done = || {
        let ask = async { bed.ask(Request::Job { id: jobs[0].id }).await };
        let Answer::Job { job: Some(job) } = tokio::runtime::Handle::current().block_on(ask) else {
            panic!("gone")
        };
        job.state
    };
    super::wait::eventually("it is done", done, |state| matches!(state, State::Done(_))).await;
    bed.is_as_after(&Place::Host, &was, &jobs);
    running.stop().await;
}

/// As heavy as may be, and one that can never be: each is acknowledged, also when it starts late.
struct Small<'a>(&'a std::path::Path);

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = umount2(self.0, MntFlags::MNT_DETACH);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_jobs_are_refused_and_none_is_lost() {
    let Some(mut bed) = Bed::new() else { return };
    bed.settings.max_waiting_jobs = 100_000;
    let state = bed.settings.state_dir.clone();
    std::fs::create_dir_all(&state).expect("folder");
    mount(Some("none"), &state, Some("tmpfs"), MsFlags::empty(), Some("size=128k")).expect("mounts");
    let _small = Small(&state);
    // Nothing is done, so that nothing ends.
    bed.settings.gather_ms = 10_000;
    let running = bed.start().await;
    let mut accepted = Vec::new();
    let refused = loop {
        let many: Addresses = (0..200u8).map(|n| address(true, n)).collect();
        let what = What::Pairs(Pairs { removed: many, ..pairs(Some(5), &[1], &[]) });
        let jobs = vec![job(&Place::Host, what)];
        let Answer::Submitted { outcomes } = bed.ask(Request::Submit { jobs: jobs.clone() }).await else {
            panic!("not that answer");
        };
        match outcomes.into_iter().next().expect("one") {
            None => accepted.extend(jobs),
            Some(refused) => break refused,
        }
        assert!(accepted.len() < 1000, "128 KiB hold no more");
    };
    assert_eq!(refused.why, Why::NoSpace, "{refused:?}");
    assert!(refused.is_for_now() && refused.message.contains("No space left"), "{refused:?}");
    assert!(accepted.len() > 5);
    running.stop().await;
    bed.settings.gather_ms = 0;
    let running = bed.start().await;
    let stats = bed.stats().await.counters;
    assert_eq!(stats.replayed, accepted.len() as u64);
    for job in &accepted {
        assert!(matches!(bed.ended(job.id).await.state, State::Done(_)));
    }
    running.stop().await;
}

const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

/// What the machine allows, as it was.
struct Allowed(String);

impl Drop for Allowed {
    fn drop(&mut self) {
        let _ = std::fs::write(MAX, self.0.trim());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_full_is_purged_as_any_other() {
    let Some(bed) = Bed::new() else { return };
    let was: Vec<Connection> =
        (0..15_000).map(|n| connection(5, true, 17, n, [(n % 5) as u8 + 1, 9, 9])).collect();
    bed.fill(&Place::Host, &was);
    // Of all namespaces of the machine: more than other tests have.
    let _allowed = Allowed(std::fs::read_to_string(MAX).expect("connections are tracked"));
    std::fs::write(MAX, "12000").expect("may be set");
    let running = bed.start().await;
    let jobs = [job(&Place::Host, What::Pairs(pairs(Some(5), &[1, 2, 3], &[9])))];
    bed.ask(Request::Submit { jobs: jobs.to_vec() }).await;
    assert_eq!(outcome(&bed.ended(jobs[0].id).await).deleted, 9000);
    bed.is_as_after(&Place::Host, &was, &jobs);
    running.stop().await;
}
