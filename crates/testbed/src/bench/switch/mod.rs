//! The virtual switch: first packets, packets in and out of tunnels, TCP, round trips; ours, Open vSwitch with
//! its datapath in user space by each of its ways to a device, and the kernel's bridge with VXLAN, in one run.
//!
//! ```text
//! peers    which of them run here                             show   the tables
//! cells    bursts by each tunnel, family and delay            first  bursts to a neighbour of unknown MAC
//! packets  CPU of one packet, into a tunnel and out of one
//! through  TCP and round trips, with the same switch on both hosts
//! ```

mod cells;
mod first;
mod packets;
mod peers;
mod show;
mod through;

use std::path::Path;

use model::vswitch::Kind as Tunnel;
use testbed::switched::{Kind, Lay, Pair, Runs};

use peers::Peers;

/// Each figure is the middle one of so many.
const TIMES: usize = 3;

/// What may be measured alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    Cells,
    First,
    Packets,
    Through,
}

impl Section {
    pub const ALL: [Section; 4] = [Section::Cells, Section::First, Section::Packets, Section::Through];
}

pub async fn run(program: Option<&Path>, sections: &[Section]) -> anyhow::Result<()> {
    let beside = || Ok::<_, anyhow::Error>(std::env::current_exe()?.with_file_name("neutrino"));
    let runs = Runs::As(program.map_or_else(beside, |path| Ok(path.to_owned()))?);
    let mut peers = Peers::here(&runs).await;
    for section in sections {
        match section {
            Section::Cells => cells(&mut peers, &runs).await?,
            Section::First => first(&mut peers, &runs).await?,
            Section::Packets => packets(&mut peers, &runs).await?,
            Section::Through => through(&mut peers, &runs).await?,
        }
    }
    Ok(())
}

async fn cells(peers: &mut Peers, runs: &Runs) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for kind in peers.kinds().into_iter().filter(|kind| [Kind::Ours, Kind::Ovs].contains(kind)) {
        let measured = cells::measure(kind, runs).await;
        all.extend(peers.unless_it_failed(kind, measured)?.unwrap_or_default());
    }
    show::cells(&all, peers);
    Ok(())
}

async fn first(peers: &mut Peers, runs: &Runs) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for kind in peers.kinds() {
        let measured = first::measure(kind, runs).await;
        all.extend(peers.unless_it_failed(kind, measured)?.unwrap_or_default());
    }
    show::first(&all, peers);
    Ok(())
}

async fn packets(peers: &mut Peers, runs: &Runs) -> anyhow::Result<()> {
    let bare = packets::bare(runs).await?;
    let mut all = Vec::new();
    // One after another and again, so that what else the machine does meets all alike.
    for _ in 0..TIMES {
        for kind in peers.kinds() {
            let measured = packets::measure(kind, runs).await;
            all.extend(peers.unless_it_failed(kind, measured)?.unwrap_or_default());
        }
    }
    show::packets(&all, &bare, peers);
    Ok(())
}

async fn through(peers: &mut Peers, runs: &Runs) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for _ in 0..TIMES {
        for kind in peers.kinds() {
            let measured = through::measure(kind, runs).await;
            all.extend(peers.unless_it_failed(kind, measured)?);
        }
    }
    show::through(&all, peers);
    Ok(())
}

async fn pair(kinds: [Kind; 2], runs: &Runs) -> anyhow::Result<Pair> {
    laid(Lay::of(kinds, Tunnel::Vxlan), runs).await
}

async fn laid(lay: Lay, runs: &Runs) -> anyhow::Result<Pair> {
    eprintln!("{:?} {:?} ...", lay.kinds, lay.tunnel);
    Pair::start("bench-switch", lay, runs).await
}

/// The middle one.
fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
