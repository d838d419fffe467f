//! What is refused when it is asked for, because hosts could not carry it or others have it.

use bus::Bus;
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::{Client, Engine, Lone};

use super::racing::Servers;

testbed::on_both_engines!(
    a_router_leads_so_many_ports_to_others,
    a_project_has_so_many_ha_routers,
    what_is_chosen_is_none_that_is_asked_for,
);

async fn a_router_leads_so_many_ports_to_others(engine: Engine) {
    let servers = Servers::start(engine).await;
    let client = servers.client(0);
    let (external, _) = servers.subnet("203.0.113.0/24", true).await;
    let (inside, subnet) = servers.subnet("10.0.0.0/24", false).await;
    let router = servers.make("router", json!({ "external_gateway_info": { "network_id": external } })).await;
    let path = format!("/v2.0/routers/{router}/add_router_interface");
    let body = json!({ "subnet_id": subnet }).to_string();
    assert_eq!(client.send("PUT", &path, Some(body), &[]).await.expect("answers").0, 200);
    let port = servers.client(0).create("port", json!({ "network_id": inside })).await.expect("a port");
    let (id, ip) = (id_of(&port), port["fixed_ips"][0]["ip_address"].clone());
    let mut paths = Vec::new();
    for _ in 0..2 {
        let floatingip = servers.make("floatingip", json!({ "floating_network_id": external })).await;
        paths.push(format!("/v2.0/floatingips/{floatingip}/port_forwardings"));
    }
    let forward = async |at: usize, from: &str, to: &str| {
        let body = json!({ "port_forwarding": { "protocol": "tcp", "external_port_range": from,
            "internal_port_range": to, "internal_port_id": id, "internal_ip_address": ip } });
        client.send("POST", &paths[at], Some(body.to_string()), &[]).await.expect("answers")
    };
    assert_eq!(forward(0, "1:8000", "101:8100").await.0, 201);
    assert_eq!(forward(1, "9000:9191", "9001:9192").await.0, 201, "8,192 together");
    let (status, answer) = forward(0, "9500:9500", "22:22").await;
    assert_eq!((status, answer["NeutronError"]["type"].as_str()), (409, Some("OverQuota")), "{answer}");
    let (status, whole) = forward(0, "10000:20000", "10000:20000").await;
    assert_eq!(status, 201, "a range that keeps its numbers is one: {whole}");
    let path = format!("{}/{}", paths[0], id_of(&whole["port_forwarding"]));
    let shift = json!({ "port_forwarding": { "internal_port_range": "10001:20001" } }).to_string();
    assert_eq!(client.send("PUT", &path, Some(shift), &[]).await.expect("answers").0, 409);
    let describe = json!({ "port_forwarding": { "description": "web" } }).to_string();
    assert_eq!(client.send("PUT", &path, Some(describe), &[]).await.expect("answers").0, 200);
}

/// As many as VRRP tells apart in one network, but for one that Neutron leaves out.
const HA_ROUTERS: usize = 254;

async fn a_project_has_so_many_ha_routers(engine: Engine) {
    let mut settings = Settings::default();
    settings.quotas.0.insert("router".into(), -1);
    let lone = Lone::start_on(engine, settings, Bus::in_process()).await.expect("starts");
    let one = json!({ "router": { "ha": true } });
    let mut made = Value::Null;
    for _ in 0..HA_ROUTERS {
        let (status, answer) = post(&lone.client, one.clone()).await;
        assert_eq!(status, 201, "{answer}");
        made = answer;
    }
    let (status, answer) = post(&lone.client, one.clone()).await;
    assert_eq!((status, answer["NeutronError"]["type"].as_str()), (409, Some("NoVRIDAvailable")), "{answer}");
    // Nor does one become it.
    let plain = json!({ "admin_state_up": false });
    let plain = id_of(&lone.client.create("router", plain).await.expect("is made"));
    lone.client.update("router", &plain, json!({ "ha": true })).await.expect_err("one too many");
    let theirs = json!({ "router": { "ha": true, "project_id": "another" } });
    assert_eq!(post(&lone.client, theirs).await.0, 201, "another project has its own");
    lone.client.delete("router", &id_of(&made["router"])).await.expect("goes");
    assert_eq!(post(&lone.client, one).await.0, 201);
}

async fn post(client: &Client, body: Value) -> (u16, Value) {
    client.send("POST", "/v2.0/routers", Some(body.to_string()), &[]).await.expect("answers")
}

/// One address is free besides the one that is asked for, so that a choice may hit it.
async fn what_is_chosen_is_none_that_is_asked_for(engine: Engine) {
    let servers = Servers::start(engine).await;
    for _ in 0..8 {
        let network = servers.make("network", json!({})).await;
        let pool = json!([{ "start": "10.0.0.6", "end": "10.0.0.7" }]);
        let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24",
            "enable_dhcp": false, "allocation_pools": pool });
        let subnet = servers.make("subnet", subnet).await;
        let asked = json!([{ "subnet_id": subnet }, { "ip_address": "10.0.0.7" }]);
        let port = json!({ "network_id": network, "fixed_ips": asked });
        let port = servers.client(0).create("port", port).await.expect("a port");
        let ips: Vec<_> = (0..2).map(|at| port["fixed_ips"][at]["ip_address"].clone()).collect();
        assert_eq!(ips, ["10.0.0.6", "10.0.0.7"]);
    }
}
