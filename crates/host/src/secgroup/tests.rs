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
    let dues = purge_due(&want, &old, &zones, &Joined::new());
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

/// Whoever is charged with it: what is still in a set lets in whom jobs were to forget.
#[test]
fn what_is_taken_out_of_sets_is_a_cause() {
    let mut want = full();
    let network = want.of_kind(Kind::Network).next().expect("network").key();
    let zones = Zones::from([(names::bridge(model::NetworkId(network.id)), 7)]);
    // A second group with the same rules, which another port has.
    let named = want.of_kind(Kind::Group).find_map(|part| match part {
        Part::Group(group) if !index::named(group).is_empty() => Some(group.clone()),
        _ => None,
    });
    let named = named.expect("a group about others");
    let last = SecurityGroupId(Uuid::max());
    want.put(Part::Group(Group { id: last, ..named }));
    let Part::Port(mut holder) = first(&want, Kind::Port) else { panic!("port") };
    holder.groups = Some([last].into());
    want.put(Part::Port(holder));
    let mut now = crate::Observed::default();
    for step in crate::diff(&want, &now, &Scope::All) {
        now.pretend(&step.op);
    }
    let keys = [first(&want, Kind::Member).key(), first(&want, Kind::Addresses).key()];
    let old: Vec<Part> = keys.into_iter().filter_map(|key| want.remove(key)).collect();
    let dues = purge_due(&want, &old, &zones, &Joined::new());
    let of_last = |due: &&Due| due.causes.contains(&Key::new(Kind::Group, last.0));
    let dues: Vec<&Due> = dues.iter().filter(of_last).collect();
    let steps = crate::diff(&want, &now, &Scope::All);
    let taken = steps.iter().filter(|step| matches!(step.op, crate::Op::DeleteElements { .. }));
    let charged: BTreeSet<Key> = taken.map(|step| step.key).filter(|key| key.kind == Kind::Group).collect();
    assert!(dues.len() > 1 && !charged.is_empty(), "{dues:?}, {charged:?}");
    assert!(dues.iter().all(|due| !charged.is_disjoint(&due.causes)), "{dues:#?}, {charged:?}");
}

/// Who is to be revoked alone is charged with it.
#[test]
fn a_port_is_charged_with_being_revoked() {
    let mut want = full();
    let Some(Part::Port(port)) = want.of_kind(Kind::Port).find(|part| filtered(part).is_some()).cloned()
    else {
        panic!("a port")
    };
    let mut now = crate::Observed::default();
    for step in crate::diff(&want, &now, &Scope::All) {
        now.pretend(&step.op);
    }
    assert!(want.revoke(port.id));
    let mut scope = want.scope(&BTreeSet::new(), &[]);
    scope.add_revoked(&[port.id].into());
    let keys: Vec<Key> = crate::diff(&want, &now, &scope).into_iter().map(|step| step.key).collect();
    assert_eq!(keys, [Key::new(Kind::Port, port.id.0)]);
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

#[test]
fn what_comes_with_an_address_is_forgotten_before_it_counts() {
    let mut want = full();
    let network = want.of_kind(Kind::Network).next().expect("network").key();
    let bridge = names::bridge(model::NetworkId(network.id));
    let zones = Zones::from([(bridge.clone(), 7)]);
    let of_network = |part: &&Part| filtered(part).is_some_and(|port| port.network_id.0 == network.id);
    let Some(Part::Port(mut port)) = want.of_kind(Kind::Port).find(of_network).cloned() else {
        panic!("a port that is filtered")
    };
    let pair = |net: &str| {
        let net = net.parse().expect("net");
        model::desired::AddressPair { mac: port.mac, net }
    };
    port.fixed_ips = vec!["10.66.0.1".parse().expect("address")];
    port.allowed = Some(vec![pair("10.66.0.9/32"), pair("10.99.0.0/16")]);
    want.put(Part::Port(port.clone()));
    let key = Key::new(Kind::Port, port.id.0);
    let seen = |master: Option<&str>| {
        let mut seen = crate::Observed::default();
        let link = crate::observed::Link {
            index: 9,
            kind: crate::observed::LinkKind::Other,
            mac: port.mac,
            up: true,
            mtu_bytes: 1500,
            master: master.map(str::to_owned),
            alias: String::new(),
            made: false,
            ipv6: crate::observed::Ipv6::Off,
            port: None,
        };
        seen.links.insert(names::tap(port.id), link);
        seen
    };
    let removed = |dues: &[Due]| -> Vec<String> {
        let nets = dues.iter().flat_map(|due| match &due.what {
            What::Pairs(pairs) => pairs.removed.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        });
        nets.collect()
    };
    for scope in [Scope::All, want.scope(&[key].into(), &[])] {
        let dues = purge_arrived(&want, &seen(None), &scope, &zones, &Joined::new());
        // Not of the net: others may use it as well.
        assert_eq!(removed(&dues), ["10.66.0.1/32", "10.66.0.9/32"]);
        let due = &dues[0];
        assert_eq!((dues.len(), due.reason, &due.ports), (1, Reason::AddressArrived, &[port.id].into()));
        assert_eq!(due.causes, [key].into());
        assert_eq!(purge_arrived(&want, &seen(Some("other")), &scope, &zones, &Joined::new()).len(), 1);
        // What is there already is judged here, and a zone that is none has no connections.
        assert_eq!(purge_arrived(&want, &seen(Some(&bridge)), &scope, &zones, &Joined::new()), []);
        assert_eq!(purge_arrived(&want, &crate::Observed::default(), &scope, &zones, &Joined::new()), []);
        assert_eq!(purge_arrived(&want, &seen(None), &scope, &Zones::new(), &Joined::new()), []);
    }
    // One address more, of a port that is there; within a net that it had already, it is no other.
    for (fixed, came) in [("10.77.0.1", vec!["10.77.0.1/32".to_owned()]), ("10.99.0.5", vec![])] {
        let mut more = port.clone();
        more.fixed_ips.push(fixed.parse().expect("address"));
        want.put(Part::Port(more));
        let dues = purge_due(&want, &[Part::Port(port.clone())], &zones, &Joined::new());
        assert_eq!(removed(&dues), came);
        assert!(dues.iter().all(|due| due.reason == Reason::AddressArrived && due.ports.contains(&port.id)));
    }
}
