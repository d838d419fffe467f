use model::api::qos::{Direction, QosRule, What};
use model::api::router::RouterPortKind;
use model::desired::{HostRoute, L3Mode};
use model::l3::OwnPort;
use model::lazy::Reason;

use super::*;
use crate::l3::fixture::{configuration, facts, floating, forwarding, id, port};

fn remembered(facts: &RouterFacts) -> BTreeMap<String, Told> {
    shares(facts).into_iter().map(|(host, share)| (host, share.told)).collect()
}

/// The hosts that a way from one set of facts to another is told to.
fn notified(before: &RouterFacts, after: &RouterFacts) -> BTreeSet<String> {
    let touched = touches(after, &remembered(before), &shares(after));
    let host = |touch| match touch {
        Touch::Part { host, .. } | Touch::Membership { host, .. } | Touch::Service { host, .. } => Some(host),
        _ => None,
    };
    touched.into_iter().filter_map(host).collect()
}

type Change = fn(&mut RouterFacts);

/// Counts what SQL would.
fn float(facts: &mut RouterFacts, n: u8, host: Option<&str>) {
    facts.floating_ips.push(floating(n, host));
    let own = |ip: &&model::l3::FloatingFact| view::carrier(facts, ip).is_none();
    facts.counts.ipv4 = facts.floating_ips.iter().filter(own).count() as u32;
}

/// Holds what the floating IP of forwarding 31 is for to some rate.
fn limit(facts: &mut RouterFacts) {
    let what = What::BandwidthLimit { max_kbps: 8000, max_burst_kbps: 0, direction: Direction::Any };
    let rule = QosRule { id: id(1).into(), qos_policy_id: id(2).into(), what };
    facts.forwarding_rules.insert(forwarding(31).floating_ip, vec![rule]);
}

fn used(facts: &mut RouterFacts, host: &str) {
    facts.users.insert(host.into());
}

