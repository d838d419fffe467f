//! What waits, for how long, and what it comes to when nobody purges.

use std::net::IpAddr;

use host::secgroup::GROUND;
use host::{Settings, Wanted};
use model::NetworkId;
use model::desired::{Kind, Port};
use model::purge::{Pairs, Place};

use super::merge::MOST;
use super::*;

mod late;

const NETWORK: NetworkId = NetworkId(Uuid::from_u128(7));

fn due_in(zone: u16, n: u16) -> Due {
    let removed = [IpAddr::from([10, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]])].into();
    let pairs = Pairs {
        zone: Some(zone),
        removed,
        peers: Default::default(),
        service: None,
        began: Default::default(),
    };
    Due {
        reason: Reason::RuleRemoved,
        place: Place::Host,
        what: What::Pairs(pairs),
        ports: [PortId(Uuid::from_u128(u128::from(zone) << 32 | u128::from(n)))].into(),
        causes: [Key::new(Kind::Group, Uuid::from_u128(u128::from(n)))].into(),
    }
}

fn due(n: u16) -> Due {
    due_in(1, n)
}

fn in_netns(router: &str, n: u16) -> Due {
    let mut due = Due { place: Place::Netns(router.to_owned()), ports: BTreeSet::new(), ..due(n) };
    if let What::Pairs(pairs) = &mut due.what {
        pairs.zone = None;
    }
    due
}

fn filtered(n: u16, ip: [u8; 4]) -> Port {
    Port {
        id: PortId(Uuid::from_u128(0xaaaa_0000 + u128::from(n))),
        network_id: NETWORK,
        mac: wire::Mac([2, 0, 0, 0, 0, 1]),
        fixed_ips: vec![ip.into()],
        admin_state_up: true,
        allowed: Some(Vec::new()),
        trusted: false,
        groups: Some(BTreeSet::new()),
        qos: None,
        trunk: None,
        local_ips: Default::default(),
        logs: Default::default(),
    }
}

/// Nobody listens; what it would be handed stays here.
struct Alone {
    dir: tempfile::TempDir,
    wanted: Wanted,
}

impl Alone {
    fn new() -> Alone {
        Alone { dir: tempfile::tempdir().expect("directory"), wanted: Wanted::new(Settings::default()) }
    }

    /// As an agent that starts.
    fn open(&mut self) -> Purges {
        self.wanted = Wanted::new(Settings::default());
        Purges::open(self.dir.path(), self.dir.path().join("nobody"), &mut self.wanted)
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("purges")
    }
}

fn ids_of(purges: &Purges, due: &Due) -> Vec<JobId> {
    let same = purges.waiting.iter().filter(|(_, entry)| entry.ports == due.ports);
    same.map(|(id, _)| *id).collect()
}

fn done(ids: &[JobId]) -> Vec<Told> {
    ids.iter().map(|id| Told::Done(*id)).collect()
}

#[tokio::test]
async fn what_waits_outlasts_the_agent() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    assert_eq!(purges.note(vec![due(1), due(2)], &mut alone.wanted).len(), 2);
    assert!(purges.note(vec![due(1)], &mut alone.wanted).is_empty(), "revoked already");
    drop(purges);
    let mut purges = alone.open();
    assert_eq!(purges.waiting.len(), 2, "the same again waits once");
    // A port is restored when the last of its jobs is done.
    purges.sent.extend(purges.waiting.keys().copied());
    purges.note(vec![due(1)], &mut alone.wanted);
    let of_first = ids_of(&purges, &due(1));
    assert!(purges.hear(done(&of_first[..1]), &mut alone.wanted).is_empty());
    assert_eq!(purges.hear(done(&of_first[1..]), &mut alone.wanted), due(1).ports);
    drop(purges);
    let mut purges = alone.open();
    assert_eq!(purges.waiting.values().map(|entry| &entry.ports).collect::<Vec<_>>(), [&due(2).ports]);
    purges.hear(done(&ids_of(&purges, &due(2))), &mut alone.wanted);
    assert!(!alone.path().exists(), "nothing waits");
}

#[tokio::test]
async fn a_change_costs_the_disk_what_it_changes() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    purges.note((0..200).map(due).collect(), &mut alone.wanted);
    let len = |alone: &Alone| std::fs::metadata(alone.path()).expect("is there").len();
    let before = len(&alone);
    purges.note(vec![due(2000)], &mut alone.wanted);
    let one = len(&alone) - before;
    purges.hear(done(&ids_of(&purges, &due(7))), &mut alone.wanted);
    let gone = len(&alone) - before - one;
    assert!(one > 0 && one < 1000 && gone > 0 && gone < 100, "{before}, {one}, {gone}");
    // Torn, as by a crash; and it does not only grow.
    let mut text = std::fs::read(alone.path()).expect("reads");
    text.extend(b"{\"done\":\"00000000-00");
    std::fs::write(alone.path(), &text).expect("writes");
    drop(purges);
    let mut purges = alone.open();
    assert_eq!(purges.waiting.len(), 200);
    let mut grew = 0;
    for n in 0..5000 {
        let before = len(&alone);
        purges.note(vec![due(3000)], &mut alone.wanted);
        purges.hear(done(&ids_of(&purges, &due(3000))), &mut alone.wanted);
        grew += usize::from(len(&alone) > before);
        assert!(len(&alone) < 2 << 20, "{n}");
    }
    assert!(grew < 5000, "never written anew");
    drop(purges);
    assert_eq!(alone.open().waiting.len(), 200);
}

