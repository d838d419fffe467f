//! Random changes of everything that routers have to do with, over a bus that misbehaves and with
//! servers that stop in between: hosts end up with what a look from scratch makes.

use bus::Mischief;
use db::Engine;
use model::desired::Kind;
use serde_json::json;
use testbed::Draw;
use testbed::client::id_of;

use super::routed::{Cloud, HOSTS};

testbed::on_both_engines!(whatever_changes_hosts_have_what_a_look_from_scratch_makes);

const ACTS: usize = 90;

struct Walk {
    external: Vec<String>,
    insides: Vec<(String, String)>,
    routers: Vec<String>,
    ports: Vec<String>,
    floating: Vec<String>,
}

/// One random change; what is refused is refused.
async fn step(cloud: &Cloud, walk: &mut Walk, draw: &mut Draw) {
    let client = &cloud.lone().client;
    let host = HOSTS[draw.below(HOSTS.len())].0;
    let pick = |list: &[String], draw: &mut Draw| {
        list.get(draw.below(list.len().max(1))).cloned().unwrap_or_default()
    };
    let router = pick(&walk.routers, draw);
    let (inside, subnet) = walk.insides[draw.below(walk.insides.len())].clone();
    let external = pick(&walk.external, draw);
    let port = pick(&walk.ports, draw);
    let floating = pick(&walk.floating, draw);
    match draw.below(16) {
        0 => {
            let fields = json!({ "distributed": draw.below(3) > 0, "ha": draw.below(3) == 0 });
            walk.routers.extend(client.create("router", fields).await.ok().as_ref().map(id_of));
        }
        1 | 2 => drop(cloud.act(&router, "add_router_interface", json!({ "subnet_id": subnet })).await),
        3 => drop(cloud.act(&router, "remove_router_interface", json!({ "subnet_id": subnet })).await),
        4 | 5 => {
            let gateway = json!({ "network_id": external, "enable_snat": draw.below(2) == 0 });
            let gateway = if draw.below(5) == 0 { json!(null) } else { gateway };
            let _ = client.update("router", &router, json!({ "external_gateway_info": gateway })).await;
        }
        6 => {
            let _ = client.update("router", &router, json!({ "admin_state_up": draw.below(3) > 0 })).await;
        }
        7..=9 => {
            let metal = draw.below(6) == 0;
            let fields = match metal {
                true => json!({ "network_id": inside, "binding:vnic_type": "baremetal" }),
                false => {
                    json!({ "network_id": inside, "device_owner": "compute:nova", "binding:host_id": host })
                }
            };
            walk.ports.extend(client.create("port", fields).await.ok().as_ref().map(id_of));
        }
        10 => drop(client.update("port", &port, json!({ "binding:host_id": host })).await),
        11 => drop(client.delete("port", &port).await),
        12 | 13 => {
            let fields = json!({ "floating_network_id": external, "port_id": port });
            walk.floating.extend(client.create("floatingip", fields).await.ok().as_ref().map(id_of));
        }
        14 => {
            let to = if draw.below(2) == 0 { json!(null) } else { json!(port) };
            let _ = client.update("floatingip", &floating, json!({ "port_id": to })).await;
        }
        _ => match draw.below(3) {
            0 => drop(client.delete("floatingip", &floating).await),
            1 => drop(client.delete("router", &router).await),
            _ => {
                let agents = client.get(&format!("agents?host={host}&fields=id")).await.expect("agents");
                for agent in agents.as_array().into_iter().flatten() {
                    let _ = client.delete("agent", &id_of(agent)).await;
                }
            }
        },
    }
}

async fn whatever_changes_hosts_have_what_a_look_from_scratch_makes(engine: Engine) {
    let seeds = match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => vec![7, 20_261_122],
    };
    for seed in seeds {
        println!("seed {seed}");
        let mischief = Mischief { drop: 30, double: 30, hold: 30, fail_request: 10, seed };
        let mut cloud = Cloud::start(engine, 2, Some(mischief)).await;
        let mut draw = Draw(seed);
        let mut walk =
            Walk { external: vec![], insides: vec![], routers: vec![], ports: vec![], floating: vec![] };
        for n in 0..2 {
            walk.external
                .push(cloud.network(json!({ "router:external": true }), &format!("203.0.{n}.0/24")).await.0);
        }
        for n in 0..4 {
            walk.insides.push(cloud.network(json!({}), &format!("10.0.{n}.0/24")).await);
        }
        walk.insides.push(cloud.network(json!({}), "2001:db8:1::/64").await);
        for (n, (_, subnet)) in walk.insides.iter().enumerate().take(3) {
            let gateway = json!({ "network_id": walk.external[n % 2], "enable_snat": false });
            let fields = json!({ "distributed": n < 2, "external_gateway_info": gateway });
            let router = id_of(&cloud.create("router", fields).await);
            assert_eq!(cloud.act(&router, "add_router_interface", json!({ "subnet_id": subnet })).await, 200);
            walk.routers.push(router);
        }
        for turn in 0..ACTS {
            step(&cloud, &mut walk, &mut draw).await;
            // Commits whose routers nobody has settled when the server goes.
            if turn % 40 == 39 {
                cloud.restart().await;
            }
            if turn % 30 == 29 {
                cloud.settled().await;
            }
        }
        cloud.settled().await;
        cloud.converged().await;
        let parts: usize = cloud.hosts.iter().map(|host| host.count(Kind::Router)).sum();
        let ways: usize = cloud.hosts.iter().map(|host| host.count(Kind::Fip)).sum();
        println!("{parts} routers on hosts, {} floating IPs were made, {ways} ways out", walk.floating.len());
        assert!(parts > 0 && !walk.floating.is_empty(), "the walk put no router on any host");
    }
}
