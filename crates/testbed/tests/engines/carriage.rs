//! Which floating IPs need a network node is said twice: counted by SQL, and decided by a pure function.
//! In random small worlds both say the same.

use std::collections::BTreeSet;

use cloud::view::router::{carrier, ways};
use db::{Engine, Tx};
use model::api::floatingip::FLOATINGIP;
use model::api::{RESOURCES, network::NETWORK, port::PORT, router::ROUTER};
use model::{NetworkId, RouterId};
use serde_json::{Value, json};
use testbed::{Draw, Home};

use super::rows::{id, row};

testbed::on_both_engines!(counted_is_what_nobody_carries);

const WORLDS: usize = 12;
const NETWORKS: usize = 3;
const ROUTERS: usize = 5;
const HOSTS: usize = 6;
const FLOATING: usize = 40;

async fn counted_is_what_nobody_carries(engine: Engine) {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_122);
    println!("seed {seed}");
    let mut draw = Draw(seed);
    let db = Home::make(engine).await.expect("a database");
    let db = db.open().await.expect("opens");
    let (mut counted, mut carried) = (0, 0);
    for world in 0..WORLDS {
        // Not committed: the next world begins with nothing.
        let mut tx = db.begin().await.expect("begins");
        fill(&mut tx, &mut draw).await;
        let ids: Vec<RouterId> = (0..ROUTERS).map(|n| id(5, n).into()).collect();
        let mut wanted = BTreeSet::new();
        for (id, mut facts) in tx.router_facts(&ids).await.expect("facts") {
            wanted.extend(ways(&facts));
            // One that is down has no place anywhere, and what it would need is counted all the same.
            facts.row.admin_state_up = true;
            let left = facts.floating_ips.iter().filter(|ip| carrier(&facts, ip).is_none()).count();
            // Of one that is not distributed, everything is on a network node, counted or not.
            let left = if facts.row.distributed { left } else { 0 };
            assert_eq!(facts.counts.ipv4 as usize, left, "world {world}, router {id}: {facts:#?}");
            counted += left;
            carried += facts.floating_ips.len() - left;
        }
        for network in (0..NETWORKS).map(|n| NetworkId(id(1, n))) {
            for host in (0..HOSTS).map(|n| format!("h{n}")) {
                let used = tx.way_is_used(network, &host).await.expect("reads");
                assert_eq!(
                    used,
                    wanted.contains(&(network, host.clone())),
                    "world {world}, {host} {network}"
                );
            }
        }
    }
    println!("{counted} counted, {carried} not");
    assert!(counted > 100 && carried > 100, "too much is alike: {counted} and {carried}");
}

async fn fill(tx: &mut Tx<'_>, draw: &mut Draw) {
    let agents = RESOURCES.into_iter().find(|table| table.singular == "agent").expect("agents");
    for n in 0..HOSTS {
        // What an agent of another kind says of such a mode means nothing; some hosts have none.
        let modes = ["legacy", "dvr", "dvr_snat", "dvr_no_external", "of_tomorrow"];
        for (kind, topic) in [("L3 agent", "l3_agent"), ("DHCP agent", "dhcp_agent")] {
            if draw.chance(5) {
                continue;
            }
            let said = match draw.below(8) {
                0 => json!({}),
                1 => json!({ "agent_mode": draw.one(&modes), "lazy_routers": "perhaps" }),
                _ => json!({ "agent_mode": draw.one(&modes), "lazy_routers": draw.chance(2) }),
            };
            let fixed = [
                ("id", json!(id(4, 2 * n + usize::from(topic == "l3_agent")))),
                ("host", json!(format!("h{n}"))),
                ("agent_type", json!(kind)),
                ("topic", json!(topic)),
                ("configurations", said),
            ];
            tx.insert(agents, &row(agents, draw, &fixed)).await.expect("an agent");
        }
    }
    for n in 0..NETWORKS {
        let fixed = [("id", json!(id(1, n))), ("segments", json!([])), ("is_default", json!(false))];
        tx.insert(&NETWORK, &row(&NETWORK, draw, &fixed)).await.expect("a network");
    }
    for n in 0..ROUTERS {
        let fixed = [
            ("id", json!(id(5, n))),
            ("external_gateway_info", Value::Null),
            ("gw_network_id", Value::Null),
            ("gw_port_id", Value::Null),
            ("gw_qos_policy_id", Value::Null),
        ];
        tx.insert(&ROUTER, &row(&ROUTER, draw, &fixed)).await.expect("a router");
    }
    for n in 0..FLOATING {
        let host = if draw.chance(6) { String::new() } else { format!("h{}", draw.below(HOSTS)) };
        let vif =
            if host.is_empty() { "unbound" } else { draw.one(&["tap", "tap", "unbound", "binding_failed"]) };
        let fixed = [
            ("id", json!(id(3, n))),
            ("network_id", json!(id(1, draw.below(NETWORKS)))),
            ("mac_address", json!(format!("fa:16:3e:00:00:{n:02x}"))),
            ("vif_type", json!(vif)),
            ("vif_details", json!({})),
            ("profile", json!({})),
            ("resource_request", Value::Null),
            ("hints", Value::Null),
            ("host", json!(host)),
        ];
        tx.insert(&PORT, &row(&PORT, draw, &fixed)).await.expect("a port");
        let fixed = [
            ("id", json!(id(6, n))),
            ("floating_network_id", json!(id(1, draw.below(NETWORKS)))),
            ("floating_ip_address", json!(format!("203.0.113.{n}"))),
            ("floating_port_id", json!(id(3, n))),
            ("router_id", json!(id(5, draw.below(ROUTERS)))),
            ("last_router_id", Value::Null),
            ("port_id", json!(id(3, n))),
            ("fixed_ip_address", json!(format!("10.0.0.{n}"))),
        ];
        tx.insert(&FLOATINGIP, &row(&FLOATINGIP, draw, &fixed)).await.expect("a floating IP");
    }
}
