//! Servers and agents of different releases understand each other: kept messages of each release
//! still parse, and what a release to come may send costs only what is unknown of it.
//! UPDATE=1 rewrites the messages of this release.
#![expect(clippy::disallowed_methods, reason = "golden files")]

use std::net::IpAddr;
use std::path::PathBuf;

use model::desired;
use model::desired::*;
use model::meter::{Place, Reading};
use model::report::{AgentState, Heartbeat, Outcome, Report, State};
use model::software::{Order, Ordered};
use model::sync::{Change, No, SyncAnswer, SyncAsk, Wake, words};
use model::{NetworkId, PortId, SubnetId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn kept(folder: &str, name: &str) -> PathBuf {
    let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    home.join("tests/golden/messages").join(folder).join(format!("{name}.json"))
}

fn read<T: DeserializeOwned>(folder: &str, name: &str) -> T {
    let text = std::fs::read_to_string(kept(folder, name)).expect("is kept");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{folder}/{name}: {error}"))
}

/// The message is written as it is kept, and what is kept is read as the message.
fn is_kept<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, message: &T) {
    let path = kept("current", name);
    let text = serde_json::to_string_pretty(message).expect("serializes") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("writes");
    }
    assert_eq!(text, std::fs::read_to_string(&path).expect("is kept"), "{name} changed: UPDATE=1, git diff");
    assert_eq!(&read::<T>("current", name), message);
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn parts() -> Vec<Part> {
    let (network_id, mac) = (NetworkId(id(1)), "fa:16:3e:00:00:01".parse().expect("a MAC"));
    let network = Network {
        id: network_id,
        mtu_bytes: 1450,
        segment: Segment::Vxlan { vni: 7 },
        peers: [ip("192.0.2.12")].into(),
        roaming: true,
    };
    let pair = AddressPair { mac, net: "10.0.0.9/32".parse().expect("a network") };
    let port = Port {
        id: PortId(id(2)),
        network_id,
        mac,
        fixed_ips: vec![ip("10.0.0.5"), ip("2001:db8::5")],
        admin_state_up: true,
        allowed: Some(vec![pair]),
        trusted: false,
        groups: None,
        qos: None,
        trunk: None,
        local_ips: Default::default(),
        logs: Default::default(),
    };
    let remote = Remote {
        port_id: PortId(id(3)),
        network_id,
        mac,
        fixed_ips: vec![ip("10.0.0.6")],
        tunnel_ip: Some(ip("192.0.2.12")),
    };
    let subnet = DhcpSubnet {
        id: SubnetId(id(4)),
        cidr: "10.0.0.0/24".parse().expect("a network"),
        gateway_ip: Some(ip("10.0.0.1")),
        dns_nameservers: vec![ip("192.0.2.53")],
        host_routes: vec![HostRoute {
            destination: "198.51.100.0/24".parse().expect("a network"),
            nexthop: ip("10.0.0.2"),
        }],
        ipv6_ra_mode: None,
        ipv6_address_mode: None,
    };
    let dhcp = Dhcp {
        network_id,
        mtu_bytes: 1450,
        port_id: PortId(id(5)),
        mac,
        addresses: vec!["10.0.0.2/24".parse().expect("a network")],
        dns_domain: Some("example.org".into()),
        subnets: vec![subnet],
    };
    let lease = Lease {
        port_id: PortId(id(2)),
        network_id,
        mac,
        hostname: "host-10-0-0-5".into(),
        addresses: vec![LeaseAddress { subnet_id: SubnetId(id(4)), ip: ip("10.0.0.5") }],
        options: vec![DhcpOption { name: "mtu".into(), value: "1400".into(), ip_version: 4 }],
        instance: "instance-1".into(),
        project_id: "project-1".into(),
        orders: vec![Order {
            id: id(30).into(),
            attempt: 1,
            cancelled: false,
            packages: vec![Ordered {
                format: "deb".into(),
                name: "hello".into(),
                version: "1.0-1".into(),
                architecture: "all".into(),
                file: "hello_1.0-1_all.deb".into(),
                sha256: "00".repeat(32),
                size_bytes: 1234,
            }],
        }],
    };
    vec![
        Part::Network(network),
        Part::Port(port),
        Part::Remote(remote),
        Part::Dhcp(dhcp),
        Part::Lease(lease),
        Part::Router(router()),
        Part::Fip(Fip {
            network_id: id(20).into(),
            port: leg(21, "203.0.113.9/24"),
            nexthops: vec![ip("203.0.113.1")],
        }),
        Part::Group(group()),
        Part::Member(desired::Member {
            port_id: PortId(id(2)),
            groups: [id(30).into()].into(),
            addresses: ["10.0.0.5/32".parse().expect("a network")].into(),
        }),
        Part::Addresses(desired::Addresses {
            id: id(31).into(),
            nets: ["192.0.2.0/24".parse().expect("a network")].into(),
        }),
    ]
}

