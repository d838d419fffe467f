use model::desired::HostRoute;
use serde_json::json;

use super::*;
use crate::l3::fixture::{id, port, row, subnet};

fn behind(distributed: bool) -> Behind {
    Behind {
        router: id(100).into(),
        distributed,
        subnets: [id(1).into()].into(),
        users: ["busy".to_owned()].into(),
        baremetal: false,
        ipv6: false,
    }
}

fn instance(host: &str) -> Port {
    port(5, 1, "10.0.0.5", "compute:nova", host)
}

fn at_ipv6(port: &mut Port, ips: &[&str]) {
    let fixed = |ip: &&str| json!({ "subnet_id": id(1), "ip_address": ip });
    port.fixed_ips = serde_json::from_value(ips.iter().map(fixed).collect()).expect("addresses");
}

fn with(change: impl FnOnce(&mut Port)) -> Option<Port> {
    let mut port = instance("h");
    change(&mut port);
    Some(port)
}

type Line = (&'static str, Option<Port>, Option<Port>, PortFacts, bool);

#[test]
fn only_what_can_alter_an_agents_work_names_a_router() {
    let facts = || PortFacts { behind: vec![behind(true)], ..PortFacts::default() };
    let metal = |n: u128| {
        let mut port = port(n, 1, "10.0.0.5", "baremetal:none", "");
        port.vnic_type = "baremetal".into();
        Some(port)
    };
    let was = |change: fn(&mut PortFacts)| {
        let mut facts = facts();
        change(&mut facts);
        facts
    };
    let here = || Some(instance("h"));
    let at = |host: &str| Some(instance(host));
    let owned = |owner: &str| Some(port(5, 1, "10.0.0.5", owner, "h"));
    let ipv6 = || Some(port(5, 1, "2001:db8::5", "compute:nova", "busy"));
    let none = || was(|facts| facts.behind.clear());
    // Each line: what changes, from what to what, what is around it, and whether the router is due.
    let table: Vec<Line> = vec![
        ("first instance of a host", None, here(), facts(), true),
        ("last instance of a host", here(), None, facts(), true),
        ("another instance of a host", None, at("busy"), facts(), false),
        ("one of several goes", at("busy"), None, facts(), false),
        ("moves to a host of its own", at("busy"), here(), facts(), true),
        ("moves between busy hosts", at("busy"), at("busy"), facts(), false),
        ("unbound", None, at(""), facts(), false),
        ("bound after all", at(""), here(), facts(), true),
        ("could not be bound", None, with(|port| port.vif_type = "binding_failed".into()), facts(), false),
        (
            "name and description",
            here(),
            with(|port| drop(port.rest.insert("name".into(), "x".into()))),
            facts(),
            false,
        ),
        (
            "status reported",
            here(),
            with(|port| {
                port.status = "ACTIVE".into();
                port.l2_ready = true
            }),
            facts(),
            false,
        ),
        ("switched off", here(), with(|port| port.admin_state_up = false), facts(), false),
        ("address pairs off", here(), with(|port| port.port_security_enabled = false), facts(), false),
        ("leaves the subnet", here(), with(|port| port.fixed_ips.clear()), facts(), true),
        ("network without a router", None, here(), none(), false),
        (
            "router that is not distributed",
            None,
            here(),
            PortFacts { behind: vec![behind(false)], ..PortFacts::default() },
            false,
        ),
        ("DHCP's own port", None, owned("network:dhcp"), facts(), false),
        ("a port of nobody's, bound", None, owned(""), facts(), true),
        ("first bare-metal server", None, metal(6), facts(), true),
        ("second bare-metal server", None, metal(6), was(|f| f.behind[0].baremetal = true), false),
        ("last bare-metal server", metal(6), None, facts(), true),
        ("first routed IPv6 address", None, ipv6(), facts(), true),
        ("another one", None, ipv6(), was(|f| f.behind[0].ipv6 = true), false),
        (
            "a floating IP's port moves",
            at("busy"),
            at("other"),
            was(|f| {
                f.behind[0].users.insert("other".into());
                f.floating.insert(id(100).into());
            }),
            true,
        ),
        (
            "a globally routed address besides a local one",
            with(|port| at_ipv6(port, &["fd00::5"])),
            with(|port| at_ipv6(port, &["fd00::5", "2001:db8::5"])),
            was(|_| ()),
            true,
        ),
        (
            "a local address besides a globally routed one",
            with(|port| at_ipv6(port, &["2001:db8::5"])),
            with(|port| at_ipv6(port, &["2001:db8::5", "fd00::5"])),
            was(|_| ()),
            false,
        ),
        (
            "a floating IP's port is renamed",
            at("busy"),
            at("busy"),
            was(|f| f.floating = [id(100).into()].into()),
            false,
        ),
        (
            "the router's own port, renamed",
            here(),
            here(),
            was(|f| {
                f.behind.clear();
                f.own = Some(id(100).into())
            }),
            false,
        ),
        (
            "the router's own port, bound",
            at(""),
            here(),
            was(|f| {
                f.behind.clear();
                f.own = Some(id(100).into())
            }),
            false,
        ),
        (
            "the router's own port, another address",
            here(),
            with(|port| port.fixed_ips.clear()),
            was(|f| {
                f.behind.clear();
                f.own = Some(id(100).into())
            }),
            true,
        ),
    ];
    for (name, before, after, facts, wanted) in table {
        let due = of_port(before.as_ref(), after.as_ref(), &facts);
        assert_eq!(!due.is_empty(), wanted, "{name}");
    }
}

#[test]
fn subnets_and_routers_matter_by_what_hosts_are_told() {
    let before = subnet(1, "10.0.0.0/24", "10.0.0.1");
    let mut after = before.clone();
    after.rest.insert("name".into(), "x".into());
    after.enable_dhcp = false;
    assert!(!is_of_subnet(&before, &after));
    after.gateway_ip = None;
    assert!(is_of_subnet(&before, &after));
    let before = row(true, false);
    let changed = |change: fn(&mut Router)| {
        let mut after = before.clone();
        change(&mut after);
        is_of_router(&before, &after)
    };
    let info = |ip: &str| {
        let fixed = json!([{ "subnet_id": id(2), "ip_address": ip }]);
        serde_json::from_value(
            json!({ "network_id": id(2), "external_fixed_ips": fixed, "enable_snat": false }),
        )
        .ok()
    };
    type Change = (&'static str, bool, fn(&mut Router));
    let table: [Change; 9] = [
        ("description", false, |r| drop(r.rest.insert("description".into(), "x".into()))),
        ("status", false, |r| r.status = "DOWN".into()),
        ("zone hints", false, |r| r.availability_zone_hints = vec!["z".into()]),
        ("SNAT", true, |r| r.enable_snat = true),
        ("way out", true, |r| r.gw_port_id = None),
        ("down", true, |r| r.admin_state_up = false),
        ("kind", true, |r| r.distributed = false),
        ("HA", true, |r| r.ha = true),
        ("routes", true, |r| {
            let nexthop = [10, 0, 0, 9].into();
            r.routes = vec![HostRoute { destination: "192.0.2.0/24".parse().expect("range"), nexthop }];
        }),
    ];
    for (what, concerns, change) in table {
        assert_eq!(changed(change), concerns, "{what}");
    }
    let at = |ip| Router { external_gateway_info: info(ip), ..before.clone() };
    assert!(is_of_router(&at("203.0.113.10"), &at("203.0.113.11")), "another address outside");
}

#[test]
fn floating_ips_matter_to_the_routers_that_they_leave_and_come_to() {
    let of = |router: Option<u128>, last: Option<u128>, port: Option<u128>| -> FloatingIp {
        serde_json::from_value(json!({
            "id": id(7), "project_id": "p", "floating_network_id": id(2), "floating_ip_address": "203.0.113.7",
            "floating_port_id": id(8), "router_id": router.map(id), "last_router_id": last.map(id),
            "port_id": port.map(id), "fixed_ip_address": port.map(|_| "10.0.0.7"), "status": "DOWN",
            "qos_policy_id": null, "description": "",
        }))
        .expect("a floating IP")
    };
    let mut described = of(Some(1), None, Some(5));
    described.rest.insert("description".into(), "x".into());
    let mut active = of(Some(1), None, Some(5));
    active.status = "ACTIVE".into();
    let at = || Some(of(Some(1), None, Some(5)));
    let table = [
        ("made without a port", None, Some(of(None, None, None)), vec![]),
        ("made with one", None, at(), vec![1]),
        ("comes to a port", Some(of(None, None, None)), at(), vec![1]),
        ("described", at(), Some(described), vec![]),
        ("reported", at(), Some(active), vec![]),
        ("another port of the router", at(), Some(of(Some(1), None, Some(6))), vec![1]),
        ("a port of another router", at(), Some(of(Some(3), Some(1), Some(6))), vec![1, 3]),
        ("leaves its port", at(), Some(of(None, Some(1), None)), vec![1]),
        ("forwards only", Some(of(None, None, None)), Some(of(Some(1), None, None)), vec![1]),
        ("goes", at(), None, vec![1]),
        ("goes before its last router told of it", Some(of(None, Some(4), None)), None, vec![4]),
        ("goes unused", Some(of(None, None, None)), None, vec![]),
    ];
    for (what, before, after, wanted) in table {
        let due: Vec<RouterId> = of_floatingip(before.as_ref(), after.as_ref()).into_iter().collect();
        assert_eq!(due, wanted.into_iter().map(|n| id(n).into()).collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn forwardings_matter_by_what_is_translated() {
    let made = || -> PortForwarding {
        serde_json::from_value(json!({
            "id": id(9), "project_id": "p", "floatingip_id": id(7), "protocol": "tcp", "external_first": 80,
            "external_last": 80, "internal_port_id": id(5), "internal_ip_address": "10.0.0.5",
            "internal_first": 8080, "internal_last": 8080, "description": "",
        }))
        .expect("a forwarding")
    };
    type Case = (&'static str, bool, fn(&mut PortForwarding));
    let table: [Case; 6] = [
        ("description", false, |of| drop(of.rest.insert("description".into(), "x".into()))),
        ("protocol", true, |of| of.protocol = "udp".into()),
        ("external port", true, |of| of.external_last = Some(81)),
        ("internal port", true, |of| of.internal_first = Some(8000)),
        ("address", true, |of| of.internal_ip_address = [10, 0, 0, 6].into()),
        ("port", true, |of| of.internal_port_id = id(6).into()),
    ];
    for (what, concerns, change) in table {
        let mut after = made();
        change(&mut after);
        assert_eq!(is_of_forwarding(Some(&made()), Some(&after)), concerns, "{what}");
    }
    assert!(is_of_forwarding(None, Some(&made())) && is_of_forwarding(Some(&made()), None));
}
