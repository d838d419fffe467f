//! Who carries a router when hosts do not hear each other, when an operator moves it, and when nobody
//! does; and that what cannot be had at once is had later.

use db::Engine;
use model::report::HaState;
use serde_json::{Value, json};
use testbed::client::id_of;

use testbed::wait;

use super::routed::{Cloud, LIMIT};

testbed::on_both_engines!(
    a_split_leaves_the_router_where_it_was_all_the_time,
    an_operator_moves_a_router,
    floating_ips_that_nobody_carries_are_down,
    a_host_that_got_no_address_gets_one_later,
    routers_that_cannot_be_settled_keep_no_other_waiting,
);

async fn a_split_leaves_the_router_where_it_was_all_the_time(engine: Engine) {
    let cloud = Cloud::start(engine, 2, None).await;
    cloud.host("net-0").say(HaState::Active);
    cloud.host("net-1").say(HaState::Standby);
    let dvr = cloud.dvr(true).await;
    let snat = json!({ "external_gateway_info": { "network_id": dvr.external, "enable_snat": true } });
    cloud.update("router", &dvr.router, snat).await;
    cloud.is_active(&dvr.router, "net-0").await;
    // They do not hear each other: both are active, and the later one was not before.
    cloud.host("net-1").say(HaState::Active);
    cloud.is_active(&dvr.router, "net-1").await;
    // They do again, and the one that was active all the time has nothing to say.
    cloud.host("net-1").say(HaState::Standby);
    cloud.is_active(&dvr.router, "net-0").await;
    cloud.settled().await;
    cloud.converged().await;
}

async fn an_operator_moves_a_router(engine: Engine) {
    let cloud = Cloud::start(engine, 2, None).await;
    let dvr = cloud.dvr(false).await;
    let router = dvr.router.as_str();
    cloud.settled().await;
    let client = &cloud.lone().client;
    let agent = async |host: &str| {
        let path = format!("agents?host={host}&agent_type=L3 agent&fields=id");
        id_of(&client.get(&path).await.expect("agents")[0])
    };
    let carrying = async || {
        let agents = client.get(&format!("routers/{router}/l3-agents")).await.expect("agents");
        let host = |agent: &Value| agent["host"].as_str().expect("a host").to_owned();
        agents.as_array().expect("a list").iter().map(host).collect::<Vec<_>>()
    };
    let send = async |method: &str, path: String, body: Option<Value>| {
        let body = body.map(|body| body.to_string());
        client.send(method, &path, body, &[]).await.expect("an answer").0
    };
    for _ in 0..2 {
        let from = carrying().await.remove(0);
        let to = if from == "net-0" { "net-1" } else { "net-0" };
        let path = format!("/v2.0/agents/{}/l3-routers/{router}", agent(&from).await);
        assert_eq!(send("DELETE", path, None).await, 204);
        cloud
            .eventually("nobody on a network node has it", || {
                ["net-0", "net-1"].iter().all(|host| cloud.router(host, router).is_none())
            })
            .await;
        cloud.settled().await;
        let mut tx = cloud.db.read().await.expect("reads");
        let wanting = tx.misplaced_routers("", 1, None, 9).await.expect("reads");
        drop(tx);
        assert_eq!(wanting, [], "nor does a look at all routers give it to one");
        assert_eq!(carrying().await, [""; 0]);
        let path = format!("/v2.0/agents/{}/l3-routers", agent(to).await);
        assert_eq!(send("POST", path, Some(json!({ "router_id": router }))).await, 201);
        cloud.eventually("the other one has it", || cloud.router(to, router).is_some()).await;
        cloud.settled().await;
        assert_eq!(carrying().await, [to]);
    }
    // What needs an agent anew has it placed again.
    let at = carrying().await.remove(0);
    let path = format!("/v2.0/agents/{}/l3-routers/{router}", agent(&at).await);
    assert_eq!(send("DELETE", path, None).await, 204);
    cloud.settled().await;
    let (_, subnet) = cloud.network(json!({}), "10.0.9.0/24").await;
    assert_eq!(cloud.act(router, "add_router_interface", json!({ "subnet_id": subnet })).await, 200);
    cloud.settled().await;
    assert_eq!(carrying().await.len(), 1);
    cloud.converged().await;
}

