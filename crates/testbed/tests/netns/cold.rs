//! First packets, when nobody knows anybody's MAC yet.

use std::net::SocketAddr;

use model::desired::L3Mode;
use serde_json::Value;
use testbed::client::id_of;
use testbed::place::run_in;
use testbed::routing::RouterPlan;
use testbed::talk::{Echo, first_echo};
use testbed::{Cloud, Plan};

use crate::netns::small::{SOON, guest};

const NETWORK_NODE: usize = 1;

async fn cloud(name: &str) -> Cloud {
    let mut plan = Plan::new(name, 2);
    plan.physical_networks = vec!["public".into()];
    plan.l3 = vec![Some(L3Mode::Dvr), Some(L3Mode::DvrSnat)];
    Cloud::start(plan).await.expect("a cloud; these tests need root")
}

/// The kernel counts the first question to all behind three to one, which it leaves out.
const FIRST_QUESTION: u32 = 4;

const DVR: RouterPlan = RouterPlan { distributed: true, ha: false, enable_snat: false };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_to_a_network_node_that_wakes_is_known_without_a_question() {
    let cloud = cloud("cold-wake").await;
    let outside = cloud.outside("public", 113).await.expect("a world");
    let network = cloud.network_of("net", "10.1.0.0/24").await.expect("a network");
    let router = cloud.router("r", DVR, &outside, &[&network]).await.expect("a router");
    let (guest, _, _) = guest(&cloud, "guest", &network, 0).await;
    let far = outside.far.parse().expect("an address");
    let echo = Echo::listen(&outside.namespace, far).expect("listens");
    let to = SocketAddr::new(far, echo.port);
    let owner = "device_owner=network:router_centralized_snat";
    let legs = cloud.client.get(&format!("ports?{owner}")).await.expect("ports");
    let leg = legs[0]["fixed_ips"][0]["ip_address"].as_str().expect("an address").to_owned();
    let qrouter = format!("qrouter-{router}");
    let known = || async {
        let said = cloud.run_inside(0, &qrouter, &["ip", "neigh", "show", &leg]).await.expect("neighbours");
        said.contains("PERMANENT")
    };
    for _ in 0..10 {
        assert!(!known().await, "it leads nowhere while the network node has nothing of the router");
        cloud.run_inside(0, &qrouter, &["ip", "neigh", "flush", "all"]).await.expect("forgets");
        let first = tokio::spawn({
            let namespace = guest.namespace.clone();
            async move { first_echo(&namespace, to, SOON).await }
        });
        let asked = std::time::Instant::now();
        cloud.set_snat(&router, &outside, true).await.expect("SNAT on");
        let at = first.await.expect("no panic").expect("an echo");
        println!("woken after {:?}", at - asked);
        assert!(known().await, "the network node's leg is asked for");
        let snat = format!("snat-{router}");
        let gateway = ["ip", "-j", "-s", "neigh", "show", "203.0.113.1"];
        let said = cloud.run_inside(NETWORK_NODE, &snat, &gateway).await.expect("neighbours");
        let said: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(said[0]["probes"], FIRST_QUESTION, "the gateway is asked before the link is open: {said}");
        cloud.set_snat(&router, &outside, false).await.expect("SNAT off");
        cloud.has_router_namespaces(NETWORK_NODE, 0, SOON).await.expect("asleep");
        let gone = testbed::wait::until(SOON, || async { (!known().await).then_some(()) });
        gone.await.expect("the leg is forgotten");
    }
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_floating_ip_answers_the_first_question_at_once() {
    let cloud = cloud("cold-fip").await;
    let outside = cloud.outside("public", 113).await.expect("a world");
    let network = cloud.network_of("net", "10.1.0.0/24").await.expect("a network");
    cloud.router("r", DVR, &outside, &[&network]).await.expect("a router");
    let (_guest, port, _) = guest(&cloud, "guest", &network, 0).await;
    let fip = cloud.floating_ip(&outside, Some(&port)).await.expect("a floating IP");
    cloud.floating_ip_is(&id_of(&fip), "ACTIVE", SOON).await.expect("ACTIVE");
    let to = fip["floating_ip_address"].as_str().expect("an address").to_owned();
    // Who is asked twice answered late: the world repeats a question after 100 ms.
    let patience = "echo 100 > /proc/sys/net/ipv4/neigh/world0/retrans_time_ms; \
                    echo 0 > /proc/sys/net/ipv4/neigh/world0/ucast_solicit; \
                    echo 30 > /proc/sys/net/ipv4/neigh/world0/mcast_solicit";
    run_in(&outside.namespace, &["sh", "-c", patience]).await.expect("set");
    outside.ping(&to, SOON).await.expect("works");
    for _ in 0..8 {
        run_in(&outside.namespace, &["ip", "neigh", "flush", "all"]).await.expect("forgets");
        outside.ping(&to, SOON).await.expect("answers");
        let said = run_in(&outside.namespace, &["ip", "-j", "-s", "neigh", "show", &to]).await;
        let said: Value = serde_json::from_str(&said.expect("neighbours")).expect("JSON");
        assert_eq!(said[0]["probes"], 1, "questions before the answer: {said}");
    }
    cloud.stop().await.expect("stops");
}