#[tokio::test]
async fn a_job_that_failed_is_tried_again_and_keeps_its_ports_revoked() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    purges.note(vec![due(1)], &mut alone.wanted);
    purges.hand_over(&BTreeSet::new(), &alone.wanted);
    let id = ids_of(&purges, &due(1))[0];
    assert!(purges.sent.contains(&id));
    for _ in 0..2 {
        let failed = vec![Told::Failed(id, "no memory".into())];
        assert!(purges.hear(failed, &mut alone.wanted).is_empty(), "restored");
        assert!(!alone.wanted.revoke(*due(1).ports.first().expect("one")), "not revoked");
        let failures = purges.failures();
        assert_eq!(failures.iter().filter(|said| said.contains("no memory")).count(), 1, "{failures:?}");
        assert!(!purges.sent.contains(&id), "sent at once");
        // That nobody is there is news, too.
        while !purges.sent.contains(&id) {
            let news = tokio::time::timeout(LONGEST_RETRY, purges.news()).await;
            purges.hear(news.expect("not sent again"), &mut alone.wanted);
        }
    }
    assert_eq!(purges.hear(vec![Told::Done(id)], &mut alone.wanted), due(1).ports);
    assert!(!purges.failures().concat().contains("no memory"));
}

#[tokio::test]
async fn a_job_that_is_wrong_is_said_and_not_handed_over_again() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    purges.note(vec![due(1)], &mut alone.wanted);
    purges.hand_over(&BTreeSet::new(), &alone.wanted);
    let id = ids_of(&purges, &due(1))[0];
    let refused = vec![Told::Refused(id, "not understood".into())];
    assert!(purges.hear(refused, &mut alone.wanted).is_empty(), "restored");
    purges.hand_over(&BTreeSet::new(), &alone.wanted);
    purges.note(vec![due(1)], &mut alone.wanted);
    purges.hand_over(&BTreeSet::new(), &alone.wanted);
    assert!(purges.sent.is_empty() && purges.waiting.len() == 1);
    assert!(purges.failures().concat().contains("not understood"));
    // Another agent may say it in another way.
    let mut next = alone.open();
    next.hand_over(&BTreeSet::new(), &alone.wanted);
    assert!(next.sent.contains(&id) && next.failures().is_empty());
}

#[tokio::test]
async fn little_is_under_way_while_nobody_purges() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    for n in 0..3000 {
        purges.note(vec![due(n)], &mut alone.wanted);
        purges.hand_over(&BTreeSet::new(), &alone.wanted);
    }
    assert_eq!((purges.waiting.len(), purges.sent.len()), (3000, UNDER_WAY));
    // What is done makes room.
    let some: Vec<JobId> = purges.sent.iter().copied().take(9).collect();
    while purges.jobs.capacity() == 0 {
        tokio::task::yield_now().await;
    }
    purges.hear(done(&some), &mut alone.wanted);
    assert!(purges.sent.len() > UNDER_WAY - 9);
}

#[tokio::test]
async fn nothing_is_handed_over_before_what_it_is_about() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    purges.note(vec![due(1)], &mut alone.wanted);
    purges.hear(Vec::new(), &mut alone.wanted);
    assert!(purges.sent.is_empty());
    // Nor before its ports are revoked, or while nobody is.
    let port = |due: Due| due.ports.iter().map(|id| Key::new(Kind::Port, id.0)).collect::<BTreeSet<Key>>();
    let none = BTreeSet::new;
    for (amiss, ports) in [(due(1).causes, none()), (port(due(1)), due(1).ports), ([GROUND].into(), none())] {
        purges.unrevoked = ports;
        purges.hand_over(&amiss, &alone.wanted);
        assert!(purges.sent.is_empty() && purges.ready.is_empty(), "{amiss:?}");
    }
    let mut other = alone.open();
    other.hand_over(&port(due(2)), &alone.wanted);
    assert!(!other.sent.is_empty(), "of another");
    let mut purges = alone.open();
    // Nor what is drawn together with it.
    purges.note((2..=MOST as u16).map(due).collect(), &mut alone.wanted);
    assert_eq!(purges.waiting.len(), MOST);
    purges.hand_over(&due(1).causes, &alone.wanted);
    purges.note(vec![due(9000)], &mut alone.wanted);
    assert_eq!(purges.waiting.len(), 1);
    let sent = purges.sent.len();
    purges.hand_over(&due(1).causes, &alone.wanted);
    assert_eq!(purges.sent.len(), sent);
    purges.hand_over(&BTreeSet::new(), &alone.wanted);
    assert!(purges.waiting.keys().all(|id| purges.sent.contains(id) || purges.jobs.capacity() == 0));
}

