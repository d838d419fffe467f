//! Things break under a running cloud: it repairs itself, and packets go on.

use bus::{Bus, InProcess, Mischief, Unruly};
use testbed::client::id_of;
use testbed::place::run_in;
use testbed::{Cloud, Plan, wait};

use crate::netns::small::{ANSWER, Pinger, SOON, cloud, guest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_killed_and_started_again_loses_no_packet() {
    let mut cloud = cloud("restart", 2).await;
    let network = cloud.network("net").await.expect("a network");
    let (one, _, _) = guest(&cloud, "one", &network, 0).await;
    let (_two, _, to) = guest(&cloud, "two", &network, 1).await;
    one.ping(&to, ANSWER).await.expect("works before");
    let pinger = Pinger::start(&one, &to);
    for _ in 0..3 {
        for host in [0, 1] {
            cloud.kill_agent(host).await;
            cloud.start_agent(host);
        }
        // A new port proves that the agents work again.
        let name = format!(
            "new-{}",
            cloud.client.get("ports?fields=id").await.expect("ports").as_array().map_or(0, Vec::len)
        );
        guest(&cloud, &name, &network, 1).await;
    }
    let (sent, received) = pinger.stop().await;
    assert!(sent > 10 && received + 1 >= sent, "{sent} sent, {received} received");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bridge_deleted_by_hand_comes_back() {
    let cloud = cloud("bridge", 2).await;
    let network = cloud.network("net").await.expect("a network");
    let (one, port, _) = guest(&cloud, "one", &network, 0).await;
    let (_two, _, to) = guest(&cloud, "two", &network, 1).await;
    let bridge = format!("brq{}", &network[..11]);
    run_in(&cloud.hosts[0].namespace, &["ip", "link", "del", &bridge]).await.expect("deletes");
    let back = wait::until(SOON, || async { one.ping(&to, ANSWER).await.ok() });
    back.await.expect("the agent wires it again");
    cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_renamed_is_gone_and_wired_again_under_its_name() {
    let cloud = cloud("rename", 1).await;
    let network = cloud.network("net").await.expect("a network");
    let (one, port, _) = guest(&cloud, "one", &network, 0).await;
    let host = &cloud.hosts[0].namespace;
    run_in(host, &["ip", "link", "set", &one.tap, "down"]).await.expect("goes down");
    run_in(host, &["ip", "link", "set", &one.tap, "name", "strange0"]).await.expect("is renamed");
    cloud.port_is(&id_of(&port), "DOWN", SOON).await.expect("DOWN without its device");
    run_in(host, &["ip", "link", "set", "strange0", "name", &one.tap]).await.expect("is renamed back");
    cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE with its device");
    one.dhcp().await.expect("works");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_are_wired_over_a_bus_that_drops_doubles_and_reorders() {
    let mischief = Mischief { drop: 40, double: 30, hold: 30, fail_request: 10, seed: 20_261_121 };
    println!("{mischief:?}");
    let bus = Bus::new(Unruly::new(InProcess::default(), mischief));
    let mut cloud = Cloud::build(Plan::new("unruly", 2), bus).await.expect("a cloud; these tests need root");
    for host in 0..2 {
        cloud.set_sweep_s(host, 1);
        cloud.start_agent(host);
    }
    cloud.agents_alive().await.expect("agents report themselves");
    let network = cloud.network("net").await.expect("a network");
    let (one, _, _) = guest(&cloud, "one", &network, 0).await;
    let (_two, _, to) = guest(&cloud, "two", &network, 1).await;
    let reached = wait::until(SOON, || async { one.ping(&to, ANSWER).await.ok() });
    reached.await.expect("both hosts converge");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_run_left_is_removed_by_the_next() {
    let place = testbed::Place::new("left").expect("a place; these tests need root");
    let folder = place.folder().to_owned();
    place.add("somebody").await.expect("a namespace");
    // A killed process removes nothing; a pid that cannot be stands for it.
    std::fs::write(folder.join("pid"), "4194305").expect("writes");
    std::mem::forget(place);
    testbed::Place::sweep().expect("sweeps");
    assert!(!folder.exists(), "{} is left", folder.display());
}
