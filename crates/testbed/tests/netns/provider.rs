//! Networks on physical interfaces: flat works, VLAN where the kernel has it.

use serde_json::json;
use testbed::client::id_of;
use testbed::{Cloud, Plan};

use crate::netns::small::{ANSWER, guest};

async fn cloud(name: &str) -> Cloud {
    let mut plan = Plan::new(name, 2);
    plan.physical_networks = vec!["phys1".into()];
    plan.settings.rules.vlan_ranges.insert("phys1".into(), vec![[100, 199]]);
    Cloud::start(plan).await.expect("a cloud; these tests need root")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flat_network_crosses_the_physical_one() {
    let cloud = cloud("flat").await;
    let fields = json!({ "provider:network_type": "flat", "provider:physical_network": "phys1" });
    let network = cloud.client.create("network", fields).await.expect("a flat network");
    let subnet = json!({ "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24" });
    cloud.client.create("subnet", subnet).await.expect("a subnet");
    let (one, _, _) = guest(&cloud, "one", &id_of(&network), 0).await;
    let (_two, _, to) = guest(&cloud, "two", &id_of(&network), 1).await;
    one.ping(&to, ANSWER).await.expect("crosses the physical network");
    cloud.stop().await.expect("stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vlan_is_bound_only_where_the_kernel_has_vlans() {
    let cloud = cloud("vlan").await;
    let agents = cloud.client.get("agents?agent_type=Linux%20bridge%20agent").await.expect("agents");
    let has_vlan = agents[0]["configurations"]["vlan"] == true;
    let fields = json!({ "provider:network_type": "vlan", "provider:physical_network": "phys1" });
    let network = cloud.client.create("network", fields).await.expect("a VLAN network");
    assert!((100..=199).contains(&network["provider:segmentation_id"].as_i64().expect("an id")));
    let fields = json!({ "network_id": network["id"], "binding:host_id": cloud.hosts[0].name });
    let port = cloud.client.create("port", fields).await.expect("a port");
    let wanted = if has_vlan { "tap" } else { "binding_failed" };
    assert_eq!(port["binding:vif_type"], wanted, "vlan on this kernel: {has_vlan}");
    cloud.stop().await.expect("stops");
}
