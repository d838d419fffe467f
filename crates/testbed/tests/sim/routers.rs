//! Routers that take a network node only while they have traffic there, end to end through a real
//! server: who is told, and what hosts have.

use std::collections::BTreeSet;

use db::Engine;
use model::desired::Kind;
use model::lazy::{Load, Reason};
use serde_json::json;
use testbed::client::id_of;
use testbed::wait;

use super::routed::{Cloud, LIMIT};

testbed::on_both_engines!(
    a_router_with_floating_ips_only_takes_no_network_node,
    an_ha_router_has_a_network_and_one_active_host,
    what_matters_to_nobody_wakes_nobody,
    a_way_out_that_carries_nothing_goes,
    a_router_that_is_ha_no_more_keeps_one_agent,
);

async fn a_router_with_floating_ips_only_takes_no_network_node(engine: Engine) {
    let cloud = Cloud::start(engine, 1, None).await;
    let dvr = cloud.dvr(false).await;
    let floating = json!({ "floating_network_id": dvr.external, "port_id": dvr.instance });
    let floating = id_of(&cloud.create("floatingip", floating).await);
    let router = dvr.router.as_str();
    let carried =
        |host: &str| cloud.router(host, router).is_some_and(|router| router.floating_ips.len() == 1);
    cloud.eventually("the compute host carries the floating IP", || carried("cmp-0")).await;
    cloud.eventually("the network node is lazy", || cloud.load("net-0", router) == Some(Load::Lazy)).await;
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(cloud.members(&dvr.inside).await, ["cmp-0"]);
    assert_eq!(cloud.members(&dvr.external).await, ["cmp-0"], "by its own way there");
    assert_eq!(
        cloud.host("net-0").parts().len(),
        1,
        "the network node has the router's part and nothing else"
    );
    assert!(cloud.router("cmp-0", router).expect("there").host_mac.is_some());
    cloud.has_status(&format!("floatingips/{floating}"), "ACTIVE").await;
    let path = format!("ports?device_owner=network:router_interface_distributed&device_id={router}");
    let interfaces = cloud.lone().client.get(&path).await.expect("ports");
    let interface = id_of(&interfaces[0]);
    cloud.has_status(&format!("ports/{interface}"), "ACTIVE").await;

    // Each of these needs the network node, and its end gives it back.
    let (network, inside) = (dvr.external.as_str(), dvr.inside.as_str());
    let snat = |on: bool| json!({ "external_gateway_info": { "network_id": network, "enable_snat": on } });
    let loaded = |reason| cloud.load("net-0", router) == Some(Load::Loaded(reason));
    let lazy = || cloud.load("net-0", router) == Some(Load::Lazy) && cloud.host("net-0").parts().len() == 1;
    cloud.update("router", router, snat(true)).await;
    cloud.eventually("SNAT wakes it", || loaded(Reason::Snat)).await;
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(cloud.members(inside).await, ["cmp-0", "net-0"]);
    assert_eq!(cloud.members(network).await, ["cmp-0", "net-0"]);
    let gateway = format!("ports?device_owner=network:router_gateway&device_id={router}");
    let bound = cloud.lone().client.get(&gateway).await.expect("ports")[0].clone();
    assert_eq!(bound["binding:host_id"], "net-0");
    cloud.has_status(&format!("ports/{}", id_of(&bound)), "ACTIVE").await;
    cloud.update("router", router, snat(false)).await;
    cloud.eventually("without SNAT it goes", lazy).await;

    let metal = json!({ "network_id": inside, "binding:vnic_type": "baremetal" });
    let metal = id_of(&cloud.create("port", metal).await);
    cloud.eventually("a bare-metal server wakes it", || loaded(Reason::Baremetal)).await;
    cloud.lone().client.delete("port", &metal).await.expect("goes");
    cloud.eventually("without it, it goes", lazy).await;

    let far = cloud.instance(inside, "far-0").await;
    let other = json!({ "floating_network_id": network, "port_id": far });
    let other = id_of(&cloud.create("floatingip", other).await);
    cloud.eventually("a host without a way out wakes it", || loaded(Reason::CentralizedIpv4)).await;
    cloud.has_status(&format!("floatingips/{other}"), "ACTIVE").await;
    cloud.update("floatingip", &other, json!({ "port_id": null })).await;
    cloud.eventually("without its floating IP, it goes", lazy).await;
    cloud.has_status(&format!("floatingips/{other}"), "DOWN").await;

    // A floating IP that moves takes its way with it.
    let moved = cloud.instance(inside, "cmp-1").await;
    cloud.update("floatingip", &floating, json!({ "port_id": null })).await;
    cloud.update("floatingip", &floating, json!({ "port_id": moved })).await;
    cloud.eventually("another compute host carries it", || carried("cmp-1")).await;
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(cloud.members(network).await, ["cmp-1"]);
    cloud.has_status(&format!("floatingips/{floating}"), "ACTIVE").await;
    // With its port the host's share of the router goes: nobody is left to say what became of it.
    cloud.lone().client.delete("port", &moved).await.expect("goes");
    cloud.eventually("the host has nothing of the router", || cloud.router("cmp-1", router).is_none()).await;
    cloud.has_status(&format!("floatingips/{floating}"), "DOWN").await;
    cloud.lone().client.delete("floatingip", &floating).await.expect("goes");
    cloud.lone().client.delete("floatingip", &other).await.expect("goes");
    let subnets = cloud.lone().client.get(&format!("subnets?network_id={inside}")).await.expect("subnets");
    assert_eq!(
        cloud.act(router, "remove_router_interface", json!({ "subnet_id": subnets[0]["id"] })).await,
        200
    );
    cloud.lone().client.delete("router", router).await.expect("goes");
    cloud.eventually("nobody has it", || cloud.hosts.iter().all(|host| host.count(Kind::Router) == 0)).await;
    cloud.settled().await;
    cloud.converged().await;
    let left: BTreeSet<Kind> =
        cloud.hosts.iter().flat_map(|host| host.parts().into_keys()).map(|key| key.kind).collect();
    assert!(!left.contains(&Kind::Fip), "{left:?}");
    assert_eq!(cloud.members(network).await, [""; 0]);
}

