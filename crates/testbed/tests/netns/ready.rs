//! Routers that stand ready on several network nodes, of which one is active.

use std::time::Duration;

use bus::Bus;
use model::desired::L3Mode;
use serde_json::Value;
use testbed::client::id_of;
use testbed::place::living_in;
use testbed::routing::RouterPlan;
use testbed::{Cloud, Plan, wait};

use crate::netns::small::{SOON, guest};

const NODES: [usize; 2] = [1, 2];

/// A failover: three advertisements of two seconds, and what follows.
const TAKEN_OVER: Duration = Duration::from_secs(40);

async fn states(cloud: &Cloud, router: &str) -> Vec<(String, String)> {
    let agents = cloud.client.get(&format!("routers/{router}/l3-agents")).await.expect("agents");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = agents
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| (text(&one["host"]), text(&one["ha_state"])))
        .collect();
    all.sort();
    all
}

/// Waits until one is active and the other on standby; which host is active.
async fn one_is_active(cloud: &Cloud, router: &str, other_than: Option<usize>) -> usize {
    let found = wait::until(TAKEN_OVER, || async {
        let states = states(cloud, router).await;
        let active: Vec<&String> =
            states.iter().filter(|(_, state)| state == "active").map(|(h, _)| h).collect();
        let [one] = active.as_slice() else { return None };
        let at = cloud.hosts.iter().position(|host| host.name == **one)?;
        (states.len() == 2 && Some(at) != other_than).then_some(at)
    });
    match found.await {
        Some(at) => at,
        None => panic!("not one active: {:?}", states(cloud, router).await),
    }
}

async fn another_takes_over(distributed: bool, name: &str) {
    let mut plan = Plan::new(name, 3);
    plan.physical_networks = vec!["public".into()];
    plan.l3 = match distributed {
        true => vec![Some(L3Mode::Dvr), Some(L3Mode::DvrSnat), Some(L3Mode::DvrSnat)],
        false => vec![None, Some(L3Mode::Legacy), Some(L3Mode::Legacy)],
    };
    let mut cloud = Cloud::build(plan, Bus::in_process()).await.expect("a cloud; these tests need root");
    for host in 0..3 {
        // What is told at once is not to be found by a look at everything.
        cloud.set_sweep_s(host, 600);
        cloud.start_agent(host);
    }
    cloud.agents_alive().await.expect("agents report themselves");
    let outside = cloud.outside("public", 113).await.expect("a world");
    let network = cloud.network_of("net", "10.1.0.0/24").await.expect("a network");
    let plan = RouterPlan { distributed, ha: true, enable_snat: true };
    let router = cloud.router("r", plan, &outside, &[&network]).await.expect("a router");
    let (a, port, _) = guest(&cloud, "a", &network, 0).await;
    let active = one_is_active(&cloud, &router, None).await;
    let out = || async { a.ping(&outside.far, Duration::from_secs(1)).await.ok() };
    wait::until(TAKEN_OVER, out).await.expect("out by the active one");
    for node in NODES {
        assert!(cloud.processes(node) > 0, "keepalived stands ready on host {node}");
    }

    // keepalived of the active one dies, and what it had goes with its namespaces.
    let folder = cloud.place.folder().join(format!("{}.netns", cloud.hosts[active].name));
    for pid in living_in(&folder) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a pid"));
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    }
    for netns in cloud.router_namespaces(active).expect("looks") {
        kernel::netns::delete(&folder, &netns).expect("deletes");
    }
    let now = one_is_active(&cloud, &router, Some(active)).await;
    assert!(NODES.contains(&now) && now != active);
    wait::until(TAKEN_OVER, out).await.expect("out by the other");
    let fip = cloud.floating_ip(&outside, Some(&port)).await.expect("a floating IP");
    let to = fip["floating_ip_address"].as_str().expect("an address").to_owned();
    cloud.floating_ip_is(&id_of(&fip), "ACTIVE", SOON).await.expect("ACTIVE");
    let reached = wait::until(TAKEN_OVER, || async { outside.ping(&to, Duration::from_secs(1)).await.ok() });
    reached.await.expect("in by a floating IP");

    // Nothing of it is left when it goes.
    cloud.client.delete("floatingip", &id_of(&fip)).await.expect("deletes");
    let subnets = cloud.client.get(&format!("subnets?network_id={network}")).await.expect("subnets");
    let body = serde_json::json!({ "subnet_id": subnets[0]["id"] });
    cloud.client.act(&format!("routers/{router}/remove_router_interface"), body).await.expect("leaves");
    cloud.client.delete("router", &router).await.expect("deletes");
    for node in NODES {
        cloud.has_router_namespaces(node, 0, SOON).await.expect("no namespaces");
        let gone = wait::until(SOON, || async { (cloud.processes(node) == 0).then_some(()) });
        gone.await.expect("no processes");
    }
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_network_node_takes_over() {
    another_takes_over(false, "ready").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_network_node_takes_over_a_distributed_router() {
    another_takes_over(true, "ready-dvr").await;
}