/// With a rule of each kind.
fn group() -> desired::Group {
    let rule = |protocol, ports, remote| desired::GroupRule {
        direction: desired::Direction::Ingress,
        ethertype: desired::Ethertype::V4,
        protocol,
        ports,
        remote,
    };
    let net = "10.0.0.0/8".parse().expect("a network");
    let rules = [
        rule(None, desired::Ports::Any, desired::RemoteSide::Any),
        rule(None, desired::Ports::Any, desired::RemoteSide::Group(id(30).into())),
        rule(Some(1), desired::Ports::Icmp { kind: 8, code: None }, desired::RemoteSide::Prefix(net)),
        rule(
            Some(6),
            desired::Ports::Range { first: 80, last: 90 },
            desired::RemoteSide::Addresses(id(31).into()),
        ),
    ];
    desired::Group { id: id(30).into(), stateful: true, rules: rules.into() }
}

fn leg(n: u128, address: &str) -> RouterPort {
    RouterPort {
        port_id: id(n).into(),
        network_id: id(20).into(),
        mac: wire::Mac([0xfa, 0x16, 0x3e, 0, 0, n as u8]),
        addresses: vec![address.parse().expect("an address")],
    }
}

/// With everything that a router can have.
fn router() -> Router {
    let subnet = RouterSubnet {
        id: SubnetId(id(4)),
        cidr: "2001:db8::/64".parse().expect("a network"),
        ipv6_ra_mode: Some(Ipv6Mode::Slaac),
        dns_nameservers: vec![ip("2001:db8::53")],
    };
    let interface = Interface {
        port: leg(11, "2001:db8::1/64"),
        subnets: vec![subnet],
        snat: Some(leg(12, "2001:db8::2/64")),
    };
    let gateway = Gateway {
        port: leg(13, "203.0.113.8/24"),
        nexthops: vec![ip("203.0.113.1")],
        enable_snat: true,
        qos: None,
        ndp_proxies: None,
    };
    let floating_ip = FloatingIp {
        id: id(14).into(),
        floating_ip: ip("203.0.113.20"),
        fixed_ip: ip("10.0.0.5"),
        centralized: true,
        qos: None,
    };
    let forwarding = PortForwarding {
        id: id(15).into(),
        floating_ip: ip("203.0.113.21"),
        protocol: "tcp".into(),
        external_ports: Some((2222, 2223)),
        internal_ip: ip("10.0.0.5"),
        internal_ports: Some((22, 23)),
        qos: None,
    };
    let route =
        HostRoute { destination: "198.51.100.0/24".parse().expect("a network"), nexthop: ip("10.0.0.7") };
    Router {
        id: id(10).into(),
        mode: L3Mode::DvrSnat,
        may_be_lazy: true,
        distributed: true,
        central: true,
        serves_here: true,
        counts: Centralized { baremetal: 1, ipv6: 2, ipv4: 3 },
        interfaces: vec![interface],
        gateway: Some(Box::new(gateway)),
        floating_ips: vec![floating_ip],
        port_forwardings: vec![forwarding],
        conntrack_helpers: vec![ConntrackHelper { protocol: "tcp".into(), port: 21, helper: "ftp".into() }],
        meters: vec![Meter {
            label: Uuid::from_u128(0x17).into(),
            rules: vec![MeterRule {
                direction: Direction::Egress,
                excluded: true,
                source: Some("10.0.0.0/24".parse().expect("net")),
                destination: None,
            }],
        }],
        routes: vec![route],
        host_mac: Some(wire::Mac([0xfa, 0x16, 0x3f, 0, 0, 1])),
        ha: Some(Ha { port: leg(16, "169.254.192.4/18"), vr_id: 7, priority: 50, advert_int_s: 2 }),
    }
}

fn answer() -> SyncAnswer {
    let told = parts().into_iter().map(|part| Change { key: part.key(), part: Some(part) });
    let gone = Change { key: Key::new(Kind::Port, id(6)), part: None };
    SyncAnswer {
        revision: 42,
        epoch: "e1".into(),
        full: false,
        parts: told.chain([gone]).collect(),
        untold: vec![Key::new(Kind::Lease, id(7))],
        next: Some(Key::new(Kind::Lease, id(2))),
        kinds: words(),
        skipped: vec![],
    }
}

fn outcomes() -> Vec<Outcome> {
    let key = |n| Key::new(Kind::Port, id(n));
    vec![
        Outcome::new(key(2), 42, State::Up),
        Outcome::new(key(3), 41, State::Down),
        Outcome::new(key(4), 40, State::Failed { reason: "no device".into() }),
    ]
}

fn reading() -> Reading {
    let (router, label) = (Uuid::from_u128(0x11).into(), Uuid::from_u128(0x17).into());
    Reading { place: Place { router, snat: true, label }, born_us: 7, packets: 3, bytes: 300 }
}

fn beat() -> Heartbeat {
    let agent = AgentState {
        agent_type: "Linux bridge agent".into(),
        binary: "neutrino-agent".into(),
        topic: "N/A".into(),
        availability_zone: Some("nova".into()),
        started_at_us: 1_700_000_000_000_000,
        configurations: json!({ "datapath": "kernel" }),
    };
    Heartbeat { host: "compute-1".into(), agents: vec![agent], meters: vec![reading()] }
}