async fn an_ha_router_has_a_network_and_one_active_host(engine: Engine) {
    let cloud = Cloud::start(engine, 2, None).await;
    let dvr = cloud.dvr(true).await;
    let router = dvr.router.as_str();
    let all = |wanted: Load| ["net-0", "net-1"].iter().all(|host| cloud.load(host, router) == Some(wanted));
    cloud.eventually("both are lazy", || all(Load::Lazy)).await;
    cloud.settled().await;
    cloud.converged().await;
    let agents = format!("routers/{router}/l3-agents");
    let states = async || {
        let agents = cloud.lone().client.get(&agents).await.expect("agents");
        let mut states: Vec<String> = agents
            .as_array()
            .expect("a list")
            .iter()
            .map(|agent| agent["ha_state"].as_str().unwrap_or("-").to_owned())
            .collect();
        states.sort_unstable();
        states
    };
    assert_eq!(states().await, ["standby", "standby"]);
    let name = "networks?name=HA network project admin";
    let network = id_of(&cloud.lone().client.get(name).await.expect("networks")[0]);
    assert_eq!(cloud.members(&network).await, [""; 0], "nobody stands ready");
    let snat = json!({ "external_gateway_info": { "network_id": dvr.external, "enable_snat": true } });
    cloud.update("router", router, snat).await;
    cloud.eventually("both stand ready", || all(Load::Loaded(Reason::Snat))).await;
    let one_active = wait::until(LIMIT, || async { (states().await == ["active", "standby"]).then_some(()) });
    assert!(one_active.await.is_some(), "{:?}", states().await);
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(cloud.members(&network).await, ["net-0", "net-1"]);
    let legs: BTreeSet<_> = ["net-0", "net-1"]
        .iter()
        .map(|host| cloud.router(host, router).and_then(|router| router.ha).expect("stands ready"))
        .map(|ha| (ha.port.port_id, ha.vr_id))
        .collect();
    assert_eq!(legs.len(), 2, "a leg each");
    assert_eq!(legs.iter().map(|(_, vr_id)| vr_id).collect::<BTreeSet<_>>().len(), 1, "one number");
    let subnets =
        cloud.lone().client.get(&format!("subnets?network_id={}", dvr.inside)).await.expect("subnets");
    assert_eq!(
        cloud.act(router, "remove_router_interface", json!({ "subnet_id": subnets[0]["id"] })).await,
        200
    );
    cloud.lone().client.delete("router", router).await.expect("goes");
    let gone = wait::until(LIMIT, || async {
        cloud.lone().client.get(name).await.ok()?.as_array()?.is_empty().then_some(())
    });
    assert!(gone.await.is_some(), "the network goes with the project's last HA router");
    cloud.converged().await;
    assert!(cloud.host("net-0").parts().is_empty() && cloud.host("net-1").parts().is_empty());
}