#[test]
fn a_change_is_told_to_those_whose_work_it_alters() {
    let nobody: &[&str] = &[];
    // Each line: how the router is, what changes, and who hears of it.
    let table: &[(&str, Change, Change, &[&str])] = &[
        ("SNAT on", |_| {}, |f| f.row.enable_snat = true, &["net-1"]),
        ("SNAT off", |f| f.row.enable_snat = true, |f| f.row.enable_snat = false, &["net-1"]),
        ("SNAT on, with instances", |f| used(f, "cmp-1"), |f| f.row.enable_snat = true, &["net-1"]),
        ("floating IP to a dvr host", |f| used(f, "cmp-1"), |f| float(f, 31, Some("cmp-1")), &["cmp-1"]),
        (
            "a second one there",
            |f| {
                used(f, "cmp-1");
                float(f, 31, Some("cmp-1"))
            },
            |f| float(f, 32, Some("cmp-1")),
            &["cmp-1"],
        ),
        (
            "floating IP to a dvr_no_external host",
            |f| used(f, "far"),
            |f| float(f, 31, Some("far")),
            &["net-1"],
        ),
        ("floating IP to an unbound port", |_| {}, |f| float(f, 31, None), &["net-1"]),
        ("floating IP to a host without an agent", |_| {}, |f| float(f, 31, Some("bare")), &["net-1"]),
        (
            "floating IP moves between dvr hosts",
            |f| {
                used(f, "cmp-1");
                used(f, "cmp-2");
                float(f, 31, Some("cmp-1"))
            },
            |f| f.floating_ips[0].host = Some("cmp-2".into()),
            &["cmp-1", "cmp-2"],
        ),
        (
            "floating IP leaves a dvr host",
            |f| {
                used(f, "cmp-1");
                float(f, 31, Some("cmp-1"))
            },
            |f| {
                f.floating_ips.clear();
                f.counts.ipv4 = 0
            },
            &["cmp-1"],
        ),
        (
            "floating IP moves to a dvr_no_external host",
            |f| {
                used(f, "cmp-1");
                used(f, "far");
                float(f, 31, Some("cmp-1"))
            },
            |f| {
                f.floating_ips.clear();
                float(f, 31, Some("far"))
            },
            &["cmp-1", "net-1"],
        ),
        ("forwarding added", |f| used(f, "cmp-1"), |f| f.forwardings.push(forwarding(31)), &["net-1"]),
        ("forwarding removed", |f| f.forwardings.push(forwarding(31)), |f| f.forwardings.clear(), &["net-1"]),
        ("forwarding limited", |f| f.forwardings.push(forwarding(31)), limit, &["net-1"]),
        ("limit of no forwarding", |f| f.forwardings.push(forwarding(32)), limit, nobody),
        ("first bare-metal port", |f| used(f, "cmp-1"), |f| f.counts.baremetal = 1, &["net-1"]),
        ("second bare-metal port", |f| f.counts.baremetal = 1, |f| f.counts.baremetal = 2, nobody),
        ("last bare-metal port", |f| f.counts.baremetal = 1, |f| f.counts.baremetal = 0, &["net-1"]),
        ("first routed IPv6 address", |f| used(f, "cmp-1"), |f| f.counts.ipv6 = 1, &["net-1"]),
        ("sixth routed IPv6 address", |f| f.counts.ipv6 = 5, |f| f.counts.ipv6 = 6, nobody),
        ("first instance on a host", |_| {}, |f| used(f, "cmp-1"), &["cmp-1"]),
        ("second instance on a host", |f| used(f, "cmp-1"), |f| used(f, "cmp-1"), nobody),
        ("last instance on a host", |f| used(f, "cmp-1"), |f| f.users.clear(), &["cmp-1"]),
        ("instance on a host without an agent", |_| {}, |f| used(f, "bare"), nobody),
        ("instance on the network node", |_| {}, |f| used(f, "net-1"), &["net-1"]),
        (
            "gateway cleared",
            |f| used(f, "cmp-1"),
            |f| f.ports.retain(|own| own.kind != RouterPortKind::Gateway),
            &["cmp-1", "net-1"],
        ),
        (
            "gateway's address changed",
            |f| used(f, "cmp-1"),
            |f| f.ports[1].port.fixed_ips[0].ip_address = [203, 0, 113, 9].into(),
            &["cmp-1", "net-1"],
        ),
        (
            "interface added",
            |f| used(f, "cmp-1"),
            |f| {
                let port = port(14, 4, "10.0.4.1", "network:router_interface_distributed", "");
                f.ports.push(OwnPort { kind: RouterPortKind::Interface, port });
            },
            &["cmp-1", "net-1"],
        ),
        (
            "extra route",
            |f| used(f, "cmp-1"),
            |f| {
                f.row.routes.push(HostRoute {
                    destination: "192.0.2.0/24".parse().expect("a range"),
                    nexthop: [10, 0, 0, 9].into(),
                })
            },
            &["cmp-1", "net-1"],
        ),
        (
            "name changed",
            |f| used(f, "cmp-1"),
            |f| drop(f.row.rest.insert("name".into(), "other".into())),
            nobody,
        ),
        ("status reported", |f| used(f, "cmp-1"), |f| f.ports[0].port.status = "ACTIVE".into(), nobody),
        ("own port bound", |f| f.row.enable_snat = true, |f| f.ports[1].port.host = "net-1".into(), nobody),
        ("switched off", |f| used(f, "cmp-1"), |f| f.row.admin_state_up = false, &["cmp-1", "net-1"]),
        (
            "agent is legacy after all",
            |f| used(f, "cmp-1"),
            |f| *f.hosts.get_mut("cmp-1").expect("there") = configuration(L3Mode::Legacy),
            &["cmp-1"],
        ),
        ("agent unscheduled", |f| used(f, "cmp-1"), |f| f.agents.clear(), &["net-1"]),
        (
            "lazy switched off there",
            |_| {},
            |f| f.hosts.get_mut("net-1").expect("there").lazy_routers = false,
            &["net-1"],
        ),
    ];
    for (name, is, change, wanted) in table {
        let mut before = facts(true, false);
        is(&mut before);
        let mut after = before.clone();
        change(&mut after);
        let wanted: BTreeSet<String> = wanted.iter().map(|host| (*host).to_owned()).collect();
        assert_eq!(notified(&before, &after), wanted, "{name}");
        assert_eq!(notified(&after, &after), BTreeSet::new(), "{name}, settled again");
    }
}

