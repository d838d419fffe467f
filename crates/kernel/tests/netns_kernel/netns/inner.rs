//! Acts inside namespaces that route: each done twice, seen after, and taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use host::observed::Namespace;
use host::op::{Inside, MAIN_TABLE, Of, Route, Rule, Sysctl};
use host::{Op, Scope, Step};
use kernel::{Failed, KernelError};
use model::desired::{Key, Kind};
use uuid::Uuid;
use wire::Mac;

use crate::netns::place::Place;

const ROUTER: Key = Key::new(Kind::Router, Uuid::from_u128(1));
pub const QROUTER: &str = "qrouter-00000000-0000-0000-0000-000000000001";
const FIP: &str = "fip-00000000-0000-0000-0000-000000000002";
const MACS: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2])];

pub fn step(op: Op) -> Step {
    Step { key: ROUTER, needs: None, op }
}

pub fn inside(acts: impl IntoIterator<Item = Inside>) -> Vec<Step> {
    acts.into_iter().map(|act| step(Op::Inside { netns: QROUTER.into(), act })).collect()
}

/// Two namespaces with a pair of devices between them, up.
fn pair() -> Vec<Step> {
    let [mac, peer_mac] = MACS;
    let mut steps = vec![
        step(Op::AddNetns { netns: QROUTER.into() }),
        step(Op::AddNetns { netns: FIP.into() }),
        step(Op::AddVethBetween {
            netns: QROUTER.into(),
            device: "rfp-1".into(),
            mac,
            peer_netns: FIP.into(),
            peer: "fpr-1".into(),
            peer_mac,
        }),
    ];
    steps.extend(inside([Inside::SetUp { device: "rfp-1".into() }]));
    let act = Inside::SetUp { device: "fpr-1".into() };
    steps.push(step(Op::Inside { netns: FIP.into(), act }));
    steps
}

pub async fn apply(place: &Place, steps: Vec<Step>) -> Vec<Failed> {
    place.kernel.apply(steps).await.expect("thread lives")
}

pub async fn done(place: &Place, steps: Vec<Step>) {
    let failed = apply(place, steps.clone()).await;
    assert!(failed.is_empty(), "{failed:#?}\nof {steps:#?}");
}

pub async fn seen(place: &Place, netns: &str) -> Namespace {
    let mut seen = place.kernel.observe(&Scope::All).await.expect("seen");
    seen.namespaces.remove(netns).expect("namespace seen")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("address")
}

fn route(table: u32, to: &str, via: Option<&str>, onlink: bool) -> Route {
    let to = to.parse().expect("net");
    Route { table, to, via: via.map(ip), device: "rfp-1".into(), onlink }
}

fn rule(priority: u32, from: &str, table: u32) -> Rule {
    Rule { priority, from: from.parse().expect("net"), table }
}

#[tokio::test]
async fn a_pair_between_two_namespaces_has_its_ends_where_they_belong() {
    let Some(place) = Place::new() else { return };
    done(&place, pair()).await;
    for (netns, device, mac) in [(QROUTER, "rfp-1", MACS[0]), (FIP, "fpr-1", MACS[1])] {
        let link = &seen(&place, netns).await.links[device];
        assert_eq!((link.mac, link.up), (mac, true), "{netns}");
    }
    let host = place.kernel.observe(&Scope::All).await.expect("seen");
    assert_eq!(host.links.keys().collect::<Vec<_>>(), ["lo"], "nothing in between");
    // One of that name is there: who adds it again did not look.
    let failed = apply(&place, pair().into_iter().skip(2).take(1).collect()).await;
    assert!(matches!(failed[0].error, KernelError::Refused { .. }), "{failed:#?}");
    done(&place, inside([Inside::DeleteLink { device: "rfp-1".into() }])).await;
    done(&place, inside([Inside::DeleteLink { device: "rfp-1".into() }])).await;
    assert!(!seen(&place, FIP).await.links.contains_key("fpr-1"), "both ends go");
}

