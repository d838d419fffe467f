//! Routers: what a network node holds of them, what building them costs, how soon one wakes, and whom
//! changes wake.
//!
//! ```text
//! node    namespaces, processes, memory: lazy and not
//! built   all made and all taken away at once, beside the floor
//! wake    from the request to the first packet          told    messages to a network node
//! process one command per step, as Neutron's agent works    heard   which routers a host said to be in place
//! ```

mod built;
mod heard;
mod node;
mod process;
mod told;
mod wake;

use model::desired::L3Mode;
use model::report::L3Configuration;
use serde_json::{Value, json};
use testbed::client::id_of;
use testbed::outside::Outside;
use testbed::routing::RouterPlan;
use testbed::simulated::SimulatedHost;
use testbed::{Cloud, Plan};

const COMPUTE: &str = "compute-1";

pub async fn run(counts: &[usize]) -> anyhow::Result<()> {
    node::run(counts).await?;
    built::run(counts).await?;
    wake::run().await?;
    told::run().await
}

/// Only what making and taking away costs.
pub async fn rebuild(counts: &[usize]) -> anyhow::Result<()> {
    built::run(counts).await
}

/// Only how soon one wakes.
pub async fn wake() -> anyhow::Result<()> {
    wake::run().await
}

/// A cloud whose only real host is a network node, and a compute host without a kernel.
async fn cloud(name: &str, mode: L3Mode, lazy: bool) -> anyhow::Result<(Cloud, SimulatedHost, Outside)> {
    cloud_of(Plan::new(name, 1), bus::Bus::in_process(), mode, lazy).await
}

async fn cloud_of(
    mut plan: Plan,
    bus: bus::Bus,
    mode: L3Mode,
    lazy: bool,
) -> anyhow::Result<(Cloud, SimulatedHost, Outside)> {
    plan.physical_networks = vec!["public".into()];
    plan.l3 = vec![Some(mode)];
    plan.settings.quotas = crate::server::no_quotas();
    let mut cloud = Cloud::build(plan, bus).await?;
    cloud.set_lazy(0, lazy);
    cloud.set_sweep_s(0, 3600);
    cloud.start_agent(0);
    cloud.agents_alive().await?;
    let l3 = L3Configuration { agent_mode: L3Mode::Dvr, lazy_routers: false };
    let compute =
        SimulatedHost::start_as(cloud.bus.clone(), COMPUTE, [192, 0, 2, 200].into(), Some(l3)).await;
    let outside = cloud.wide_outside("public", 113).await?;
    Ok((cloud, compute, outside))
}

/// A router with a network, an instance on the compute host, and its floating IP.
async fn router(cloud: &Cloud, at: usize, plan: RouterPlan, outside: &Outside) -> anyhow::Result<Value> {
    let network = id_of(&cloud.client.create("network", json!({})).await?);
    let fields =
        json!({ "network_id": network, "ip_version": 4, "cidr": "10.1.0.0/24", "enable_dhcp": false });
    cloud.client.create("subnet", fields).await?;
    cloud.router(&format!("r-{at}"), plan, outside, &[&network]).await?;
    let fields = json!({
        "network_id": network, "device_owner": "compute:nova", "device_id": format!("i-{at}"),
        "binding:host_id": COMPUTE,
    });
    let port = cloud.client.create("port", fields).await?;
    cloud.floating_ip(outside, Some(&port)).await?;
    Ok(port)
}
