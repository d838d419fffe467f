//! Whom port creations wake: a network node hears only of what changes its work.

use std::time::Duration;

use bus::Bus;
use model::desired::{Key, Kind, L3Mode};
use model::report::L3Configuration;
use serde_json::json;
use testbed::client::id_of;
use testbed::demo::show::working;
use testbed::simulated::SimulatedHost;
use testbed::{Lone, wait};

use crate::show;

const PORTS: usize = 1000;
const QUIET: Duration = Duration::from_secs(1);

pub async fn run() -> anyhow::Result<()> {
    let bus = Bus::in_process();
    let settings = server::Settings { quotas: crate::server::no_quotas(), ..server::Settings::default() };
    let lone = Lone::start(settings, bus.clone()).await?;
    let start = |name: &'static str, last: u8, agent_mode| {
        let l3 = L3Configuration { agent_mode, lazy_routers: true };
        SimulatedHost::start_as(bus.clone(), name, [192, 0, 2, last].into(), Some(l3))
    };
    let node = start("network-1", 1, L3Mode::DvrSnat).await;
    let compute = start("compute-1", 2, L3Mode::Dvr).await;
    let client = &lone.client;
    let network = id_of(&client.create("network", json!({})).await?);
    let fields =
        json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/16", "enable_dhcp": false });
    let subnet = id_of(&client.create("subnet", fields).await?);
    let router = id_of(&client.create("router", json!({ "distributed": true })).await?);
    client.act(&format!("routers/{router}/add_router_interface"), json!({ "subnet_id": subnet })).await?;
    let create = |count: usize| {
        let network = network.clone();
        async move {
            for at in 0..count {
                let fields = json!({
                    "network_id": network, "binding:host_id": "compute-1", "device_owner": "compute:nova",
                    "device_id": format!("i-{at}"),
                });
                client.create("port", fields).await?;
            }
            anyhow::Ok(())
        }
    };
    create(1).await?;
    wait::pause(QUIET).await;
    let key = Key::new(Kind::Router, router.parse()?);
    let told = || node.told(key) + compute.told(key);
    let before = told();
    working(&format!("{PORTS} ports behind a router"), create(PORTS)).await?;
    wait::pause(QUIET).await;
    let mut table = show::table(&["ports created behind a distributed router", "router told", "one each"]);
    table.add_row([PORTS.to_string(), (told() - before).to_string(), (2 * PORTS).to_string()]);
    println!("{table}");
    println!("to an L3 agent on a network node and one on the compute host. one each: without the listener.");
    Ok(())
}
