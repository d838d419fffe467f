//! What groups become, as text.

use model::desired::{Key, Part};
use model::purge::{Began, Peers, Reason, What};

use super::*;
use crate::wanted::Settings;

fn full() -> Wanted {
    let parts: Vec<Part> = serde_json::from_str(include_str!("golden/full.json")).expect("parts");
    let mut want = Wanted::new(Settings::default());
    for part in parts {
        want.put(part);
    }
    want
}

#[test]
#[expect(clippy::disallowed_methods, reason = "golden files are read")]
fn tables_are_as_written() {
    let text = text(&full());
    let path = format!("{}/src/secgroup/golden/full.nft", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("golden file is written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{path}; UPDATE=1 writes what is");
}

/// A change, and what is due after it: reasons, peers by number, who began, ports revoked.
fn due(change: impl FnOnce(&mut Wanted) -> Vec<Part>) -> Vec<(Reason, Option<usize>, Began, usize)> {
    let mut want = full();
    let network = want.of_kind(Kind::Network).next().expect("network").key();
    let zones = Zones::from([(names::bridge(model::NetworkId(network.id)), 7)]);
    let old = change(&mut want);
    let dues = purge_due(&want, &old, &zones);
    let shown = dues.into_iter().map(|due| {
        let What::Pairs(pairs) = due.what else { panic!("not pairs") };
        assert_eq!(pairs.zone, Some(7));
        let peers = match pairs.peers {
            Peers::Any => None,
            Peers::Of(peers) => Some(peers.len()),
        };
        (due.reason, peers, pairs.began, due.ports.len())
    });
    shown.collect()
}

#[test]
fn what_nobody_explains_makes_purges_due() {
    let want = full();
    let network = want.of_kind(Kind::Network).next().expect("network").key();
    let zones = Zones::from([(names::bridge(model::NetworkId(network.id)), 7)]);
    let mut now = crate::Observed::default();
    for step in crate::diff(&want, &now, &Scope::All) {
        now.pretend(&step.op);
    }
    let due = |now: &crate::Observed, known: &BTreeSet<Key>| {
        let dues = purge_unexplained(&want, now, known, &zones);
        dues.into_iter().map(|due| (due.reason, due.ports.len())).collect::<Vec<_>>()
    };
    assert_eq!(due(&now, &BTreeSet::new()), []);
    // A port that is judged anew, and no job that says until when.
    let port = first(&want, Kind::Port).key();
    let mut revoked = now.clone();
    let (at, item) = revoked_item(PortId(port.id));
    revoked.filter.pretend_add(&at, &[(item, Value::None)]);
    assert_eq!(due(&revoked, &BTreeSet::new()), [(Reason::RuleRemoved, 1)]);
    // A group that was another; what it was is known to who was told of the change.
    let Part::Group(group) = first(&want, Kind::Group) else { panic!("group") };
    let mut other = now.clone();
    let chain = &group_chains(&group)[0].at;
    other.filter.chains.insert(chain.clone(), ChainMark { hash: 1, rules: 1 });
    assert_eq!(due(&other, &BTreeSet::new()), [(Reason::RuleRemoved, 1)]);
    assert_eq!(due(&other, &[Key::new(Kind::Group, group.id.0)].into()), []);
    // A member that is none.
    let mut stranger = now.clone();
    let hosts = stranger.filter.sets.iter_mut().find(|(at, _)| at.name.starts_with("m4-"));
    let net = Item::Net("10.9.9.9/32".parse().expect("net"));
    hosts.expect("a set of hosts").1.insert(net, Value::None);
    assert_eq!(due(&stranger, &BTreeSet::new()), [(Reason::MemberRemoved, 1)]);
    // A member's pair, and a net of an address group; what is in a net that is there is no stranger.
    for (set, of) in [("p4-", Kind::Group), ("a4-", Kind::Addresses)] {
        let strangers = |net: &str| {
            let mut now = now.clone();
            let found = now.filter.sets.iter_mut().find(|(at, _)| at.name.starts_with(set));
            let (at, items) = found.expect("a set of nets");
            items.insert(Item::Net(net.parse().expect("net")), Value::None);
            let id = at.name.split_once('-').expect("id").1.parse().expect("id");
            (due(&now, &BTreeSet::new()), due(&now, &[Key::new(of, id)].into()))
        };
        let missed = vec![(Reason::MemberRemoved, 1)];
        let told = if of == Kind::Addresses { vec![] } else { missed.clone() };
        assert_eq!(strangers("10.77.0.0/16"), (missed, told), "{set}");
        let there = now.filter.sets.iter().find(|(at, _)| at.name.starts_with(set)).expect("set").1;
        if let Some(Item::Net(net)) = there.keys().next() {
            let half = net.subnets(net.prefix_len() + 1).expect("a longer one").next().expect("half");
            assert_eq!(strangers(&half.to_string()).0, [], "{set}");
        }
    }
}

fn first(want: &Wanted, kind: Kind) -> Part {
    want.of_kind(kind).next().expect("a part").clone()
}

#[test]
fn what_goes_makes_purges_due() {
    // Nothing is due for what comes, or is as it was.
    assert_eq!(due(|want| vec![first(want, Kind::Group), first(want, Kind::Member)]), []);
    let port = |want: &Wanted| first(want, Kind::Port).key();
    assert_eq!(
        due(|want| want.remove(port(want)).into_iter().collect()),
        [(Reason::PortDeleted, None, Began::Either, 0)]
    );
    assert_eq!(
        due(|want| {
            let Part::Group(mut group) = first(want, Kind::Group) else { panic!("group") };
            let about = |rule: &model::desired::GroupRule| {
                matches!(rule.remote, model::desired::RemoteSide::Addresses(_))
            };
            group.rules.retain(|rule| !about(rule));
            want.put(Part::Group(group)).into_iter().collect()
        }),
        [(Reason::RuleRemoved, Some(4), Began::Peer, 1)]
    );
    assert_eq!(
        due(|want| {
            let key = Key::new(Kind::Member, first(want, Kind::Member).key().id);
            want.remove(key).into_iter().collect()
        }),
        [(Reason::MemberRemoved, Some(4), Began::Peer, 1)]
    );
    // Who leaves with the rule had connections by it.
    assert_eq!(
        due(|want| {
            let Part::Group(mut group) = first(want, Kind::Group) else { panic!("group") };
            let about = |rule: &model::desired::GroupRule| {
                matches!(
                    rule.remote,
                    model::desired::RemoteSide::Group(_) | model::desired::RemoteSide::Addresses(_)
                )
            };
            group.rules.retain(|rule| !about(rule));
            let gone = [first(want, Kind::Member).key(), first(want, Kind::Addresses).key()];
            let before = want.put(Part::Group(group));
            let gone: Vec<Part> = gone.into_iter().filter_map(|key| want.remove(key)).collect();
            before.into_iter().chain(gone).collect()
        }),
        [(Reason::RuleRemoved, Some(6), Began::Peer, 1), (Reason::RuleRemoved, Some(4), Began::Peer, 1)]
    );
    let left = due(|want| {
        let Part::Port(mut port) = first(want, Kind::Port) else { panic!("port") };
        port.groups = port.groups.map(|groups| groups.into_iter().take(1).collect());
        want.put(Part::Port(port)).into_iter().collect()
    });
    assert_eq!(left, [(Reason::GroupRemoved, None, Began::Peer, 1)]);
    let moved = due(|want| {
        let Part::Port(mut port) = first(want, Kind::Port) else { panic!("port") };
        port.fixed_ips.clear();
        want.put(Part::Port(port)).into_iter().collect()
    });
    assert_eq!(moved, [(Reason::PairRemoved, None, Began::Either, 0)]);
}

#[test]
fn who_has_the_address_of_what_goes_is_judged_anew() {
    let ports = |want: &Wanted| -> Vec<Port> {
        let ports = want.of_kind(Kind::Port).filter_map(filtered).cloned();
        ports.collect()
    };
    // By its own address, by a pair, and by a pair's net.
    for pair in [None, Some(32), Some(24)] {
        for gone in [true, false] {
            let left = due(|want| {
                let [mut goes, mut heir] = [0, 1].map(|at| ports(want)[at].clone());
                assert_eq!(goes.network_id, heir.network_id);
                goes.allowed = Some(Vec::new());
                goes.fixed_ips = vec!["10.66.0.1".parse().expect("address")];
                match pair {
                    None => heir.fixed_ips.clone_from(&goes.fixed_ips),
                    Some(length) => {
                        let net = IpNet::new(goes.fixed_ips[0], length).expect("net");
                        let pair = model::desired::AddressPair { mac: heir.mac, net };
                        heir.allowed.get_or_insert_default().push(pair);
                    }
                }
                want.put(Part::Port(goes.clone()));
                want.put(Part::Port(heir));
                let key = Key::new(Kind::Port, goes.id.0);
                let lesser = Port { fixed_ips: Vec::new(), ..goes };
                let old = if gone { want.remove(key) } else { want.put(Part::Port(lesser)) };
                old.into_iter().collect()
            });
            let reason = if gone { Reason::PortDeleted } else { Reason::PairRemoved };
            assert_eq!(left, [(reason, None, Began::Either, 1)], "{pair:?}");
        }
    }
}
