//! Memory with many networks: ours, and a process of the peer for each.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use kernel::conversation::Conversation;
use model::NetworkId;
use model::gateway::{Answer, Door, Listen, Network, Port, Request, Wanted};
use testbed::gateways::{ADDRESS, Gateways};
use testbed::place::run_in;
use testbed::process::{self, Memory};
use testbed::wait;
use uuid::Uuid;

use super::peers::{PORT, Peer};

const SOON: Duration = Duration::from_secs(60);
const PORTS: usize = 10;

pub struct Held {
    pub networks: usize,
    pub tenant: Memory,
    pub management: Memory,
    /// Until all is listened on.
    pub told: Duration,
    /// A process of haproxy for each network; proportional.
    pub haproxy_kib: Option<u64>,
}

pub async fn measure(program: &Path, count: usize, theirs: Option<usize>) -> anyhow::Result<Held> {
    let bed = Gateways::start(program, "bench-many", 0, &[]).await?;
    let mut networks = Vec::new();
    for at in 0..count {
        let name = format!("many-{at}");
        let namespace = bed.place.add(&name).await?;
        run_in(&namespace, &["ip", "addr", "add", &format!("{ADDRESS}/32"), "dev", "lo"]).await?;
        networks.push(network(at, name)?);
    }
    let begun = std::time::Instant::now();
    for role in ["management", "tenant"] {
        let mut gateway: Conversation<Request> = bed.conversation(role).await?;
        let wanted = Wanted { networks: networks.clone() };
        match gateway.ask(&Request::Tell { wanted }).await? {
            Answer::Told { unserved } if unserved.is_empty() => {}
            other => bail!("{other:?}"),
        }
    }
    let told = begun.elapsed();
    let memory = |pid: Option<u32>| pid.map(process::memory).unwrap_or_default();
    let (tenant, management) = (memory(bed.tenant.pid()), memory(bed.management.pid()));
    let haproxy_kib = match theirs {
        Some(count) => Some(haproxies(&bed, count).await?),
        None => None,
    };
    Ok(Held { networks: count, tenant, management, told, haproxy_kib })
}

fn network(at: usize, namespace: String) -> anyhow::Result<Network> {
    let id = |base: u128| Uuid::from_u128(base + at as u128);
    let listen =
        |port, door| Listen { address: ADDRESS.parse().expect("a constant"), device: None, port, door };
    let port = |number: usize| Port {
        id: Uuid::from_u128(0x1_0000_0000 + (at * PORTS + number) as u128).into(),
        project: id(0x2000).simple().to_string(),
        instance: Uuid::from_u128((at * PORTS + number) as u128).to_string(),
        addresses: vec![std::net::Ipv4Addr::new(10, 1, 0, number as u8 + 2).into()],
        about: Default::default(),
        orders: Default::default(),
    };
    Ok(Network {
        id: NetworkId(id(0x100)),
        namespace,
        listen: vec![listen(8080, Door::Software), listen(80, Door::Metadata)],
        ports: (0..PORTS).map(port).collect(),
        limits: Default::default(),
    })
}

/// Proportional memory of a haproxy in each namespace.
async fn haproxies(bed: &Gateways, count: usize) -> anyhow::Result<u64> {
    let mut all = Vec::new();
    for at in 0..count {
        let name = format!("many-{at}");
        let (from, to) =
            (format!("{ADDRESS}:{PORT}"), bed.dir.path().join("peer.sock").display().to_string());
        all.push(Peer::Haproxy.one(bed.dir.path(), &bed.place.namespace(&name), &name, &from, &to)?);
    }
    let pids: Vec<u32> = all.iter().filter_map(tokio::process::Child::id).collect();
    let last = bed.place.namespace(&format!("many-{}", count - 1));
    let listens = || async {
        let said = run_in(&last, &["ss", "-Htln"]).await.ok()?;
        said.contains(&format!(":{PORT}")).then_some(())
    };
    wait::until(SOON, listens).await.context("haproxy did not come up")?;
    Ok(pids.iter().map(|pid| process::memory(*pid).proportional_kib).sum())
}
