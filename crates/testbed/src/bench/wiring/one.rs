//! One port at a time.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use testbed::client::id_of;
use testbed::demo::show::working;
use testbed::{Cloud, Guest, wait};

use crate::process;
use crate::wiring::Sample;

const LIMIT: Duration = Duration::from_secs(30);
const ACTIVE: usize = 20;
const STATIC: usize = 10;
const DHCP: usize = 5;

/// What is waited for.
#[derive(Clone, Copy)]
enum Goal {
    Active,
    /// A ping to an instance on the other host, from an address that is set by hand.
    Ping,
    /// The same with a lease.
    Lease,
}

pub async fn all(cloud: &Cloud) -> anyhow::Result<Vec<(&'static str, Vec<Sample>)>> {
    let network = cloud.network_of("bench-one", "10.1.0.0/24").await?;
    // The other end of the pings.
    let (far, far_port) = cloud.boot("far", &network, 1).await?;
    cloud.port_is(&id_of(&far_port), "ACTIVE", LIMIT).await?;
    let far_address = address(&far_port)?;
    set_address(&far, &far_address).await?;
    let mut out = Vec::new();
    for (what, goal, count) in [
        ("status ACTIVE", Goal::Active, ACTIVE),
        ("ping over VXLAN answered, static address", Goal::Ping, STATIC),
        ("ping over VXLAN answered, lease by DHCP", Goal::Lease, DHCP),
    ] {
        let mut samples = Vec::new();
        for at in 0..count {
            let one = sample(cloud, &network, &far_address, goal);
            samples.push(working(&format!("{what}: {} of {count}", at + 1), one).await?);
        }
        out.push((what, samples));
    }
    far.shut_down(&cloud.place).await?;
    cloud.client.delete("port", &id_of(&far_port)).await?;
    cloud.client.delete("network", &network).await?;
    Ok(out)
}

async fn sample(cloud: &Cloud, network: &str, far: &str, goal: Goal) -> anyhow::Result<Sample> {
    let (cpu, start) = (process::own_cpu(), Instant::now());
    let (guest, port) = cloud.boot("near", network, 0).await?;
    let plugging = start.elapsed();
    match goal {
        Goal::Active => drop(cloud.port_is(&id_of(&port), "ACTIVE", LIMIT).await?),
        Goal::Ping => {
            set_address(&guest, &address(&port)?).await?;
            answered(&guest, far).await?;
        }
        Goal::Lease => {
            guest.dhcp().await?;
            answered(&guest, far).await?;
        }
    }
    let sample = Sample { wall: start.elapsed(), cpu: process::own_cpu().saturating_sub(cpu), plugging };
    guest.shut_down(&cloud.place).await?;
    cloud.client.delete("port", &id_of(&port)).await?;
    Ok(sample)
}

async fn answered(guest: &Guest, far: &str) -> anyhow::Result<()> {
    let ping = || async { guest.run(&["ping", "-n", "-c", "1", "-W", "0.1", far]).await.ok() };
    wait::until(LIMIT, ping).await.map(drop).with_context(|| format!("{far} answered no ping in {LIMIT:?}"))
}

fn address(port: &Value) -> anyhow::Result<String> {
    let address = port["fixed_ips"][0]["ip_address"].as_str().context("the port has an address")?;
    Ok(address.to_owned())
}

/// Sets the address; from then on the instance repeats unanswered ARP without Linux's pause of 1 s.
async fn set_address(guest: &Guest, address: &str) -> anyhow::Result<()> {
    guest.run(&["sh", "-c", "echo 20 > /proc/sys/net/ipv4/neigh/eth0/retrans_time_ms"]).await?;
    guest.run(&["ip", "address", "add", &format!("{address}/16"), "dev", "eth0"]).await.map(drop)
}
