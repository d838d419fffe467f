//! Routers on the network node only while it has traffic to carry for them.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::client::id_of;
use crate::cloud::Cloud;
use crate::demo::show::Table;
use crate::guest::Guest;
use crate::outside::Outside;
use crate::routing::RouterPlan;
use crate::wait;

const SOON: Duration = Duration::from_secs(20);
const NETWORK_NODE: usize = 2;
const ROUTERS: usize = 5;

/// Two instances behind one of the routers.
struct Scene {
    outside: Outside,
    router: String,
    network: String,
    /// Has a floating IP, on the first host.
    with: Guest,
    floating_ip: String,
    /// Has none, on the second host.
    without: Guest,
    without_port: Value,
}

pub async fn all(cloud: &Cloud, table: &mut Table) -> bool {
    let mut scene = None;
    let what = format!("{ROUTERS} distributed routers with floating IPs only");
    if !table.step(&what, build(cloud, &mut scene)).await {
        return false;
    }
    let Some(scene) = scene else { return false };
    let mut passed = table.step("the world reaches a floating IP on its host", floating(&scene)).await;
    passed &= table.step("the network node has nothing of them", empty(cloud)).await;
    passed &= table.step("enable_snat wakes one: until the first packet", snat(cloud, &scene)).await;
    passed &= table.step("SNAT off puts it back", asleep(cloud, &scene, Back::Snat)).await;
    let mut forwarding = String::new();
    passed &= table.step("a port forwarding wakes it", forward(cloud, &scene, &mut forwarding)).await;
    passed &= table.step("without it, it sleeps", asleep(cloud, &scene, Back::Path(forwarding))).await;
    let mut metal = String::new();
    passed &= table.step("a bare-metal port wakes it", bare_metal(cloud, &scene, &mut metal)).await;
    passed &= table.step("without it, it sleeps", asleep(cloud, &scene, Back::Path(metal))).await;
    passed
}

async fn build(cloud: &Cloud, scene: &mut Option<Scene>) -> anyhow::Result<String> {
    let outside = cloud.outside("public", 113).await?;
    let plan = RouterPlan { distributed: true, ha: false, enable_snat: false };
    let mut last = None;
    for at in 0..ROUTERS {
        let network = cloud.network_of(&format!("red-{at}"), "10.9.0.0/24").await?;
        let router = cloud.router(&format!("router-{at}"), plan, &outside, &[&network]).await?;
        let (guest, port) = cloud.boot(&format!("red-{at}-1"), &network, 0).await?;
        let fip = cloud.floating_ip(&outside, Some(&port)).await?;
        cloud.port_is(&id_of(&port), "ACTIVE", SOON).await?;
        guest.dhcp().await?;
        cloud.floating_ip_is(&id_of(&fip), "ACTIVE", SOON).await?;
        last = Some((network, router, guest, fip));
    }
    let (network, router, with, fip) = last.context("a router")?;
    let (without, without_port) = cloud.boot("red-last-2", &network, 1).await?;
    cloud.port_is(&id_of(&without_port), "ACTIVE", SOON).await?;
    without.dhcp().await?;
    let floating_ip = fip["floating_ip_address"].as_str().unwrap_or_default().to_owned();
    *scene = Some(Scene { outside, router, network, with, floating_ip, without, without_port });
    Ok(format!("{ROUTERS} floating IPs ACTIVE on host-1"))
}

async fn floating(scene: &Scene) -> anyhow::Result<String> {
    let to = &scene.floating_ip;
    let reached = wait::until(SOON, || async { scene.outside.ping(to, Duration::from_secs(1)).await.ok() });
    reached.await.with_context(|| format!("the world does not reach {to}"))?;
    let out = scene.with.ping(&scene.outside.far, SOON).await?;
    Ok(format!("{to} answers; out to {} in {:.2} ms", scene.outside.far, out.as_secs_f64() * 1e3))
}

/// Namespaces and processes of routers on the network node.
fn there(cloud: &Cloud) -> anyhow::Result<String> {
    let namespaces = cloud.router_namespaces(NETWORK_NODE)?.len();
    Ok(format!("{namespaces} namespaces, {} processes", cloud.processes(NETWORK_NODE)))
}

async fn empty(cloud: &Cloud) -> anyhow::Result<String> {
    cloud.has_router_namespaces(NETWORK_NODE, 0, SOON).await?;
    let compute = cloud.router_namespaces(0)?.len();
    Ok(format!("{}; host-1 has {compute}", there(cloud)?))
}

async fn snat(cloud: &Cloud, scene: &Scene) -> anyhow::Result<String> {
    let far = &scene.outside.far;
    if scene.without.ping(far, Duration::from_secs(1)).await.is_ok() {
        bail!("an instance without floating IP gets out before there is SNAT");
    }
    let pinging = scene.without.first_answer(far, SOON);
    let (first, on) = tokio::join!(pinging, cloud.set_snat(&scene.router, &scene.outside, true));
    on?;
    let first = first?.as_secs_f64() * 1e3;
    cloud.has_router_namespaces(NETWORK_NODE, 2, SOON).await?;
    Ok(format!("first packet after {first:.0} ms; {}", there(cloud)?))
}

async fn forward(cloud: &Cloud, scene: &Scene, undo: &mut String) -> anyhow::Result<String> {
    let fip = cloud.floating_ip(&scene.outside, None).await?;
    let path = format!("/v2.0/floatingips/{}/port_forwardings", id_of(&fip));
    let body = json!({ "port_forwarding": {
        "protocol": "tcp", "external_port": 2222, "internal_port": 22,
        "internal_port_id": scene.without_port["id"],
        "internal_ip_address": scene.without_port["fixed_ips"][0]["ip_address"],
    }});
    let (status, made) = cloud.client.send("POST", &path, Some(body.to_string()), &[]).await?;
    if status != 201 {
        bail!("POST {path} answered {status}: {made}");
    }
    *undo = format!("{path}/{}", id_of(&made["port_forwarding"]));
    awake(cloud).await
}

async fn bare_metal(cloud: &Cloud, scene: &Scene, undo: &mut String) -> anyhow::Result<String> {
    let fields = json!({
        "network_id": scene.network, "binding:vnic_type": "baremetal", "device_owner": "baremetal:none",
    });
    let port = cloud.client.create("port", fields).await?;
    *undo = format!("/v2.0/ports/{}", id_of(&port));
    awake(cloud).await
}

async fn awake(cloud: &Cloud) -> anyhow::Result<String> {
    let after = cloud.has_router_namespaces(NETWORK_NODE, 2, SOON).await?;
    Ok(format!("there after {:.0} ms; {}", after.as_secs_f64() * 1e3, there(cloud)?))
}

/// What is undone so that a router sleeps.
enum Back {
    Snat,
    Path(String),
}

async fn asleep(cloud: &Cloud, scene: &Scene, back: Back) -> anyhow::Result<String> {
    match back {
        Back::Snat => cloud.set_snat(&scene.router, &scene.outside, false).await?,
        Back::Path(path) => drop(cloud.client.send("DELETE", &path, None, &[]).await?),
    }
    let after = cloud.has_router_namespaces(NETWORK_NODE, 0, SOON).await?;
    scene.outside.ping(&scene.floating_ip, SOON).await.context("its floating IP stopped working")?;
    Ok(format!("gone after {:.0} ms; {}; floating IP answers", after.as_secs_f64() * 1e3, there(cloud)?))
}