#[test]
fn a_router_that_is_not_distributed_is_told_to_its_agent_alone() {
    let mut before = facts(false, false);
    used(&mut before, "cmp-1");
    let mut after = before.clone();
    float(&mut after, 31, Some("cmp-1"));
    after.counts.ipv4 = 0;
    assert_eq!(notified(&before, &after), BTreeSet::from(["net-1".to_owned()]));
    assert!(shares(&after)["net-1"].part.floating_ips[0].centralized);
    let mut with_metal = after.clone();
    with_metal.counts.baremetal = 1;
    assert_eq!(notified(&after, &with_metal), BTreeSet::new(), "it is there whatever is behind it");
}

#[test]
fn a_lazy_router_has_no_networks_and_no_port_bound() {
    for ha in [false, true] {
        let mut facts = facts(true, ha);
        used(&mut facts, "cmp-1");
        float(&mut facts, 31, Some("cmp-1"));
        let lazy = shares(&facts);
        assert_eq!(lazy["net-1"].load, Load::Lazy);
        assert!(lazy["net-1"].told.networks.is_empty() && !lazy["net-1"].told.loaded);
        assert_eq!(lazy["cmp-1"].told.networks, BTreeSet::from([id(1).into()]));
        for (port, place) in places(&facts, &lazy) {
            let wanted = if port.id == id(11).into() { Place::Everywhere } else { Place::Nowhere };
            assert_eq!(place, wanted, "{port:?}");
        }
        facts.row.enable_snat = true;
        let loaded = shares(&facts);
        assert_eq!(loaded["net-1"].load, Load::Loaded(Reason::Snat));
        let networks: BTreeSet<NetworkId> =
            if ha { [1, 2, 3].map(|n| id(n).into()).into() } else { [1, 2].map(|n| id(n).into()).into() };
        assert_eq!(loaded["net-1"].told.networks, networks);
    }
}

fn places_of(facts: &RouterFacts) -> BTreeMap<PortId, Place<'_>> {
    places(facts, &shares(facts)).into_iter().map(|(port, place)| (port.id, place)).collect()
}

#[test]
fn ports_are_where_the_active_host_is() {
    let gateway: PortId = id(12).into();
    let mut facts = facts(true, true);
    facts.row.enable_snat = true;
    let of = |facts: &RouterFacts| format!("{:?}", places_of(facts)[&gateway]);
    assert_eq!(of(&facts), "Nowhere", "nobody said that it is active");
    facts.agents[1].state = HaState::Active;
    assert_eq!(of(&facts), r#"On("net-2")"#);
    facts.ports[1].port.host = "net-2".into();
    facts.agents[1].state = HaState::Unknown;
    assert_eq!(of(&facts), r#"On("net-2")"#, "it stays until another says so");
    facts.agents.remove(1);
    assert_eq!(of(&facts), "Nowhere", "its host is none of the router's");
    let ha = |n: u128, facts: &RouterFacts| format!("{:?}", places_of(facts)[&id(n).into()]);
    assert_eq!((ha(71, &facts), ha(72, &facts)), (r#"On("net-1")"#.into(), "Nowhere".into()));
}

#[test]
fn both_hosts_of_a_pair_decide_alike_and_have_a_leg_each() {
    let mut facts = facts(true, true);
    for snat in [false, true] {
        facts.row.enable_snat = snat;
        let shares = shares(&facts);
        assert_eq!(shares["net-1"].load, shares["net-2"].load);
        let leg = |host: &str| shares[host].part.ha.as_ref().expect("stands ready").port.port_id;
        assert_eq!((leg("net-1"), leg("net-2")), (id(71).into(), id(72).into()));
    }
}

#[test]
fn a_host_that_gains_or_loses_networks_is_told_of_them_and_so_are_their_members() {
    let before = facts(true, false);
    let mut after = before.clone();
    after.row.enable_snat = true;
    let touched = touches(&after, &remembered(&before), &shares(&after));
    for network in [1, 2] {
        let network = NetworkId(id(network));
        assert!(touched.contains(&Touch::Membership { host: "net-1".into(), network }), "{touched:?}");
        let key = Key::new(Kind::Network, network.0);
        assert!(touched.contains(&Touch::Members { network, key }), "{touched:?}");
    }
}
