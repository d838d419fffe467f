use ipnet::IpNet;
use model::desired::{L3Mode, RouterPort};
use model::{NetworkId, PortId};
use uuid::Uuid;
use wire::Mac;

use super::*;
use crate::observed::InnerLink;
use crate::op::MAIN_TABLE;

const ROUTER: RouterId = RouterId(Uuid::from_u128(1));
const MAC: Mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 9]);
const NETNS: &str = "qrouter-00000000-0000-0000-0000-000000000001";

fn net(text: &str) -> IpNet {
    text.parse().expect("net")
}

fn router() -> Router {
    let port = RouterPort {
        port_id: PortId(Uuid::from_u128(2)),
        network_id: NetworkId(Uuid::from_u128(3)),
        mac: MAC,
        addresses: vec![net("169.254.192.5/18")],
    };
    Router {
        id: ROUTER,
        mode: L3Mode::Legacy,
        may_be_lazy: true,
        distributed: false,
        central: true,
        serves_here: false,
        counts: Default::default(),
        interfaces: Vec::new(),
        gateway: None,
        floating_ips: Vec::new(),
        port_forwardings: Vec::new(),
        conntrack_helpers: Vec::new(),
        meters: Vec::new(),
        routes: Vec::new(),
        host_mac: None,
        ha: Some(Ha { port, vr_id: 42, priority: 50, advert_int_s: 2 }),
    }
}

fn instance(legs: &[Moving], routes: &[Route]) -> Instance {
    let router = router();
    Instance::new(&router, router.ha.as_ref().expect("stands ready"), "ha-12345678-9a", legs, routes)
}

fn full() -> Instance {
    let moving = |text: &str, device: &str| Moving { net: net(text), device: device.into() };
    let route = |to: &str, via: &str, onlink| Route {
        table: MAIN_TABLE,
        to: net(to),
        via: Some(via.parse().expect("address")),
        device: "qg-12345678-9a".into(),
        onlink,
    };
    let legs = [
        moving("10.0.0.1/24", "qr-12345678-9a"),
        moving("fd00::1/64", "qr-12345678-9a"),
        moving("203.0.113.2/24", "qg-12345678-9a"),
        moving("203.0.113.5/32", "qg-12345678-9a"),
    ];
    let far = Route { table: 77, ..route("192.0.2.0/24", "10.0.0.9", false) };
    instance(&legs, &[route("0.0.0.0/0", "203.0.113.1", false), route("::/0", "fe80::1", true), far])
}

#[test]
#[expect(clippy::disallowed_methods, reason = "golden files are read")]
fn instances_are_as_written() {
    for (name, instance) in [("bare", instance(&[], &[])), ("full", full())] {
        let path = format!("{}/src/keepalived/golden/{name}.conf", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, instance.as_str()).expect("golden file is written");
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(instance.as_str(), golden, "{path}; UPDATE=1 writes what is");
    }
}

#[test]
fn who_is_active_is_seen_by_its_sign() {
    let link = |addresses: &[&str]| InnerLink {
        index: 2,
        mac: MAC,
        up: true,
        mtu_bytes: 1500,
        addresses: addresses.iter().map(|text| net(text)).collect(),
    };
    let now = |addresses: &[&str]| {
        let links = [(names::ha_device(PortId(Uuid::from_u128(2))), link(addresses))].into();
        let namespaces = [(NETNS.to_owned(), Namespace { links, ..Namespace::default() })].into();
        Observed { namespaces, ..Observed::default() }
    };
    let router = router();
    assert_eq!(seen(&router, &now(&["169.254.192.5/18", "169.254.0.42/24"])), Some(HaState::Active));
    assert_eq!(seen(&router, &now(&["169.254.192.5/18", "169.254.0.43/24"])), Some(HaState::Standby));
    assert_eq!(seen(&router, &Observed::default()), Some(HaState::Unknown));
    assert_eq!(seen(&Router { ha: None, ..router }, &now(&[])), None);
}

#[test]
fn each_instance_is_begun_told_or_ended_as_it_needs() {
    let wanted: BTreeMap<_, _> = [(ROUTER, (NETNS.to_owned(), full()))].into();
    let other = RouterId(Uuid::from_u128(2));
    let hash = full().hash();
    let start = Op::StartKeepalived { netns: NETNS.into(), router: ROUTER, instance: full() };
    let reload = Op::ReloadKeepalived { router: ROUTER, instance: full() };
    for (seen, op) in [
        (None, Some(start.clone())),
        (Some(Keepalived { hash, alive: false }), Some(start)),
        (Some(Keepalived { hash: 0, alive: true }), Some(reload)),
        (Some(Keepalived { hash, alive: true }), None),
    ] {
        let seen: BTreeMap<_, _> = seen.map(|seen| (ROUTER, seen)).into_iter().collect();
        assert_eq!(beginning(&wanted, &seen), op.into_iter().collect::<Vec<_>>(), "{seen:?}");
        assert!(ending(&wanted, &seen, |_| true).is_empty());
    }
    // One that died is forgotten as well; one that nobody looks at stays.
    let seen = [(other, Keepalived { hash, alive: false })].into();
    assert_eq!(ending(&wanted, &seen, |_| true), [Op::StopKeepalived { router: other }]);
    assert!(ending(&wanted, &seen, |_| false).is_empty());
}
