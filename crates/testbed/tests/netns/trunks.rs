//! Trunks: an instance that has several ports behind one device, told apart by tags.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::client::id_of;
use testbed::place::run_in;
use testbed::{Cloud, Guest, wait};

use crate::netns::small::{ANSWER, SOON, address, cloud, guest};

const TAG: u16 = 10;

async fn trunk_is(cloud: &Cloud, id: &str, status: &str) {
    let path = format!("trunks/{id}");
    let found = wait::until(SOON, || async {
        let trunk = cloud.client.get(&path).await.ok()?;
        (trunk["status"] == status).then_some(())
    });
    if found.await.is_none() {
        let trunk = cloud.client.get(&path).await.expect("a trunk");
        let database = rusqlite::Connection::open(cloud.database()).expect("opens");
        let sql = "SELECT group_concat(id || ' ' || failure) FROM ports";
        let why: Option<String> = database.query_row(sql, [], |row| row.get(0)).expect("failures");
        panic!("the trunk is not {status}: {trunk} {why:?}");
    }
}

/// Gives a guest a device for a tag, with an address.
async fn tag(guest: &Guest, device: &str, vid: u16, port: &Value, ip: &str) {
    let mac = port["mac_address"].as_str().expect("a MAC address");
    let vid = vid.to_string();
    let link =
        ["ip", "link", "add", "link", "eth0", "name", device, "address", mac, "type", "vlan", "id", &vid];
    guest.run(&link).await.expect("a device for the tag");
    guest.run(&["ip", "addr", "add", &format!("{ip}/24"), "dev", device]).await.expect("an address");
    guest.run(&["ip", "link", "set", device, "up"]).await.expect("up");
}

async fn reaches(from: &Guest, to: &str) {
    let reached = wait::until(SOON, || async { from.ping(to, Duration::from_secs(1)).await.ok() });
    reached.await.unwrap_or_else(|| panic!("{} does not reach {to}", from.name));
}