#[test]
fn messages_of_this_release() {
    let host = || "compute-1".to_owned();
    let keys = vec![Key::new(Kind::Port, id(2))];
    is_kept("wake", &Wake { host: host(), keys, revision: 42 });
    let after = Some(Key::new(Kind::Remote, id(3)));
    is_kept("ask", &SyncAsk { since: Some(41), epoch: "e1".into(), after, ..SyncAsk::all(host()) });
    is_kept("answer", &answer());
    let report = Report { host: host(), epoch: "e1".into(), outcomes: outcomes(), skipped: vec![] };
    is_kept("report", &report);
    is_kept("beat", &beat());
    is_kept("no", &vec![No::Busy, No::Refused { reason: "not yours".into() }]);
}

/// Parts of these kinds, with as much as the first release said of them.
fn early(kinds: &[String]) -> Vec<Change> {
    let mut parts = answer().parts;
    parts.retain(|change| kinds.iter().any(|word| word == change.key.kind.as_str()));
    for change in &mut parts {
        if let Some(Part::Lease(lease)) = &mut change.part {
            (lease.instance, lease.project_id, lease.orders) = Default::default();
        }
    }
    parts
}

#[test]
fn messages_of_the_first_release_still_parse() {
    let wake: Wake = read("first", "wake");
    assert_eq!((wake.host.as_str(), wake.keys.len(), wake.revision), ("compute-1", 1, 42));
    let ask: SyncAsk = read("first", "ask");
    assert_eq!((ask.since, ask.epoch.as_str(), ask.protocol), (Some(41), "", 1));
    assert_eq!(ask.understood(), Kind::ALL[..5]);
    let told: SyncAnswer = read("first", "answer");
    let kinds = ["network", "port", "remote", "dhcp", "lease"].map(str::to_owned).to_vec();
    let wanted = SyncAnswer {
        epoch: String::new(),
        untold: vec![],
        parts: early(&kinds),
        kinds: kinds.clone(),
        ..answer()
    };
    assert_eq!(told, wanted);
    assert!(!told.covers_all() && answer().covers_all());
    let report: Report = read("first", "report");
    assert_eq!((report.epoch.as_str(), report.outcomes), ("", outcomes()));
    assert_eq!(read::<Heartbeat>("first", "beat"), Heartbeat { meters: vec![], ..beat() });
}

#[test]
fn what_a_later_release_adds_costs_nothing_else() {
    let told: SyncAnswer = read("future", "answer");
    let known = ["network", "port", "remote", "dhcp", "lease"].map(str::to_owned);
    assert_eq!(told.parts, early(&known), "known parts are all there");
    let unread = [Key::new(Kind::Network, id(8)), Key::new(Kind::Port, id(9))];
    assert_eq!(told.untold, unread, "known keys of unreadable parts are kept as they are");
    let kinds: Vec<&str> = told.skipped.iter().map(|skipped| skipped.kind.as_str()).collect();
    assert_eq!(kinds, ["meter", "network", "port", ""]);
    let report: Report = read("future", "report");
    assert_eq!(report.outcomes, outcomes());
    let kinds: Vec<&str> = report.skipped.iter().map(|skipped| skipped.kind.as_str()).collect();
    assert_eq!(kinds, ["meter", "port"], "an unknown kind, an unknown state");
    let wake: Wake = read("future", "wake");
    assert_eq!(wake.keys, [Key::new(Kind::Port, id(2))]);
    let ask: SyncAsk = read("future", "ask");
    assert_eq!(ask.understood(), [Kind::Network, Kind::Port], "what both know, in the order of parts");
    assert_eq!(read::<Heartbeat>("future", "beat"), Heartbeat { meters: vec![], ..beat() });
    let no: Vec<No> = read("future", "no");
    assert_eq!(no, [No::Busy, No::Unknown]);
}

/// Writes nothing that a reader of the first release would trip over.
#[test]
fn fields_are_only_added() {
    for name in ["wake", "ask", "answer", "report", "beat"] {
        let (first, current): (Value, Value) = (read("first", name), read("current", name));
        for field in first.as_object().expect("fields").keys() {
            assert!(current.get(field).is_some(), "{name} lost {field}");
        }
    }
}

#[test]
fn reports_are_held_to_a_size() {
    let long = State::Failed { reason: "ö".repeat(10_000) };
    let outcome = Outcome::new(Key::new(Kind::Port, id(1)), 1, long);
    let report = |count| Report {
        host: "h".into(),
        epoch: String::new(),
        outcomes: vec![outcome.clone(); count],
        skipped: vec![],
    };
    let kept = report(2).bounded().expect("fits");
    let State::Failed { reason } = &kept.outcomes[0].state else { panic!("{kept:?}") };
    assert_eq!(reason.chars().count(), model::report::REASON);
    assert!(report(model::report::OUTCOMES + 1).bounded().is_none());
}
