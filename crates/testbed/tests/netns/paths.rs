//! Packets through routers: between subnets and hosts, out to the world and in from it, of routers on
//! one network node and of distributed ones.

use std::time::Duration;

use bus::Bus;
use model::desired::L3Mode;
use serde_json::{Value, json};
use testbed::client::id_of;
use testbed::outside::Outside;
use testbed::place::run_in;
use testbed::routing::RouterPlan;
use testbed::talk::{Mirror, seen_as};
use testbed::{Cloud, Guest, Plan, wait};

use crate::netns::small::{ANSWER, SOON, address, guest, ipv6};

const NETWORK_NODE: usize = 2;

/// Two hosts for instances and a network node, two networks behind one router, and the world.
struct World {
    cloud: Cloud,
    outside: Outside,
    router: String,
    /// On the first network and the first host; second network, second host; second network, first host.
    guests: Vec<(Guest, Value, String)>,
}

async fn world(name: &str, distributed: bool, enable_snat: bool) -> World {
    let mut plan = Plan::new(name, 3);
    plan.physical_networks = vec!["public".into()];
    plan.l3 = match distributed {
        true => vec![Some(L3Mode::Dvr), Some(L3Mode::Dvr), Some(L3Mode::DvrSnat)],
        false => vec![None, None, Some(L3Mode::Legacy)],
    };
    let mut cloud = Cloud::build(plan, Bus::in_process()).await.expect("a cloud; these tests need root");
    for host in 0..3 {
        cloud.set_sweep_s(host, 2);
        cloud.start_agent(host);
    }
    cloud.agents_alive().await.expect("agents report themselves");
    let outside = cloud.outside("public", 113).await.expect("a world");
    let one = cloud.network_of("one", "10.1.0.0/24").await.expect("a network");
    let two = cloud.network_of("two", "10.2.0.0/24").await.expect("a network");
    let plan = RouterPlan { distributed, ha: false, enable_snat };
    let router = cloud.router("r", plan, &outside, &[&one, &two]).await.expect("a router");
    let mut guests = Vec::new();
    for (name, network, host) in [("a", &one, 0), ("b", &two, 1), ("c", &two, 0)] {
        guests.push(guest(&cloud, name, network, host).await);
    }
    World { cloud, outside, router, guests }
}

/// Reached within the time that a change takes to come to hosts.
async fn reaches(from: &Guest, to: &str, what: &str) {
    let reached = wait::until(SOON, || async { from.ping(to, Duration::from_secs(1)).await.ok() });
    reached.await.unwrap_or_else(|| panic!("{what}: {} does not reach {to}", from.name));
}

