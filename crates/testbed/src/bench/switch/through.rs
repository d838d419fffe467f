//! TCP and round trips between instances, with the same switch on both hosts.

use std::time::Duration;

use testbed::process;
use testbed::switched::talk::{Moved, round_trips, tcp};
use testbed::switched::{Kind, Runs};

const TIME: Duration = Duration::from_secs(2);
pub const TRIPS: usize = 2000;

pub struct Through {
    pub kind: Kind,
    pub moved: Moved,
    /// Of both switches' processes, and of the kernel's own threads for what nobody else does.
    pub switches: Duration,
    pub trips: Vec<Duration>,
}

pub async fn measure(kind: Kind, runs: &Runs) -> anyhow::Result<Through> {
    let pair = super::pair([kind, kind], runs).await?;
    pair.until_connected().await?;
    let [a, b] = &pair.sides;
    let ip = [10, 99, 0, 2].into();
    let used = || a.switch.cpu() + b.switch.cpu() + process::softirq_cpu();
    let before = used();
    let moved = tcp(&a.guest, &b.guest, ip, TIME).await?;
    let switches = used().saturating_sub(before);
    let trips = round_trips(&a.guest, &b.guest, ip, TRIPS).await?;
    Ok(Through { kind, moved, switches, trips })
}