/// All kinds of routes and rules that routers have: put in place twice, seen as they were said,
/// taken away twice.
#[tokio::test]
async fn routes_rules_and_neighbours_are_seen_as_they_were_said() {
    let Some(place) = Place::new() else { return };
    done(&place, pair()).await;
    let net = |text: &str| text.parse().expect("net");
    let addresses = ["10.0.0.1/24", "203.0.113.5/32", "203.0.113.6/32", "fd00::1/64", "fd00:1::5/128"];
    let routes = [
        route(MAIN_TABLE, "192.0.2.0/24", Some("10.0.0.9"), false),
        route(MAIN_TABLE, "198.51.100.7/32", None, false),
        route(MAIN_TABLE, "2001:db8::/48", Some("fd00::9"), false),
        route(16, "0.0.0.0/0", Some("169.254.0.1"), true),
        route(16, "::/0", Some("fe80::9"), false),
        route(167_772_161, "0.0.0.0/0", Some("10.0.0.8"), false),
        route(167_772_161, "::/0", Some("fd00:77::8"), true),
    ];
    let rules = [
        rule(32_768, "10.0.0.5/32", 16),
        rule(40_000, "10.0.0.0/24", 167_772_161),
        rule(40_001, "0.0.0.0/0", 16),
        rule(40_000, "fd00::/64", 167_772_161),
    ];
    let neighbours = [("169.254.0.1", MACS[1]), ("fe80::9", MACS[1])];
    let mut adds: Vec<Inside> = Vec::new();
    let mut deletes: Vec<Inside> = Vec::new();
    for address in addresses {
        adds.push(Inside::AddAddress { device: "rfp-1".into(), net: net(address) });
        deletes.insert(0, Inside::DeleteAddress { device: "rfp-1".into(), net: net(address) });
    }
    for route in &routes {
        adds.push(Inside::AddRoute { route: route.clone() });
        deletes.insert(0, Inside::DeleteRoute { route: route.clone() });
    }
    for rule in &rules {
        adds.push(Inside::AddRule { rule: rule.clone() });
        deletes.insert(0, Inside::DeleteRule { rule: rule.clone() });
    }
    for (at, mac) in neighbours {
        adds.push(Inside::SetNeighbour { device: "rfp-1".into(), ip: ip(at), mac });
        deletes.insert(0, Inside::DeleteNeighbour { device: "rfp-1".into(), ip: ip(at) });
    }
    for _ in 0..2 {
        done(&place, inside(adds.clone())).await;
        let seen = seen(&place, QROUTER).await;
        assert_eq!(seen.links["rfp-1"].addresses, addresses.map(net).into());
        assert_eq!(seen.routes, BTreeSet::from(routes.clone()));
        assert_eq!(seen.rules, BTreeSet::from(rules.clone()));
        assert_eq!(seen.neighbours["rfp-1"], neighbours.map(|(at, mac)| (ip(at), mac)).into());
    }
    for _ in 0..2 {
        done(&place, inside(deletes.clone())).await;
        let seen = seen(&place, QROUTER).await;
        assert!(seen.links["rfp-1"].addresses.is_empty(), "{seen:#?}");
        assert_eq!((seen.routes.len(), seen.rules.len(), seen.neighbours.len()), (0, 0, 0), "{seen:#?}");
    }
}

#[tokio::test]
async fn a_route_takes_the_place_of_another_to_the_same_net() {
    let Some(place) = Place::new() else { return };
    done(&place, pair()).await;
    let add = |via| Inside::AddRoute { route: route(MAIN_TABLE, "0.0.0.0/0", Some(via), true) };
    done(&place, inside([add("10.0.0.8"), add("10.0.0.9")])).await;
    let v6 = |via| Inside::AddRoute { route: route(MAIN_TABLE, "::/0", Some(via), true) };
    done(&place, inside([v6("fe80::8"), v6("fe80::9")])).await;
    let routes = seen(&place, QROUTER).await.routes;
    let vias: Vec<IpAddr> = routes.iter().filter_map(|route| route.via).collect();
    assert_eq!(vias, [ip("10.0.0.9"), ip("fe80::9")], "{routes:#?}");
}

/// What keepalived, the kernel or an operator wrote does not exist for us.
#[tokio::test]
async fn what_others_wrote_is_not_seen() {
    let Some(place) = Place::new() else { return };
    done(&place, pair()).await;
    place.inside(QROUTER, "ip address add 10.0.0.1/24 dev rfp-1");
    place.inside(QROUTER, "ip route add 192.0.2.0/24 via 10.0.0.9 proto keepalived");
    place.inside(QROUTER, "ip route add 198.51.100.0/24 via 10.0.0.9");
    place.inside(QROUTER, "ip rule add from 10.0.0.7 lookup 16");
    let seen = seen(&place, QROUTER).await;
    assert_eq!((seen.routes.len(), seen.rules.len()), (0, 0), "{seen:#?}");
}