async fn reached_from_outside(outside: &Outside, to: &str, what: &str) {
    let reached = wait::until(SOON, || async { outside.ping(to, Duration::from_secs(1)).await.ok() });
    reached.await.unwrap_or_else(|| panic!("{what}: the world does not reach {to}"));
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

async fn between_subnets(distributed: bool, name: &str) {
    let World { cloud, guests, .. } = world(name, distributed, true).await;
    let [(a, _, a_ip), (b, _, b_ip), (c, _, c_ip)] = guests.as_slice() else { panic!("three guests") };
    reaches(a, b_ip, "across hosts").await;
    reaches(b, a_ip, "back across hosts").await;
    reaches(a, c_ip, "on one host").await;
    reaches(c, a_ip, "back on one host").await;
    // A third network joins, with an instance where the router was not needed for it before.
    let three = cloud.network_of("three", "10.3.0.0/24").await.expect("a network");
    let router = cloud.client.get("routers?name=r").await.expect("routers")[0].clone();
    cloud.attach(&id_of(&router), &three).await.expect("attaches");
    let (d, _, d_ip) = guest(&cloud, "d", &three, 1).await;
    reaches(&d, a_ip, "from a network that came later").await;
    reaches(a, &d_ip, "to a network that came later").await;
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subnets_meet_in_a_router_of_the_network_node() {
    between_subnets(false, "meet").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subnets_meet_in_a_distributed_router() {
    between_subnets(true, "meet-dvr").await;
}

async fn the_world(distributed: bool, name: &str) {
    let World { cloud, outside, router, guests } = world(name, distributed, true).await;
    let [(a, a_port, _), (b, b_port, _), (c, _, _)] = guests.as_slice() else { panic!("three guests") };
    let mirror = Mirror::listen(&outside.namespace, 7000).expect("listens");
    let shown = cloud.client.get(&format!("routers/{router}")).await.expect("a router");
    let gateway = text(&shown["external_gateway_info"]["external_fixed_ips"][0]["ip_address"]);
    reaches(c, &outside.far, "out without a floating IP").await;
    let seen = seen_as(&c.namespace, &outside.far, mirror.port, ANSWER).await.expect("connects");
    assert_eq!(seen, gateway, "as the router's gateway");

    let fip_a = cloud.floating_ip(&outside, Some(a_port)).await.expect("a floating IP");
    let fip_b = cloud.floating_ip(&outside, Some(b_port)).await.expect("a floating IP");
    let (ip_a, ip_b) = (text(&fip_a["floating_ip_address"]), text(&fip_b["floating_ip_address"]));
    for fip in [&fip_a, &fip_b] {
        cloud.floating_ip_is(&id_of(fip), "ACTIVE", SOON).await.expect("ACTIVE");
    }
    reached_from_outside(&outside, &ip_a, "in by a floating IP").await;
    reached_from_outside(&outside, &ip_b, "in by a floating IP of another host").await;
    reaches(a, &outside.far, "out with a floating IP").await;
    let seen = seen_as(&a.namespace, &outside.far, mirror.port, ANSWER).await.expect("connects");
    assert_eq!(seen, ip_a, "as its floating IP");
    reaches(a, &ip_b, "from floating IP to floating IP").await;
    reaches(b, &ip_a, "and back").await;
    reaches(c, &ip_a, "to a neighbour's floating IP").await;
    // Not the router itself answers: it is the instance behind the address, which sees who comes.
    let inside = Mirror::listen(&a.namespace, 7002).expect("listens");
    for (from, as_whom) in [(a, &ip_a), (b, &ip_b), (c, &gateway)] {
        let seen = seen_as(&from.namespace, &ip_a, inside.port, ANSWER).await;
        assert_eq!(seen.unwrap_or_else(|e| panic!("{}: {e:#}", from.name)), *as_whom, "{}", from.name);
    }

    // A floating IP moves: the old address is nobody's, the same floating IP leads elsewhere.
    let moved = json!({ "port_id": guests[2].1["id"] });
    cloud.client.update("floatingip", &id_of(&fip_b), moved).await.expect("moves");
    let there = Mirror::listen(&c.namespace, 7001).expect("listens");
    let arrived = wait::until(SOON, || async {
        seen_as(&outside.namespace, &ip_b, there.port, Duration::from_millis(500)).await.ok()
    });
    arrived.await.expect("the world reaches its new port");
    cloud.client.delete("floatingip", &id_of(&fip_a)).await.expect("deletes");
    let gone = wait::until(SOON, || async {
        outside.ping(&ip_a, Duration::from_secs(1)).await.is_err().then_some(())
    });
    gone.await.expect("a deleted floating IP answers no more");
    reaches(a, &outside.far, "out by the gateway again").await;
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floating_ips_and_snat_through_the_network_node() {
    the_world(false, "world").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floating_ips_of_hosts_and_snat_through_the_network_node() {
    the_world(true, "world-dvr").await;
}

async fn forwardings(distributed: bool, name: &str) {
    let World { cloud, outside, guests, .. } = world(name, distributed, false).await;
    let (b, port, ip) = &guests[1];
    let ssh = Mirror::listen(&b.namespace, 22).expect("listens");
    let fip = cloud.floating_ip(&outside, None).await.expect("a floating IP");
    let forwarding = json!({ "port_forwarding": {
        "protocol": "tcp", "external_port": 2222, "internal_port": ssh.port,
        "internal_ip_address": ip, "internal_port_id": port["id"],
    }});
    let path = format!("/v2.0/floatingips/{}/port_forwardings", id_of(&fip));
    let (status, made) =
        cloud.client.send("POST", &path, Some(forwarding.to_string()), &[]).await.expect("asks");
    assert_eq!(status, 201, "{made}");
    let to = text(&fip["floating_ip_address"]);
    let arrived = wait::until(SOON, || async {
        seen_as(&outside.namespace, &to, 2222, Duration::from_millis(500)).await.ok()
    });
    assert_eq!(arrived.await.expect("the world reaches the forwarded port"), "203.0.113.1");
    let other = seen_as(&outside.namespace, &to, 2223, Duration::from_millis(500)).await;
    assert!(other.is_err(), "a port that is not forwarded is open");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_are_forwarded_by_the_network_node() {
    forwardings(false, "forward").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_of_a_distributed_router_are_forwarded_by_the_network_node() {
    forwardings(true, "forward-dvr").await;
}

async fn dual_stack(distributed: bool, name: &str) {
    let World { cloud, outside, router, guests } = world(name, distributed, false).await;
    let fields = json!({
        "network_id": outside.network, "ip_version": 6, "cidr": "2001:db8:e71::/64",
        "gateway_ip": "2001:db8:e71::1", "enable_dhcp": false,
    });
    cloud.client.create("subnet", fields).await.expect("an external IPv6 subnet");
    let gateway = json!({ "external_gateway_info": { "network_id": outside.network, "enable_snat": false } });
    cloud.client.update("router", &router, json!({ "external_gateway_info": null })).await.expect("clears");
    let shown = cloud.client.update("router", &router, gateway).await.expect("a gateway of both families");
    let ips = shown["external_gateway_info"]["external_fixed_ips"].as_array().expect("addresses").clone();
    let via = ips.iter().map(|ip| text(&ip["ip_address"])).find(|ip| ip.contains(':')).expect("IPv6");
    let network = text(&guests[0].1["network_id"]);
    ipv6(&cloud, &network, "2001:db8:1::/64", "slaac").await;
    let subnets =
        cloud.client.get(&format!("subnets?network_id={network}&ip_version=6")).await.expect("subnets");
    let body = json!({ "subnet_id": subnets[0]["id"] });
    cloud.client.act(&format!("routers/{router}/add_router_interface"), body).await.expect("attaches");
    // The world knows the way to the tenant's prefix.
    let route = ["ip", "route", "add", "2001:db8:1::/64", "via", via.as_str()];
    run_in(&outside.namespace, &route).await.expect("a route");
    let (a, a_port, _) = &guests[0];
    reaches(a, &outside.far_ipv6, "out by IPv6, as the router advertises").await;
    let port = cloud.client.get(&format!("ports/{}", id_of(a_port))).await.expect("a port");
    reached_from_outside(&outside, &address(&port, true), "in by IPv6").await;
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv6_goes_through_the_network_node_as_it_is() {
    dual_stack(false, "six").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv6_of_a_distributed_router_goes_through_the_network_node() {
    dual_stack(true, "six-dvr").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_world_is_told_when_packets_are_too_big() {
    let World { cloud, outside, guests, .. } = world("big", true, false).await;
    let (_, port, _) = &guests[0];
    let fip = cloud.floating_ip(&outside, Some(port)).await.expect("a floating IP");
    let to = text(&fip["floating_ip_address"]);
    reached_from_outside(&outside, &to, "in by a floating IP").await;
    let words = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1472", &to];
    let said = testbed::place::command_in(&outside.namespace, &words).output().await.expect("ping runs");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("mtu = 1450"), "the router names the network's MTU:\n{said}");
    let words = ["ping", "-n", "-c", "1", "-W", "2", "-s", "4000", &to];
    run_in(&outside.namespace, &words).await.expect("fragments arrive");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_external_networks_do_not_mix() {
    let mut plan = Plan::new("two-worlds", 2);
    plan.physical_networks = vec!["public".into(), "second".into()];
    plan.l3 = vec![Some(L3Mode::Dvr), Some(L3Mode::DvrSnat)];
    let cloud = Cloud::start(plan).await.expect("a cloud; these tests need root");
    let worlds = [
        cloud.outside("public", 113).await.expect("a world"),
        cloud.outside("second", 114).await.expect("another world"),
    ];
    let mut reachable = Vec::new();
    for (at, world) in worlds.iter().enumerate() {
        let network = cloud.network_of(&format!("n{at}"), "10.1.0.0/24").await.expect("a network");
        let plan = RouterPlan { distributed: true, ha: false, enable_snat: false };
        cloud.router(&format!("r{at}"), plan, world, &[&network]).await.expect("a router");
        let (guest, port, _) = guest(&cloud, &format!("g{at}"), &network, 0).await;
        let fip = cloud.floating_ip(world, Some(&port)).await.expect("a floating IP");
        reachable.push((guest, text(&fip["floating_ip_address"])));
    }
    for (at, (guest, ip)) in reachable.iter().enumerate() {
        reached_from_outside(&worlds[at], ip, "in by its own world").await;
        reaches(guest, &worlds[at].far, "out to its own world").await;
        let other = &worlds[1 - at];
        assert!(guest.ping(&other.far, Duration::from_secs(1)).await.is_err(), "{} leaks", guest.name);
    }
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn distributed_routers_serve_flat_networks() {
    let mut plan = Plan::new("flat-dvr", 3);
    plan.physical_networks = vec!["public".into(), "blue".into(), "green".into()];
    plan.l3 = vec![Some(L3Mode::Dvr), Some(L3Mode::Dvr), Some(L3Mode::DvrSnat)];
    let cloud = Cloud::start(plan).await.expect("a cloud; these tests need root");
    let outside = cloud.outside("public", 113).await.expect("a world");
    let mut networks = Vec::new();
    for (at, physical) in ["blue", "green"].into_iter().enumerate() {
        let fields = json!({ "provider:network_type": "flat", "provider:physical_network": physical });
        let network = id_of(&cloud.client.create("network", fields).await.expect("a flat network"));
        let cidr = format!("10.{at}.0.0/24");
        let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": cidr });
        cloud.client.create("subnet", subnet).await.expect("a subnet");
        networks.push(network);
    }
    let plan = RouterPlan { distributed: true, ha: false, enable_snat: true };
    let (a, _, a_ip) = guest(&cloud, "a", &networks[0], 0).await;
    cloud.router("r", plan, &outside, &[&networks[0], &networks[1]]).await.expect("a router");
    let (b, _, b_ip) = guest(&cloud, "b", &networks[1], 1).await;
    reaches(&a, &b_ip, "across hosts and flat networks").await;
    reaches(&b, &a_ip, "back").await;
    // One that comes later, on a host that has both networks already.
    let (c, _, c_ip) = guest(&cloud, "c", &networks[0], 1).await;
    reaches(&b, &c_ip, "on one host").await;
    reaches(&c, &outside.far, "out by the network node").await;
    reaches(&a, &outside.far, "out by the network node").await;
    // A switch would move the router's MAC from port to port: it never sees it.
    let owner = "device_owner=network:router_interface_distributed";
    let ports = cloud.client.get(&format!("ports?{owner}")).await.expect("ports");
    let learnt = run_in(&cloud.place.namespace("underlay"), &["bridge", "fdb", "show"]).await.expect("FDB");
    let macs: Vec<String> =
        ports.as_array().expect("ports").iter().map(|p| text(&p["mac_address"])).collect();
    assert_eq!(macs.len(), 2, "one in each network");
    for mac in macs {
        assert!(!learnt.contains(&mac), "the switch learnt {mac}:\n{learnt}");
    }
    cloud.stop().await.expect("stops");
}

const NO_ADDRESSES: &str =
    "for d in $(ip -o link | grep -o 'qr-[0-9a-f-]*'); do ip address flush dev $d scope global; done";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routers_work_again_after_somebody_broke_them() {
    let World { cloud, outside, router, guests } = world("break", true, true).await;
    let (a, port, _) = &guests[0];
    let fip = cloud.floating_ip(&outside, Some(port)).await.expect("a floating IP");
    let to = text(&fip["floating_ip_address"]);
    reached_from_outside(&outside, &to, "in by a floating IP").await;
    reaches(&guests[2].0, &outside.far, "out by the network node").await;
    for (host, netns, words) in [
        (0, format!("qrouter-{router}"), vec!["nft", "flush", "ruleset"]),
        (0, format!("qrouter-{router}"), vec!["ip", "rule", "del", "priority", "32768"]),
        (0, format!("qrouter-{router}"), vec!["sh", "-c", NO_ADDRESSES]),
        (NETWORK_NODE, format!("snat-{router}"), vec!["ip", "route", "del", "default"]),
        (NETWORK_NODE, format!("snat-{router}"), vec!["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"]),
    ] {
        cloud.run_inside(host, &netns, &words).await.unwrap_or_else(|error| panic!("{words:?}: {error:#}"));
    }
    let folder = cloud.place.folder().join("host-1.netns");
    kernel::netns::delete(&folder, &format!("fip-{}", outside.network)).expect("deletes");
    reached_from_outside(&outside, &to, "in by a floating IP after the repair").await;
    reaches(&guests[2].0, &outside.far, "out by the network node after the repair").await;
    reaches(a, &guests[1].2, "between subnets after the repair").await;
    cloud.stop().await.expect("stops");
}
