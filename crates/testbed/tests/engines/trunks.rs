//! Ports of trunks: what they cannot be besides, and what becomes of those that cannot be where their
//! parent is.

use std::time::Duration;

use bus::Bus;
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::{Engine, Lone, wait};

testbed::on_both_engines!(ports_of_trunks_are_no_routers, one_that_cannot_follow_its_parent_says_so);

const LIMIT: Duration = Duration::from_secs(20);

async fn start(engine: Engine) -> Lone {
    Lone::start_on(engine, Settings::default(), Bus::in_process()).await.expect("starts")
}

async fn made(lone: &Lone, singular: &str, fields: Value) -> String {
    id_of(&lone.client.create(singular, fields).await.expect("is made"))
}

/// A trunk of two ports.
async fn trunk(lone: &Lone, parent: &str, sub: &str) -> String {
    let below = json!([{ "port_id": sub, "segmentation_type": "vlan", "segmentation_id": 7 }]);
    made(lone, "trunk", json!({ "port_id": parent, "sub_ports": below })).await
}

async fn ports_of_trunks_are_no_routers(engine: Engine) {
    let lone = start(engine).await;
    let network = made(&lone, "network", json!({})).await;
    let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24" });
    made(&lone, "subnet", subnet).await;
    let parent = made(&lone, "port", json!({ "network_id": network })).await;
    let sub = made(&lone, "port", json!({ "network_id": network })).await;
    let trunk = trunk(&lone, &parent, &sub).await;
    let router = made(&lone, "router", json!({})).await;
    let path = format!("/v2.0/routers/{router}/add_router_interface");
    let join = async |port: &str| {
        let body = json!({ "port_id": port }).to_string();
        lone.client.send("PUT", &path, Some(body), &[]).await.expect("answers")
    };
    for (port, kind) in [(&parent, "PortInUseAsTrunkParent"), (&sub, "PortInUseAsSubPort")] {
        let (status, answer) = join(port).await;
        assert_eq!((status, &answer["NeutronError"]["type"]), (409, &json!(kind)), "{answer}");
        let port = lone.client.get(&format!("ports/{port}")).await.expect("shows");
        assert_eq!((&port["device_owner"], &port["device_id"]), (&json!(""), &json!("")), "{port}");
    }
    lone.client.delete("trunk", &trunk).await.expect("goes");
    let (status, answer) = join(&sub).await;
    assert_eq!(status, 200, "{answer}");
    lone.stop().await;
}

async fn one_that_cannot_follow_its_parent_says_so(engine: Engine) {
    let lone = start(engine).await;
    let network = made(&lone, "network", json!({})).await;
    let parent = made(&lone, "port", json!({ "network_id": network })).await;
    // No host is on this network's segment.
    let routed = made(&lone, "network", json!({})).await;
    let segments = lone.client.get(&format!("segments?network_id={routed}")).await.expect("lists");
    let subnet = json!({ "network_id": routed, "ip_version": 4, "cidr": "10.0.1.0/24",
        "segment_id": segments[0]["id"] });
    let subnet = made(&lone, "subnet", subnet).await;
    let fixed = json!([{ "subnet_id": subnet, "ip_address": "10.0.1.9" }]);
    let sub = made(&lone, "port", json!({ "network_id": routed, "fixed_ips": fixed })).await;
    let trunk = trunk(&lone, &parent, &sub).await;
    let sub_path = format!("ports/{sub}");
    for host in ["h1", "h2"] {
        lone.client.update("port", &parent, json!({ "binding:host_id": host })).await.expect("moves");
        let failed = wait::until(LIMIT, || async {
            let port = lone.client.get(&sub_path).await.ok()?;
            (port["binding:host_id"] == host).then_some(port)
        });
        let port = failed.await.expect("it is said to be there");
        let said = (&port["binding:vif_type"], &port["device_owner"], &port["status"]);
        assert_eq!(said, (&json!("binding_failed"), &json!("trunk:subport"), &json!("DOWN")), "{port}");
        assert_eq!(port["fixed_ips"][0]["ip_address"], "10.0.1.9", "its address stays: {port}");
    }
    let db = lone.open().await.expect("opens");
    let misfits = db.read().await.expect("reads").trunk_misfits("", 9).await.expect("reads");
    assert!(misfits.is_empty(), "nothing is left to be tried: {misfits:?}");
    let shown = lone.client.get(&format!("trunks/{trunk}")).await.expect("shows");
    assert_eq!(shown["status"], "ERROR", "{shown}");
    lone.client.update("port", &parent, json!({ "binding:host_id": "" })).await.expect("is nowhere");
    let freed = wait::until(LIMIT, || async {
        let port = lone.client.get(&sub_path).await.ok()?;
        (port["binding:host_id"] == "" && port["binding:vif_type"] == "unbound").then_some(())
    });
    freed.await.expect("it is nowhere as well");
    lone.stop().await;
}