async fn floating_ips_that_nobody_carries_are_down(engine: Engine) {
    let cloud = Cloud::start(engine, 1, None).await;
    let dvr = cloud.dvr(false).await;
    let floating = json!({ "floating_network_id": dvr.external, "port_id": dvr.instance });
    let floating = id_of(&cloud.create("floatingip", floating).await);
    let path = format!("floatingips/{floating}");
    cloud.has_status(&path, "ACTIVE").await;
    cloud.update("router", &dvr.router, json!({ "admin_state_up": false })).await;
    cloud.has_status(&path, "DOWN").await;
    cloud.update("router", &dvr.router, json!({ "admin_state_up": true })).await;
    cloud.has_status(&path, "ACTIVE").await;
    // It was the only one that the host had a router for.
    cloud.lone().client.delete("port", &dvr.instance).await.expect("goes");
    cloud.eventually("the host has no router", || cloud.router("cmp-0", &dvr.router).is_none()).await;
    cloud.has_status(&path, "DOWN").await;
}

async fn a_host_that_got_no_address_gets_one_later(engine: Engine) {
    let mut cloud = Cloud::start(engine, 1, None).await;
    // Addresses for the gateway, a floating IP and one more.
    let (external, _) = cloud.network(json!({ "router:external": true }), "203.0.113.0/29").await;
    for last in [2, 3] {
        let fixed_ips = json!([{ "ip_address": format!("203.0.113.{last}") }]);
        cloud.create("port", json!({ "network_id": external, "fixed_ips": fixed_ips })).await;
    }
    let (inside, subnet) = cloud.network(json!({}), "10.0.0.0/24").await;
    let gateway = json!({ "network_id": external, "enable_snat": false });
    let fields = json!({ "distributed": true, "external_gateway_info": gateway });
    let router = id_of(&cloud.create("router", fields).await);
    assert_eq!(cloud.act(&router, "add_router_interface", json!({ "subnet_id": subnet })).await, 200);
    let instance = cloud.instance(&inside, "cmp-0").await;
    cloud.settled().await;
    let one_more = id_of(&cloud.create("port", json!({ "network_id": external })).await);
    cloud.create("floatingip", json!({ "floating_network_id": external, "port_id": instance })).await;
    let is_told = || cloud.router("cmp-0", &router).is_some_and(|router| router.floating_ips.len() == 1);
    cloud.eventually("the host is told of it", is_told).await;
    let path = "ports?device_owner=network:floatingip_agent_gateway";
    let ways = async |cloud: &Cloud| {
        let found = cloud.lone().client.get(path).await.expect("ports");
        found.as_array().map_or(0, Vec::len)
    };
    assert_eq!(ways(&cloud).await, 0, "no address was left");
    cloud.lone().client.delete("port", &one_more).await.expect("goes");
    // A host that begins to route has all routers looked at that are due.
    cloud.join(1).await;
    let has_way = wait::until(LIMIT, || async { (ways(&cloud).await == 1).then_some(()) });
    assert!(has_way.await.is_some(), "the host has no way of its own");
    cloud.settled().await;
    cloud.converged().await;
}

/// As many as are looked at in one go.
const MANY: usize = 200;

async fn routers_that_cannot_be_settled_keep_no_other_waiting(engine: Engine) {
    let mut settings = Cloud::settings();
    settings.rules.vxlan_ranges = vec![[1, 2]];
    let mut cloud = Cloud::start_with(engine, 1, None, settings).await;
    let dvr = cloud.dvr(false).await;
    cloud.settled().await;
    // No segment is left for the network in which their hosts would hear of each other.
    for _ in 0..MANY {
        cloud.create("router", json!({ "ha": true })).await;
    }
    let due = async |cloud: &Cloud| {
        let mut tx = cloud.db.read().await.expect("reads");
        let all = tx.dues((i64::MIN, ""), u32::MAX).await.expect("reads");
        all.iter().any(|(_, router)| router.to_string() == dvr.router)
    };
    // As if the server that was to look at it had gone.
    let mut tx = cloud.db.begin().await.expect("begins");
    let sql = "INSERT INTO router_dues (router_id, since_us) VALUES ($1, $2)";
    tx.execute(sql, &[dvr.router.as_str().into(), i64::MAX.into()]).await.expect("a note");
    tx.commit().await.expect("commits");
    assert!(due(&cloud).await);
    cloud.join(1).await;
    let looked_at = wait::until(LIMIT, || async { (!due(&cloud).await).then_some(()) });
    assert!(looked_at.await.is_some(), "it waits for those that cannot be settled");
}
