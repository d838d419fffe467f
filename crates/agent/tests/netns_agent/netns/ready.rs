//! Routers that stand ready on two hosts, of which one is active.

use model::NetworkId;
use model::desired::{Ha, L3Mode, Network, Part, Port, Router, RouterPort, Segment};
use model::report::{HaState, State};
use uuid::Uuid;

use crate::netns::dvr::remote;
use crate::netns::outside::{EXTERNAL, ROUTER, external, ip, network_b, port, router};
use crate::netns::place::{Guest, Place, network, under};
use crate::netns::wait::eventually;

const HEARD: NetworkId = NetworkId(Uuid::from_u128(0x44444444_2222_4333_8444_555555555555));

type Told = Option<(State, HaState)>;

fn share(host: u8) -> Router {
    let nets = [format!("169.254.192.{host}/18")];
    let own = port(0xd0 + host, HEARD, &nets.each_ref().map(String::as_str));
    let ha = Ha { port: own, vr_id: 7, priority: 50, advert_int_s: 1 };
    Router { ha: Some(ha), ..router() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_hosts_is_active_and_the_other_takes_over() {
    let Some(place) = Place::new() else { return };
    let a = Guest::nth(1);
    place.outside(&["one", "two"]);
    place.plug_routed("one", &a);
    for (host, other, n) in [("one", "two", 2), ("two", "one", 1)] {
        let segment = Segment::Vxlan { vni: 4007 };
        let peers = [under(n)].into();
        let heard = Part::Network(Network { id: HEARD, mtu_bytes: 1450, segment, peers, roaming: false });
        place.server.put(host, [network(&[other]), network_b(&[under(n)]), external(), heard]);
        place.server.put(host, [Part::Router(share(3 - n))]);
    }
    place.server.put("one", [a.part()]);
    place.server.put("two", [a.remote("one")]);
    let agents = [("one", L3Mode::Legacy), ("two", L3Mode::Legacy)];
    let agents = agents.map(|(host, mode)| place.run(place.routing(host, mode)));
    let key = Part::Router(router()).key();
    let told = |host: &'static str| {
        let mut outcomes = place.server.outcomes(host).into_iter().filter(|outcome| outcome.key == key);
        outcomes.find_map(|outcome| Some((outcome.state, outcome.router?.ha?)))
    };
    let states = || (told("one"), told("two"));
    let is = |state: &Option<(State, HaState)>, wanted| *state == Some((State::Up, wanted));
    let one_active = |(one, two): &(Told, Told)| {
        is(one, HaState::Active) && is(two, HaState::Standby)
            || is(one, HaState::Standby) && is(two, HaState::Active)
    };
    let (first, _) = eventually("one active", states, one_active).await;
    let active = if is(&first, HaState::Active) { "one" } else { "two" };
    let other = if active == "one" { "two" } else { "one" };
    let addresses = |host: &str| place.ip_inside(host, &format!("qrouter-{ROUTER}"), "-4 addr");
    assert!(addresses(active).contains("203.0.113.10/24"), "{}", addresses(active));
    assert!(!addresses(other).contains("203.0.113.10"), "{}", addresses(other));
    // Nor has it the link-local one that guests know as their router.
    let legs = |host: &str| {
        let shown = place.ip_inside(host, &format!("qrouter-{ROUTER}"), "-o addr");
        shown.lines().filter(|line| line.contains("qr-") || line.contains("qg-")).count()
    };
    assert_eq!(legs(other), 0, "{}", place.ip_inside(other, &format!("qrouter-{ROUTER}"), "addr"));
    let own = wire::ipv6::link_local(router().interfaces[0].port.mac).to_string();
    let six = |host: &str| place.ip_inside(host, &format!("qrouter-{ROUTER}"), "-6 addr");
    assert!(six(active).contains(&own), "{}", six(active));
    serve_from(&place, active, other);
    eventually("out", || place.ping(&a, ip("203.0.113.1")), |ok| *ok).await;
    // What keepalived set and does not miss comes back, and the same host stays active.
    let gateway = router().gateway.expect("a gateway").port;
    let qg = format!("qg-{}", &gateway.port_id.to_string()[..11]);
    let had = legs(active);
    for damage in [format!("link del {qg}"), "route del default".into(), format!("addr flush dev {qg}")] {
        place.ip_inside(active, &format!("qrouter-{ROUTER}"), &damage);
        let whole = || (legs(active), place.ip_inside(active, &format!("qrouter-{ROUTER}"), "route"));
        let is_whole = |(legs, routes): &(usize, String)| *legs == had && routes.contains("default via");
        eventually(&damage, whole, is_whole).await;
        eventually("out after damage", || place.ping(&a, ip("203.0.113.1")), |ok| *ok).await;
        assert!(is(&told(active), HaState::Active) && is(&told(other), HaState::Standby), "{damage}");
    }
    // Nobody hears of the active one any more, and its agent is gone.
    let [one, two] = agents;
    let (stopped, running) = if active == "one" { (one, two) } else { (two, one) };
    stopped.stop().await;
    let heard = if active == "one" { "ha-d1000000-00" } else { "ha-d2000000-00" };
    place.ip_inside(active, &format!("qrouter-{ROUTER}"), &format!("link set {heard} down"));
    eventually("the other takes over", || told(other), |state| is(state, HaState::Active)).await;
    assert!(six(other).contains(&own), "{}", six(other));
    serve_from(&place, other, active);
    let _again = place.run(place.routing(active, L3Mode::Legacy));
    eventually("out again", || place.ping(&a, ip("203.0.113.1")), |ok| *ok).await;
    // A router that is gone leaves no process.
    for host in ["one", "two"] {
        place.server.remove(host, [key]);
        eventually("gone", || place.netns_names(host), |names| names.is_empty()).await;
    }
    let left = || {
        std::fs::read_dir(place.netns_dir("one").with_extension("state").join("ha"))
            .map_or(0, |d| d.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count())
    };
    eventually("nothing kept", left, |left| *left == 0).await;
    running.stop().await;
}

/// The server binds the router's ports to who is active.
fn serve_from(place: &Place, active: &str, other: &str) {
    let router = router();
    let ports = router.interfaces.into_iter().map(|interface| interface.port);
    for port in ports.chain(router.gateway.map(|gateway| gateway.port)) {
        place.server.remove(other, [bound(&port).key()]);
        place.server.remove(active, [remote(&port, active).key()]);
        place.server.put(active, [bound(&port)]);
        if port.network_id != EXTERNAL {
            place.server.put(other, [remote(&port, active)]);
        }
    }
}

fn bound(port: &RouterPort) -> Part {
    Part::Port(Port {
        id: port.port_id,
        network_id: port.network_id,
        mac: port.mac,
        fixed_ips: port.addresses.iter().map(|net| net.addr()).collect(),
        admin_state_up: true,
        allowed: None,
        trusted: false,
        groups: None,
        qos: None,
        trunk: None,
        local_ips: Default::default(),
        logs: Default::default(),
    })
}
