//! Routers on the network node only while it has traffic to carry for them.

use std::time::Duration;

use model::desired::L3Mode;
use serde_json::json;
use testbed::client::id_of;
use testbed::routing::RouterPlan;
use testbed::{Cloud, Plan, wait};

use crate::netns::small::{SOON, guest};

const NETWORK_NODE: usize = 1;

async fn cloud(name: &str, lazy: bool) -> Cloud {
    let mut plan = Plan::new(name, 2);
    plan.physical_networks = vec!["public".into()];
    plan.l3 = vec![Some(L3Mode::Dvr), Some(L3Mode::DvrSnat)];
    let mut cloud = Cloud::build(plan, bus::Bus::in_process()).await.expect("a cloud; these tests need root");
    cloud.set_lazy(NETWORK_NODE, lazy);
    for host in 0..2 {
        cloud.start_agent(host);
    }
    cloud.agents_alive().await.expect("agents report themselves");
    cloud
}

const DVR: RouterPlan = RouterPlan { distributed: true, ha: false, enable_snat: false };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_node_has_only_routers_with_traffic_there() {
    let cloud = cloud("lazy", true).await;
    let outside = cloud.outside("public", 113).await.expect("a world");
    let network = cloud.network_of("net", "10.1.0.0/24").await.expect("a network");
    let router = cloud.router("r", DVR, &outside, &[&network]).await.expect("a router");
    let (with, port, _) = guest(&cloud, "with", &network, 0).await;
    let (without, _, without_ip) = guest(&cloud, "without", &network, 0).await;
    let fip = cloud.floating_ip(&outside, Some(&port)).await.expect("a floating IP");
    cloud.floating_ip_is(&id_of(&fip), "ACTIVE", SOON).await.expect("ACTIVE");
    with.ping(&outside.far, SOON).await.expect("a floating IP needs no network node");
    assert_eq!(cloud.router_namespaces(NETWORK_NODE).expect("looks"), Vec::<String>::new());
    let bridge = format!("brq{}", &network[..11]);
    let links = testbed::place::run_in(&cloud.hosts[NETWORK_NODE].namespace, &["ip", "-o", "link"]);
    // The network node serves DHCP in this cloud as any host may.
    let dhcp = cloud.client.get("ports?device_owner=network:dhcp").await.expect("ports");
    let here = dhcp.as_array().expect("ports").iter().any(|port| port["binding:host_id"] == "host-2");
    assert_eq!(links.await.expect("links").contains(&bridge), here, "nothing of the network is there");

    // SNAT wakes it, and its end puts it back.
    assert!(without.ping(&outside.far, Duration::from_secs(1)).await.is_err(), "no SNAT yet");
    cloud.set_snat(&router, &outside, true).await.expect("SNAT on");
    let out = wait::until(SOON, || async { without.ping(&outside.far, Duration::from_secs(1)).await.ok() });
    out.await.expect("the router wakes");
    cloud.has_router_namespaces(NETWORK_NODE, 2, SOON).await.expect("qrouter- and snat-");
    cloud.set_snat(&router, &outside, false).await.expect("SNAT off");
    cloud.has_router_namespaces(NETWORK_NODE, 0, SOON).await.expect("nothing left");

    // So does a forwarding.
    let forwarded = cloud.floating_ip(&outside, None).await.expect("a floating IP");
    let forwarding = json!({ "port_forwarding": {
        "protocol": "udp", "external_port": 5353, "internal_port": 53, "internal_ip_address": without_ip,
        "internal_port_id": cloud.client.get("ports?name=without").await.expect("ports")[0]["id"],
    }});
    let path = format!("/v2.0/floatingips/{}/port_forwardings", id_of(&forwarded));
    let (status, made) =
        cloud.client.send("POST", &path, Some(forwarding.to_string()), &[]).await.expect("asks");
    assert_eq!(status, 201, "{made}");
    cloud.has_router_namespaces(NETWORK_NODE, 2, SOON).await.expect("awake");
    let path = format!("{path}/{}", id_of(&made["port_forwarding"]));
    cloud.client.send("DELETE", &path, None, &[]).await.expect("asks");
    cloud.has_router_namespaces(NETWORK_NODE, 0, SOON).await.expect("asleep");

    // And a bare-metal server.
    let fields =
        json!({ "network_id": network, "binding:vnic_type": "baremetal", "device_owner": "baremetal:none" });
    let metal = cloud.client.create("port", fields).await.expect("a port");
    cloud.has_router_namespaces(NETWORK_NODE, 2, SOON).await.expect("awake");
    cloud.client.delete("port", &id_of(&metal)).await.expect("deletes");
    cloud.has_router_namespaces(NETWORK_NODE, 0, SOON).await.expect("asleep");
    with.ping(&outside.far, SOON).await.expect("its floating IP works all the time");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_may_not_be_lazy_has_them_all() {
    let cloud = cloud("eager", false).await;
    let outside = cloud.outside("public", 113).await.expect("a world");
    let network = cloud.network_of("net", "10.1.0.0/24").await.expect("a network");
    cloud.router("r", DVR, &outside, &[&network]).await.expect("a router");
    cloud.has_router_namespaces(NETWORK_NODE, 2, SOON).await.expect("qrouter- and snat-");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_agent_left_goes_when_it_is_back() {
    let mut cloud = cloud("leftover", true).await;
    let outside = cloud.outside("public", 113).await.expect("a world");
    let network = cloud.network_of("net", "10.1.0.0/24").await.expect("a network");
    let router = cloud.router("r", DVR, &outside, &[&network]).await.expect("a router");
    cloud.set_snat(&router, &outside, true).await.expect("SNAT on");
    cloud.has_router_namespaces(NETWORK_NODE, 2, SOON).await.expect("awake");
    cloud.kill_agent(NETWORK_NODE).await;
    cloud.set_snat(&router, &outside, false).await.expect("SNAT off");
    let folder = cloud.place.folder().join("host-2.netns");
    kernel::netns::create(&folder, "snat-11111111-2222-4333-8444-555555555555").expect("a stray namespace");
    kernel::netns::create(&folder, "somebody").expect("somebody's namespace");
    assert_eq!(cloud.router_namespaces(NETWORK_NODE).expect("looks").len(), 3);
    cloud.start_agent(NETWORK_NODE);
    cloud.has_router_namespaces(NETWORK_NODE, 0, SOON).await.expect("all gone");
    assert!(folder.join("somebody").exists(), "what is not ours stays");
    cloud.stop().await.expect("stops");
}
