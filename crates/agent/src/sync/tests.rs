use model::NetworkId;
use model::desired::{Kind, Network, Segment};
use uuid::Uuid;

use super::*;

fn network(id: u128, mtu_bytes: u32) -> Change {
    let id = NetworkId(Uuid::from_u128(id));
    let network = Network { id, mtu_bytes, segment: Segment::Local, peers: BTreeSet::new(), roaming: false };
    Change { key: key(id.0.as_u128()), part: Some(Part::Network(network)) }
}

fn key(id: u128) -> Key {
    Key::new(Kind::Network, Uuid::from_u128(id))
}

fn answer(revision: Revision, full: bool, changes: Vec<Change>) -> Fetched {
    let (untold, skipped) = (vec![], vec![]);
    Fetched { revision, epoch: "e".into(), full, changes, untold, skipped, covers_all: true }
}

fn at(revision: Revision) -> Since {
    Since { revision, epoch: "e".into() }
}

fn mtu(store: &Store, id: u128) -> Option<u32> {
    store.wanted.network(NetworkId(Uuid::from_u128(id))).map(|network| network.mtu_bytes)
}

#[test]
fn newest_stays() {
    let mut store = Store::new(Settings::default());
    store.take(answer(10, true, vec![network(1, 1500)]));
    store.take(answer(12, false, vec![network(1, 9000)]));
    assert_eq!((mtu(&store, 1), store.since()), (Some(9000), Some(&at(12))));
    // An answer that was overtaken is refused, and the next ask is for everything.
    let taken = store.take(answer(11, false, vec![network(1, 1400)]));
    assert_eq!((taken, mtu(&store, 1)), (Taken::default(), Some(9000)));
    assert_eq!(store.since(), None);
}

#[test]
fn absence_counts_in_full_answers_only() {
    let mut store = Store::new(Settings::default());
    assert!(!store.is_whole());
    store.take(answer(1, false, vec![network(1, 1500)]));
    assert!(!store.is_whole() && store.since().is_none());
    store.take(answer(2, true, vec![network(1, 1500), network(2, 1500)]));
    assert!(store.is_whole());
    let taken = store.take(answer(3, false, vec![network(2, 1400)]));
    assert_eq!(taken.keys, BTreeSet::from([key(2)]));
    let taken = store.take(answer(4, true, vec![network(2, 1400)]));
    assert_eq!(taken.keys, BTreeSet::from([key(1), key(2)]));
    assert_eq!(mtu(&store, 1), None);
}

#[test]
fn a_restored_database_is_believed_when_whole() {
    let mut store = Store::new(Settings::default());
    store.take(answer(100, true, vec![network(1, 1500)]));
    store.take(answer(7, false, vec![network(1, 1400)]));
    assert_eq!(store.since(), None);
    store.take(answer(7, true, vec![network(1, 1400)]));
    assert_eq!((mtu(&store, 1), store.since()), (Some(1400), Some(&at(7))));
}

#[test]
fn a_removed_part_is_remembered_as_it_was() {
    let mut store = Store::new(Settings::default());
    store.take(answer(1, true, vec![network(1, 1500)]));
    let taken = store.take(answer(2, false, vec![Change { key: key(1), part: None }]));
    assert_eq!(taken.old.len(), 1);
    // What went at revision 2 does not come back by an older word.
    store.take(answer(1, false, vec![network(1, 1500)]));
    assert_eq!(mtu(&store, 1), None);
}

#[test]
fn what_could_not_be_told_stays_as_it_is() {
    let mut store = Store::new(Settings::default());
    store.take(answer(1, true, vec![network(1, 1500), network(2, 1500), network(3, 1500)]));
    let told = Fetched { untold: vec![key(1)], ..answer(2, true, vec![network(2, 1400)]) };
    let taken = store.take(told);
    assert_eq!((mtu(&store, 1), mtu(&store, 2), mtu(&store, 3)), (Some(1500), Some(1400), None));
    assert_eq!(taken.keys, BTreeSet::from([key(2), key(3)]));
    // A report on it is of before the part's last change.
    assert!(store.revision(key(1)) < 2);
}

#[test]
fn a_server_that_does_not_know_every_kind_takes_nothing_away() {
    let mut store = Store::new(Settings::default());
    let earlier = |revision, full, changes| Fetched { covers_all: false, ..answer(revision, full, changes) };
    store.take(earlier(1, true, vec![network(1, 1500)]));
    assert!(!store.is_whole() && store.since().is_none(), "what it left out may be there");
    store.take(answer(2, true, vec![network(1, 1500), network(2, 1500)]));
    let taken = store.take(earlier(3, true, vec![network(1, 1400)]));
    assert_eq!(
        (taken.keys, mtu(&store, 1), mtu(&store, 2)),
        (BTreeSet::from([key(1)]), Some(1400), Some(1500))
    );
    store.take(earlier(4, false, vec![network(2, 1400)]));
    assert_eq!((mtu(&store, 2), store.since()), (Some(1400), Some(&at(2))), "asked for again of another");
}
