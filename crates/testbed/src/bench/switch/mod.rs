//! The virtual switch: first packets, packets in and out of tunnels, TCP, round trips; ours, Open vSwitch with
//! its datapath in user space, and the kernel's bridge with VXLAN, in one run.
//!
//! ```text
//! first    bursts to a neighbour whose MAC is not known       show   the tables
//! packets  CPU of one packet, into a tunnel and out of one
//! through  TCP and round trips, with the same switch on both hosts
//! ```

mod first;
mod packets;
mod show;
mod through;

use std::path::Path;

use model::vswitch::Kind as Tunnel;
use testbed::switched::{Kind, Lay, Ovs, Pair, Runs};

/// Each figure is the middle one of so many.
const TIMES: usize = 3;

pub async fn run(program: Option<&Path>) -> anyhow::Result<()> {
    let beside = || Ok::<_, anyhow::Error>(std::env::current_exe()?.with_file_name("neutrino"));
    let runs = Runs::As(program.map_or_else(beside, |path| Ok(path.to_owned()))?);
    let mut kinds = vec![Kind::Ours, Kind::Kernel];
    if Ovs::is_installed() {
        kinds.insert(1, Kind::Ovs);
    } else {
        eprintln!("Open vSwitch is not installed: scripts/install-packages bench");
    }
    let mut first = Vec::new();
    for kind in &kinds {
        first.extend(first::measure(*kind, &runs).await?);
    }
    show::first(&first);
    let bare = packets::bare(&runs).await?;
    let mut packets = Vec::new();
    // One after another and again, so that what else the machine does meets all alike.
    for _ in 0..TIMES {
        for kind in &kinds {
            packets.extend(packets::measure(*kind, &runs).await?);
        }
    }
    show::packets(&packets, &bare);
    let mut through = Vec::new();
    for _ in 0..TIMES {
        for kind in &kinds {
            through.push(through::measure(*kind, &runs).await?);
        }
    }
    show::through(&through);
    Ok(())
}

async fn pair(kinds: [Kind; 2], runs: &Runs) -> anyhow::Result<Pair> {
    eprintln!("{kinds:?} ...");
    Pair::start("bench-switch", Lay::of(kinds, Tunnel::Vxlan), runs).await
}

/// The middle one.
fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
