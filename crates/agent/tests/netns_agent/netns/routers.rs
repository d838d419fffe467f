//! A router that is not distributed, on one host: between networks, out, and in again.

use std::net::SocketAddr;

use model::desired::{HostRoute, L3Mode, Part, Router};
use model::lazy::{Load, Reason};
use model::report::State;

use crate::netns::outside::{
    NET_B, OUTSIDE, ROUTER, external, floating, forwarding, gateway_of, ip, network_b, on_b, router,
};
use crate::netns::place::{Guest, Place, Running, network};
use crate::netns::server::failed;
use crate::netns::wait::eventually;

/// A guest on each network of a router that runs.
async fn routed(place: &Place, router: Router) -> ([Guest; 2], Running) {
    let guests = [Guest::nth(1), on_b(2)];
    place.outside(&["one"]);
    guests.iter().for_each(|guest| place.plug_routed("one", guest));
    let parts = [network(&[]), network_b(&[]), external(), guests[0].part(), guests[1].part()];
    place.server.put("one", parts);
    place.server.put("one", [Part::Router(router.clone())]);
    let agent = place.run(place.routing("one", L3Mode::Legacy));
    up(place, "one", &Part::Router(router)).await;
    (guests, agent)
}

pub async fn up(place: &Place, host: &str, part: &Part) {
    let state = || place.server.state(host, part.key());
    eventually("part up", state, |state| *state == Some(State::Up)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_leads_between_networks_and_out() {
    let Some(place) = Place::new() else { return };
    let ([a, b], agent) = routed(&place, router()).await;
    eventually("no failures", || failed(&place.server.outcomes("one")), |f| f.is_empty()).await;
    eventually("between networks", || place.ping(&a, b.v4()) && place.ping(&b, a.v6()), |ok| *ok).await;
    let outside = ip("203.0.113.1");
    eventually("out", || place.ping(&a, outside), |ok| *ok).await;
    assert_eq!(place.seen_from(&a.name, (OUTSIDE, "br0"), outside).await, ip("203.0.113.10"));
    // IPv6 is not translated: those outside must know the way.
    place.ip(OUTSIDE, "-6 route add fd00::/64 via 2001:db8::10");
    eventually("IPv6 out", || place.ping(&a, ip("2001:db8::1")), |ok| *ok).await;
    assert!(!place.pings(OUTSIDE, a.v4()), "nobody comes in by himself");
    let told = place.server.outcomes("one").into_iter().find_map(|outcome| outcome.router);
    assert_eq!(told.expect("a router").load, Load::Loaded(Reason::AgentMode));
    let agents = || place.server.agents("one");
    let l3 = |agents: &Vec<model::report::AgentState>| {
        let l3 = agents.iter().find(|agent| agent.agent_type == "L3 agent");
        l3.is_some_and(|l3| l3.configurations["routers"] == 1 && l3.configurations["interfaces"] == 2)
    };
    eventually("heartbeat", agents, l3).await;
    // A router that is gone leaves nothing.
    agent.kill().await;
    place.server.remove("one", [Part::Router(router()).key()]);
    let _agent = place.run(place.routing("one", L3Mode::Legacy));
    eventually("namespace gone", || place.netns_names("one"), |names| names.is_empty()).await;
    let links = || place.ip("one", "-o link");
    eventually("devices gone", links, |links| !links.contains("tapa1") && !links.contains("tape1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floating_ips_and_forwardings_lead_in() {
    let Some(place) = Place::new() else { return };
    let ([a, b], _agent) = routed(&place, router()).await;
    let floats = vec![floating([203, 0, 113, 20], &a)];
    let forwardings = vec![forwarding("tcp", 8080, &b, 80), forwarding("udp", 5353, &b, 53)];
    let with = Router { floating_ips: floats, port_forwardings: forwardings, ..router() };
    place.server.put("one", [Part::Router(with)]);
    let public = ip("203.0.113.20");
    eventually("in", || place.pings(OUTSIDE, public), |ok| *ok).await;
    let outside = ip("203.0.113.1");
    assert_eq!(place.seen_from(&a.name, (OUTSIDE, "br0"), outside).await, public);
    assert_eq!(place.seen_from(&b.name, (OUTSIDE, "br0"), outside).await, ip("203.0.113.10"));
    assert!(place.ping(&b, public), "a neighbour by its floating IP");
    assert!(place.ping(&a, public), "its own floating IP");
    place.listen_tcp(&b.name, SocketAddr::new(b.v4(), 80));
    place.listen_udp(&b.name, SocketAddr::new(b.v4(), 53));
    let at = |port| SocketAddr::new(ip("203.0.113.30"), port);
    eventually("tcp", || place.answers_tcp(OUTSIDE, at(8080)), |ok| *ok).await;
    eventually("udp", || place.answers_udp(OUTSIDE, at(5353)), |ok| *ok).await;
    assert!(place.answers_tcp(&a.name, at(8080)) && place.answers_udp(&a.name, at(5353)), "from inside");
    assert!(place.answers_tcp(&b.name, at(8080)), "to itself");
    assert!(!place.answers_tcp(OUTSIDE, at(81)), "what is not forwarded");
    // The path is narrower inside: who sends too much is told.
    let large = || {
        let output = place.exec(OUTSIDE, &format!("ping -M do -s 1472 -c 1 -W 1 {public}"));
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    eventually("path MTU", large, |said| said.contains("1450")).await;
    place.server.put("one", [Part::Router(router())]);
    eventually("no longer in", || place.pings(OUTSIDE, public), |ok| !*ok).await;
    assert!(place.ping(&a, outside), "and still out");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_by_hand_comes_back() {
    let Some(place) = Place::new() else { return };
    let with = Router { floating_ips: vec![floating([203, 0, 113, 20], &Guest::nth(1))], ..router() };
    let ([a, b], _agent) = routed(&place, with).await;
    let works = || place.pings(OUTSIDE, ip("203.0.113.20")) && place.ping(&b, a.v4());
    eventually("works", works, |ok| *ok).await;
    let netns = format!("qrouter-{ROUTER}");
    let inside = |line: &str| place.ip_inside("one", &netns, line);
    let (qr, qg) = ("qr-a1000000-00", "qg-e1000000-00");
    let id = || kernel::netns::id(&place.netns_dir("one").join(&netns)).ok();
    let before = id();
    kernel::netns::delete(&place.netns_dir("one"), &netns).expect("deleted");
    eventually("namespace", id, |now| now.is_some() && *now != before).await;
    eventually("works again", works, |ok| *ok).await;
    for line in [
        format!("addr flush dev {qr}"),
        format!("addr del 203.0.113.20/32 dev {qg}"),
        "route del default".to_owned(),
        format!("link set {qr} down"),
        format!("link del {qg}"),
        "netns-less".to_owned(),
    ] {
        if line == "netns-less" {
            let path = place.netns_dir("one").join(&netns);
            let flush =
                || std::process::Command::new("nft").args(["flush", "ruleset"]).status().expect("nft");
            assert!(kernel::netns::within(&path, flush).expect("entered").success());
        } else {
            inside(&line);
        }
        eventually(&line, works, |ok| *ok).await;
    }
    let path = place.netns_dir("one").join(&netns);
    let forward = "/proc/sys/net/ipv4/ip_forward";
    kernel::netns::within(&path, || std::fs::write(forward, "0").expect("written")).expect("entered");
    eventually("forwards again", works, |ok| *ok).await;
    place.ip("one", "link del tapa1000000-00");
    eventually("leg again", works, |ok| *ok).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_missing_hurts_its_own_leg_only() {
    let Some(place) = Place::new() else { return };
    place.outside(&["one"]);
    let a = Guest::nth(1);
    place.plug_routed("one", &a);
    let route = HostRoute { destination: "192.168.9.0/24".parse().expect("net"), nexthop: a.v4() };
    let with = Part::Router(Router { routes: vec![route], ..router() });
    place.server.put("one", [network(&[]), external(), a.part(), with.clone()]);
    let _agent = place.run(place.routing("one", L3Mode::Legacy));
    let state = || place.server.state("one", with.key());
    let says = |state: &Option<State>| matches!(state, Some(State::Failed { reason }) if reason.contains(&NET_B.to_string()));
    eventually("failed", state, says).await;
    eventually("out", || place.ping(&a, ip("203.0.113.1")), |ok| *ok).await;
    let routes = place.ip_inside("one", &format!("qrouter-{ROUTER}"), "route");
    assert!(routes.contains("192.168.9.0/24 via 10.1.0.1"), "{routes}");
    place.server.put("one", [network_b(&[])]);
    up(&place, "one", &with).await;
    assert!(place.ping(&a, gateway_of(NET_B).0));
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_that_nobody_wants_are_removed() {
    let Some(place) = Place::new() else { return };
    let dir = place.netns_dir("one");
    let names = ["qrouter-", "snat-", "fip-"].map(|prefix| format!("{prefix}{ROUTER}"));
    names.iter().for_each(|name| kernel::netns::create(&dir, name).expect("namespace"));
    kernel::netns::create(&dir, "mine").expect("namespace");
    place.server.put("one", [network(&[])]);
    let _agent = place.run(place.routing("one", L3Mode::Legacy));
    eventually("removed", || place.netns_names("one"), |names| *names == ["mine"]).await;
}