/// A kernel that has no VLAN devices: the trunk says so, and its parent works by itself.
async fn without_tags(cloud: Cloud, trunk: &str, (parent, sub): (&str, &str), a: &Guest, to: &str) {
    println!("this kernel has no VLAN devices: frames with tags are not tried");
    trunk_is(&cloud, trunk, "DEGRADED").await;
    cloud.port_is(sub, "ERROR", SOON).await.expect("ERROR");
    cloud.port_is(parent, "ACTIVE", SOON).await.expect("ACTIVE");
    // No device takes what has the tag: it must not get to the bridge as it is.
    let tables = run_in(&cloud.hosts[0].namespace, &["nft", "list", "ruleset"]).await.expect("tables");
    assert!(tables.contains("neutrino-tap") && !tables.contains("vlan"), "{tables}");
    a.dhcp().await.expect("a lease of the parent");
    reaches(a, to).await;
    let taken = json!({ "sub_ports": [{ "port_id": sub }] });
    cloud.client.act(&format!("trunks/{trunk}/remove_subports"), taken).await.expect("changes");
    trunk_is(&cloud, trunk, "ACTIVE").await;
    let freed = cloud.port_is(sub, "DOWN", SOON).await.expect("DOWN");
    assert_eq!((&freed["binding:host_id"], &freed["device_owner"]), (&json!(""), &json!("")));
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tagged_guest_reaches_other_hosts_by_each_of_its_ports() {
    let cloud = cloud("trunks", 2).await;
    let outer = cloud.network_of("outer", "10.1.0.0/24").await.expect("a network");
    let inner = cloud.network_of("inner", "10.2.0.0/24").await.expect("a network");
    let (b, _, b_ip) = guest(&cloud, "b", &inner, 1).await;
    let (c, _, c_ip) = guest(&cloud, "c", &outer, 1).await;
    let client = &cloud.client;
    let parent = client.create("port", json!({ "network_id": outer })).await.expect("a parent");
    let sub = client.create("port", json!({ "network_id": inner })).await.expect("a subport");
    let (parent_id, sub_id) = (id_of(&parent), id_of(&sub));
    let below = json!([{ "port_id": sub_id, "segmentation_type": "vlan", "segmentation_id": TAG }]);
    let made =
        client.create("trunk", json!({ "port_id": parent_id, "sub_ports": below })).await.expect("a trunk");
    let trunk = id_of(&made);
    trunk_is(&cloud, &trunk, "DOWN").await;

    // The instance is placed, and all ports of the trunk with it.
    let place =
        json!({ "binding:host_id": cloud.hosts[0].name, "device_id": "a", "device_owner": "compute:nova" });
    let parent = client.update("port", &parent_id, place).await.expect("binds");
    let a = Guest::boot(&cloud.place, "a", &cloud.hosts[0].namespace, &parent).await.expect("boots");
    let agents = client.get("agents").await.expect("agents");
    if agents.as_array().into_iter().flatten().all(|agent| agent["configurations"]["vlan"] != true) {
        return without_tags(cloud, &trunk, (&parent_id, &sub_id), &a, &c_ip).await;
    }
    trunk_is(&cloud, &trunk, "ACTIVE").await;
    let sub = cloud.port_is(&sub_id, "ACTIVE", SOON).await.expect("ACTIVE");
    assert_eq!(
        (&sub["binding:host_id"], &sub["device_owner"]),
        (&json!(cloud.hosts[0].name), &json!("trunk:subport"))
    );
    cloud.port_is(&parent_id, "ACTIVE", SOON).await.expect("ACTIVE");
    a.dhcp().await.expect("a lease of the parent");
    let sub_ip = address(&sub, false);
    tag(&a, "eth0.10", TAG, &sub, &sub_ip).await;
    reaches(&a, &c_ip).await;
    reaches(&a, &b_ip).await;
    reaches(&b, &sub_ip).await;

    // With a tag, too, nobody sends as somebody else.
    a.run(&["ip", "addr", "add", "10.2.0.199/24", "dev", "eth0.10"]).await.expect("an address");
    let as_other = a.run(&["ping", "-n", "-c", "2", "-W", "1", "-I", "10.2.0.199", &b_ip]).await;
    assert!(as_other.is_err(), "an address of nobody's got an answer");
    // A tag of no subport leads nowhere.
    tag(&a, "eth0.11", TAG + 1, &sub, "10.2.0.198").await;
    let strange = a.run(&["ping", "-n", "-c", "1", "-W", "1", "-I", "eth0.11", &b_ip]).await;
    assert!(strange.is_err(), "a tag of no subport got an answer");
    a.run(&["ip", "link", "del", "eth0.11"]).await.expect("goes");

    // Taken out, it is nowhere; back with another tag, it is reached by that.
    let act = |action: &str, sub_ports: Value| {
        let path = format!("trunks/{trunk}/{action}_subports");
        async move { client.act(&path, json!({ "sub_ports": sub_ports })).await.expect("changes") }
    };
    act("remove", json!([{ "port_id": sub_id }])).await;
    let tap = format!("tap{}", &sub_id[..11]);
    let gone = wait::until(SOON, || async {
        let there = run_in(&cloud.hosts[0].namespace, &["ip", "link", "show", &tap]).await;
        let port = cloud.client.get(&format!("ports/{sub_id}")).await.ok()?;
        (there.is_err() && port["binding:host_id"] == "" && port["device_owner"] == "").then_some(())
    });
    gone.await.expect("the port is nowhere");
    assert!(a.ping(&b_ip, Duration::from_secs(1)).await.is_err(), "by a port that was taken out");
    act("add", json!([{ "port_id": sub_id, "segmentation_type": "vlan", "segmentation_id": TAG + 1 }])).await;
    trunk_is(&cloud, &trunk, "ACTIVE").await;
    a.run(&["ip", "link", "del", "eth0.10"]).await.expect("goes");
    tag(&a, "eth0.11", TAG + 1, &sub, &sub_ip).await;
    reaches(&a, &b_ip).await;

    // The instance ends, and is started again: its device comes with all that is on it.
    a.shut_down(&cloud.place).await.expect("ends");
    trunk_is(&cloud, &trunk, "DOWN").await;
    let a = Guest::boot(&cloud.place, "a", &cloud.hosts[0].namespace, &parent).await.expect("boots");
    trunk_is(&cloud, &trunk, "ACTIVE").await;
    tag(&a, "eth0.11", TAG + 1, &sub, &sub_ip).await;
    a.run(&["ip", "link", "set", "eth0", "up"]).await.expect("up");
    a.run(&["ip", "link", "set", "eth0.11", "up"]).await.expect("up");
    reaches(&a, &b_ip).await;
    assert!(c.ping(&sub_ip, ANSWER).await.is_err(), "networks are apart");
    cloud.stop().await.expect("stops");
}
