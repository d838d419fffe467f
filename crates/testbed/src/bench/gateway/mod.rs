//! The two gateways, beside haproxy + haproxy and nginx + nginx in the same namespaces, and beside a relay that
//! only moves bytes.
//!
//! ```text
//! load   one large file, many small ones     peers   configurations of others     relay   the floor
//! many   memory with many networks           show    the tables
//! ```

mod load;
mod many;
mod peers;
mod relay;
mod show;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use testbed::gateways::Gateways;
use testbed::process;

use load::Row;
use peers::Peer;
use relay::Relay;

/// The download.
const LARGE_BYTES: u64 = 1 << 30;
const MANY: [usize; 3] = [1, 100, 1000];
/// Peers take a process for each network.
const PROCESSES: [usize; 2] = [1, 100];

pub async fn run(program: Option<&Path>) -> anyhow::Result<()> {
    let program = match program {
        Some(program) => program.to_owned(),
        None => beside()?,
    };
    let mut rows = Vec::new();
    let outcome = measure(&program, &mut rows).await;
    show::rows(&rows);
    outcome?;
    let mut memory = Vec::new();
    for count in MANY {
        eprintln!("{count} networks ...");
        let theirs = if PROCESSES.contains(&count) { Some(count) } else { None };
        memory.push(many::measure(&program, count, theirs).await?);
    }
    show::memory(&memory);
    Ok(())
}

async fn measure(program: &Path, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let bed = Gateways::start(program, "bench-gateway", 1, &[]).await?;
    std::fs::File::create(bed.file("huge"))?.set_len(LARGE_BYTES)?;
    std::fs::write(bed.file("page"), vec![b'x'; 4096])?;
    let pids = [bed.tenant.pid(), bed.management.pid()].into_iter().flatten().collect::<Vec<u32>>();
    eprintln!("ours ...");
    rows.push(load::measure("ours, log of each request", &bed, 8080, || process_cpu(&pids), &pids).await?);
    // As the others, which write no log here.
    drop(bed);
    let quiet = ["tenant.log_per_s=0"];
    let bed = Gateways::start(program, "bench-gateway", 1, &quiet).await?;
    std::fs::File::create(bed.file("huge"))?.set_len(LARGE_BYTES)?;
    std::fs::write(bed.file("page"), vec![b'x'; 4096])?;
    let pids = [bed.tenant.pid(), bed.management.pid()].into_iter().flatten().collect::<Vec<u32>>();
    rows.push(load::measure("ours", &bed, 8080, || process_cpu(&pids), &pids).await?);
    for peer in Peer::ALL {
        eprintln!("{} ...", peer.name());
        let running = peer.start(&bed).await?;
        let pids = running.pids();
        rows.push(load::measure(peer.name(), &bed, peers::PORT, || process_cpu(&pids), &pids).await?);
    }
    eprintln!("a bare relay ...");
    let relay = Relay::start(&bed, relay::PORT)?;
    rows.push(
        load::measure("the floor: a relay that reads nothing", &bed, relay::PORT, || relay.cpu(), &[])
            .await?,
    );
    Ok(())
}

fn process_cpu(pids: &[u32]) -> Duration {
    pids.iter().map(|pid| process::own_threads_cpu(*pid)).sum()
}

fn beside() -> anyhow::Result<PathBuf> {
    let ours = std::env::current_exe()?;
    Ok(ours.parent().context("the folder of this program")?.join("neutrino"))
}