async fn what_matters_to_nobody_wakes_nobody(engine: Engine) {
    let cloud = Cloud::start(engine, 2, None).await;
    let dvr = cloud.dvr(false).await;
    cloud.eventually("it is served", || cloud.router("cmp-0", &dvr.router).is_some()).await;
    cloud.settled().await;
    cloud.converged().await;
    let revisions = async || {
        let mut tx = cloud.db.read().await.expect("reads");
        let sql = "SELECT host || ' ' || revision FROM changes WHERE kind = 'router' ORDER BY host";
        tx.texts(sql, &[]).await.expect("reads")
    };
    let before = revisions().await;
    for at in 0..20 {
        cloud.instance(&dvr.inside, "cmp-0").await;
        cloud.create("port", json!({ "network_id": dvr.inside, "name": format!("unbound-{at}") })).await;
    }
    cloud.update("router", &dvr.router, json!({ "name": "another", "description": "of nothing" })).await;
    cloud.update("port", &dvr.instance, json!({ "name": "renamed" })).await;
    cloud.settled().await;
    cloud.converged().await;
    assert_eq!(revisions().await, before, "of 20 instances on a host that serves, and 20 unbound ports");
    // The other way round: it would be seen.
    cloud.instance(&dvr.inside, "cmp-1").await;
    cloud.eventually("it is served there", || cloud.router("cmp-1", &dvr.router).is_some()).await;
    assert_ne!(revisions().await, before);
}

async fn a_way_out_that_carries_nothing_goes(engine: Engine) {
    let mut cloud = Cloud::start(engine, 1, None).await;
    let dvr = cloud.dvr(false).await;
    let floating = json!({ "floating_network_id": dvr.external, "port_id": dvr.instance });
    cloud.create("floatingip", floating).await;
    let ways = "ports?device_owner=network:floatingip_agent_gateway";
    let hosts = async |cloud: &Cloud| {
        let ports = cloud.lone().client.get(ways).await.expect("ports");
        let hosts = ports.as_array().into_iter().flatten().map(|port| port["binding:host_id"].to_string());
        hosts.collect::<BTreeSet<_>>()
    };
    let first = wait::until(LIMIT, || async { (hosts(&cloud).await.len() == 1).then_some(()) });
    assert!(first.await.is_some(), "the floating IP's host gets its way");
    let agents = cloud.lone().client.get("agents?host=cmp-1&agent_type=L3 agent").await.expect("agents");
    let left = json!({
        "network_id": dvr.external, "binding:host_id": "cmp-1", "device_id": id_of(&agents[0]),
        "device_owner": "network:floatingip_agent_gateway",
    });
    cloud.create("port", left).await;
    // A server that starts looks at everything.
    cloud.restart().await;
    let only = wait::until(LIMIT, || async {
        (hosts(&cloud).await == ["\"cmp-0\"".to_owned()].into()).then_some(())
    });
    assert!(only.await.is_some(), "{:?}", hosts(&cloud).await);
    cloud.settled().await;
    cloud.converged().await;
}

async fn a_router_that_is_ha_no_more_keeps_one_agent(engine: Engine) {
    let cloud = Cloud::start(engine, 2, None).await;
    let router = cloud.dvr(true).await.router;
    let path = format!("routers/{router}/l3-agents");
    let agents = async |wanted: usize| {
        let found = wait::until(LIMIT, || async {
            let agents = cloud.lone().client.get(&path).await.ok()?;
            (agents.as_array()?.len() == wanted).then_some(())
        });
        assert!(found.await.is_some(), "{wanted} agents: {:?}", cloud.lone().client.get(&path).await);
    };
    agents(2).await;
    cloud.update("router", &router, json!({ "admin_state_up": false })).await;
    cloud.update("router", &router, json!({ "ha": false })).await;
    cloud.update("router", &router, json!({ "admin_state_up": true })).await;
    agents(1).await;
    let nodes = || ["net-0", "net-1"].iter().filter(|host| cloud.router(host, &router).is_some()).count();
    cloud.eventually("one network node has it", || nodes() == 1).await;
    cloud.settled().await;
    cloud.converged().await;
}
