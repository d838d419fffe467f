//! Ports wired while ctpurge works at its usual pace, and while it has nothing to do: in turns, on a host
//! whose table is equally full.

use std::path::Path;
use std::time::{Duration, Instant};

use testbed::client::id_of;
use testbed::demo::show::working;
use testbed::{Cloud, Guest, Plan, wait};

use super::field::Field;
use super::ours::{Ours, Pace};

const ENTRIES: usize = 500_000;
const ADDRESSES: usize = 100;
const PEERS: usize = 1000;
const TURNS: usize = 4;
const LIMIT: Duration = Duration::from_secs(30);
/// A wiring takes some ten milliseconds.
const PAUSE: Duration = Duration::from_millis(2);

/// One port.
pub struct Wired {
    /// From its request to the answer.
    pub asked: Duration,
    /// The instance's part: a namespace and a device, by commands.
    pub made: Duration,
    /// From then until it is ACTIVE.
    pub active: Duration,
}

#[derive(Default)]
pub struct Beside {
    pub idle: Vec<Wired>,
    pub purging: Vec<Wired>,
    /// How long each purge took, and what it deleted.
    pub purges: Vec<(Duration, u64)>,
}

pub async fn run(program: Option<&Path>) -> anyhow::Result<Beside> {
    let mut plan = Plan::new("bench-purge", 1);
    plan.settings.quotas = crate::server::no_quotas();
    let cloud = Cloud::start(plan).await?;
    let outcome = measure(program, &cloud).await;
    let stopped = cloud.stop().await;
    outcome.and_then(|beside| stopped.map(|()| beside))
}

async fn measure(program: Option<&Path>, cloud: &Cloud) -> anyhow::Result<Beside> {
    let network = cloud.network_of("bench-beside", "10.1.0.0/16").await?;
    let field = Field::within(cloud.hosts[0].namespace.clone(), ENTRIES)?;
    let ctpurge = Ours::start(program, &field, Pace::Usual).await?;
    let mut beside = Beside::default();
    // A host with so many connections has instances. Where a namespace gets its first rule about connections,
    // the kernel walks all of the machine's.
    let (neighbour, port) = cloud.boot("neighbour", &network, 0).await?;
    // The first of all finds nothing warm.
    wire(cloud, &network).await?;
    for turn in 1..=TURNS {
        field.fill()?;
        let what = format!("ports beside a purge of {} pairs: {turn} of {TURNS}", ADDRESSES * PEERS);
        working(&what, one_turn(cloud, &network, &field, &ctpurge, &mut beside)).await?;
    }
    neighbour.shut_down(&cloud.place).await?;
    cloud.client.delete("port", &id_of(&port)).await?;
    cloud.client.delete("network", &network).await?;
    Ok(beside)
}

async fn one_turn(
    cloud: &Cloud,
    network: &str,
    field: &Field,
    ctpurge: &Ours,
    beside: &mut Beside,
) -> anyhow::Result<()> {
    let jobs = field.jobs(ADDRESSES, PEERS);
    ctpurge.submit(&jobs).await?;
    let begun = Instant::now();
    let before = beside.purging.len();
    loop {
        let wired = wire(cloud, network).await?;
        // One during which the purge ended counts for neither.
        if ctpurge.is_idle().await? {
            break;
        }
        beside.purging.push(wired);
    }
    let deleted = ctpurge.ended(&jobs).await?;
    beside.purges.push((begun.elapsed(), deleted));
    let count = beside.purging.len() - before;
    field.fill()?;
    for _ in 0..count {
        beside.idle.push(wire(cloud, network).await?);
    }
    Ok(())
}

async fn wire(cloud: &Cloud, network: &str) -> anyhow::Result<Wired> {
    let start = Instant::now();
    let port = cloud.port("beside", network, 0, &[]).await?;
    let answered = Instant::now();
    let guest = Guest::boot(&cloud.place, "beside", &cloud.hosts[0].namespace, &port).await?;
    let made = Instant::now();
    let path = format!("ports/{}", id_of(&port));
    let active = wait::until_every(PAUSE, LIMIT, || async {
        (cloud.client.get(&path).await.ok()?["status"] == "ACTIVE").then_some(())
    });
    anyhow::ensure!(active.await.is_some(), "a port is not ACTIVE after {LIMIT:?}");
    let wired = Wired { asked: answered - start, made: made - answered, active: made.elapsed() };
    guest.shut_down(&cloud.place).await?;
    cloud.client.delete("port", &id_of(&port)).await?;
    Ok(wired)
}