#[tokio::test]
async fn who_causes_too_many_pays_for_them() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    let router = |n: u16| format!("qrouter-{}", Uuid::from_u128(u128::from(n % 3)));
    let many = MOST as u16;
    purges.note((0..90).map(|n| due_in(2, n)).collect(), &mut alone.wanted);
    purges.note((0..90).map(|n| in_netns(&router(n), n)).collect(), &mut alone.wanted);
    purges.note((0..many).map(|n| due_in(1, n)).collect(), &mut alone.wanted);
    let of = |purges: &Purges, what: fn(&Entry) -> bool| {
        purges.waiting.values().filter(|entry| what(entry)).count()
    };
    let whole = |entry: &Entry| matches!(entry.job.what, What::Zone(_));
    assert_eq!((purges.waiting.len(), of(&purges, whole)), (90 + 90 + 1, 1));
    let ports: BTreeSet<PortId> =
        purges.waiting.values().flat_map(|entry| entry.ports.iter().copied()).collect();
    assert_eq!(ports.len(), 90 + MOST);
    // Of a namespace: none is lost.
    purges.note((0..many).map(|n| in_netns(&router(0), n)).collect(), &mut alone.wanted);
    let in_netns = |entry: &Entry| matches!(entry.job.place, Place::Netns(_));
    assert_eq!((of(&purges, in_netns), of(&purges, whole)), (60 + 1, 2));
    drop(purges);
    assert_eq!(alone.open().waiting.len(), 90 + 60 + 1 + 1);
}

#[tokio::test]
async fn few_jobs_of_very_many_addresses_are_bounded_too() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    let heavy = |n: u16| {
        let mut due = due_in(n, n);
        if let What::Pairs(pairs) = &mut due.what {
            pairs.removed =
                (0..5000u32).map(|at| IpAddr::from((u32::from(n) << 16 | at).to_be_bytes())).collect();
        }
        due
    };
    purges.note((1..=200).map(heavy).collect(), &mut alone.wanted);
    let weight: usize = purges.waiting.values().map(|entry| entry.job.what.weight()).sum();
    assert!(purges.waiting.len() == 200 && weight <= MOST * 128, "{weight}");
}

#[tokio::test]
async fn who_comes_to_an_address_is_revoked_until_its_connections_are_forgotten() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    let bridge = host::names::bridge(NETWORK);
    purges.zones.insert(bridge.clone(), 1);
    purges.note(vec![due(1)], &mut alone.wanted);
    let (heir, other) = (filtered(1, [10, 0, 0, 1]), filtered(2, [10, 0, 0, 2]));
    let keys = [&heir, &other].map(|port| Key::new(Kind::Port, port.id.0));
    for port in [&heir, &other] {
        alone.wanted.put(Part::Port(port.clone()));
    }
    assert_eq!(purges.revoke_heirs(&keys.into(), &mut alone.wanted), [heir.id].into());
    assert!(purges.revoke_heirs(&keys.into(), &mut alone.wanted).is_empty(), "revoked already");
    drop(purges);
    let mut purges = alone.open();
    let all: Vec<JobId> = purges.waiting.keys().copied().collect();
    assert!(purges.hear(done(&all), &mut alone.wanted).contains(&heir.id));
    // A zone that was given back is nobody's.
    purges.zones.insert(bridge.clone(), 1);
    let zones = Set::Zones.at();
    let elements = vec![(Item::Device(bridge), Value::Zone(1))];
    let step = Step { key: keys[0], needs: None, op: Op::DeleteElements { at: zones, elements } };
    purges.release(&[step], &mut alone.wanted);
    assert!(purges.zones.is_empty());
    assert!(purges.waiting.values().any(|entry| entry.job.what == What::Zone(1)));
}

#[tokio::test]
async fn an_heir_is_one_while_a_job_waits_and_no_longer() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    purges.zones.insert(host::names::bridge(NETWORK), 1);
    let heir = filtered(1, [10, 0, 0, 7]);
    alone.wanted.put(Part::Port(heir.clone()));
    let keys: BTreeSet<Key> = [Key::new(Kind::Port, heir.id.0)].into();
    // Drawn together with others, it is still about the address.
    purges.note((0..=MOST as u16).map(due).collect(), &mut alone.wanted);
    assert_eq!(purges.waiting.len(), 1);
    assert_eq!(purges.revoke_heirs(&keys, &mut alone.wanted), [heir.id].into());
    let all: Vec<JobId> = purges.waiting.keys().copied().collect();
    assert!(purges.hear(done(&all), &mut alone.wanted).contains(&heir.id));
    purges.note(vec![due(9)], &mut alone.wanted);
    assert!(purges.revoke_heirs(&keys, &mut alone.wanted).is_empty(), "of what was done");
    purges.note(vec![due(7)], &mut alone.wanted);
    assert_eq!(purges.revoke_heirs(&keys, &mut alone.wanted), [heir.id].into());
}