#[tokio::test]
async fn settings_are_made_and_seen() {
    let Some(place) = Place::new() else { return };
    done(&place, pair()).await;
    let of = Of::Device("rfp-1".into());
    let of_device = Sysctl::of_devices(&of).filter(|name| !matches!(name, Sysctl::DisableIpv6(_)));
    // Looked at where it matters alone, and not there for devices to come.
    let is_looked_at =
        |name: &Sysctl| !matches!(name, Sysctl::ProxyDelay(_) | Sysctl::AddrGenMode(Of::Device(_)));
    let names = Sysctl::plain().chain(of_device).chain(Sysctl::of_devices(&Of::Default));
    let names: Vec<Sysctl> = names.filter(is_looked_at).collect();
    for value in [1, 0] {
        let acts = names.iter().map(|name| Inside::SetSysctl { name: name.clone(), value });
        for _ in 0..2 {
            done(&place, inside(acts.clone())).await;
        }
        let seen = seen(&place, QROUTER).await.sysctls;
        let told: BTreeMap<&Sysctl, u32> =
            names.iter().map(|name| (name, seen.get(name).copied().unwrap_or(0))).collect();
        assert!(told.values().all(|told| *told == value), "wanted {value}: {told:#?}");
    }
}

#[tokio::test]
async fn what_cannot_be_says_why() {
    let Some(place) = Place::new() else { return };
    done(&place, pair()).await;
    let misfits = [
        Inside::AddRoute { route: route(MAIN_TABLE, "10.9.0.0/24", Some("fd00::9"), true) },
        Inside::AddRoute { route: Route { device: "qg-9".into(), ..route(16, "0.0.0.0/0", None, false) } },
        Inside::AddRoute { route: route(16, "0.0.0.0/0", Some("192.0.2.1"), false) },
        Inside::AddAddress { device: "qg-9".into(), net: "10.0.0.1/24".parse().expect("net") },
        Inside::SetSysctl { name: Sysctl::ProxyArp(Of::Device("qg-9".into())), value: 1 },
        Inside::SetNeighbour { device: "qg-9".into(), ip: ip("10.0.0.1"), mac: MACS[0] },
        Inside::Announce { device: "qg-9".into(), ip: ip("10.0.0.1") },
    ];
    let mut said = Vec::new();
    // Each by itself, so that none is left out after a failure.
    for act in misfits {
        let failed = apply(&place, inside([act])).await;
        said.extend(failed.into_iter().map(|failed| failed.error.to_string()));
    }
    let place_of = format!("in {QROUTER}: ");
    let said: Vec<String> = said.iter().map(|said| said.replace(&place_of, "")).collect();
    assert_eq!(
        said,
        [
            "cannot add route 10.9.0.0/24 via fd00::9 dev rfp-1 onlink: its addresses are of two families",
            "cannot add route 0.0.0.0/0 dev qg-9 table 16: there is no device qg-9",
            "cannot add route 0.0.0.0/0 via 192.0.2.1 dev rfp-1 table 16: \
             Network is unreachable (Nexthop has invalid gateway)",
            "cannot add 10.0.0.1/24 to qg-9: there is no device qg-9",
            "cannot set net/ipv4/conf/qg-9/proxy_arp 1: there is no device qg-9",
            "cannot set qg-9 neighbour 10.0.0.1 at 02:00:00:00:00:01: there is no device qg-9",
            "cannot announce 10.0.0.1 on qg-9: there is no device qg-9",
        ]
    );
    // What is gone with its device need not be taken away.
    let gone = inside([
        Inside::DeleteRoute { route: Route { device: "qg-9".into(), ..route(16, "0.0.0.0/0", None, false) } },
        Inside::DeleteAddress { device: "qg-9".into(), net: "10.0.0.1/24".parse().expect("net") },
        Inside::DeleteNeighbour { device: "qg-9".into(), ip: ip("10.0.0.1") },
        Inside::DeleteTable,
    ]);
    done(&place, gone).await;
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_named() {
    let Some(place) = Place::new() else { return };
    let failed = apply(&place, inside([Inside::SetUp { device: "lo".into() }])).await;
    assert!(failed[0].error.to_string().contains(QROUTER), "{failed:#?}");
    let failed = apply(&place, pair().into_iter().skip(2).take(1).collect()).await;
    assert!(failed[0].error.to_string().contains("rfp-1"), "{failed:#?}");
}

/// After a failure the part's other acts are left out, but for those that take away.
#[tokio::test]
async fn a_part_that_failed_is_not_opened() {
    let Some(place) = Place::new() else { return };
    done(&place, pair()).await;
    let name = Sysctl::ProxyArp(Of::Device("qg-9".into()));
    let acts = [
        Inside::SetSysctl { name, value: 1 },
        Inside::AddAddress { device: "rfp-1".into(), net: "10.0.0.1/24".parse().expect("net") },
        Inside::DeleteLink { device: "rfp-1".into() },
    ];
    let failed = apply(&place, inside(acts)).await;
    assert_eq!(failed.iter().map(|failed| failed.index).collect::<Vec<_>>(), [0, 1], "{failed:#?}");
    assert!(matches!(failed[1].error, KernelError::Skipped { .. }), "{failed:#?}");
    assert!(!seen(&place, QROUTER).await.links.contains_key("rfp-1"));
}
