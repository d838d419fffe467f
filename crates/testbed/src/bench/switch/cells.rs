//! Bursts to a neighbour whose MAC is not known, by each tunnel over each family, and each delay of the answer.

use std::time::Duration;

use model::vswitch::Kind as Tunnel;
use testbed::switched::frames::{Course, Fate, burst};
use testbed::switched::{Kind, Late, Lay, Runs, mac};

pub const COUNTS: [usize; 4] = [1, 10, 100, 1000];
const DELAYS_MS: [u64; 3] = [0, 10, 100];
/// Beyond the delay: what has not come by then is lost.
const LIMIT: Duration = Duration::from_millis(600);

/// Bursts of one kind of switch by one tunnel over one family.
pub struct Cells {
    pub kind: Kind,
    pub tunnel: Tunnel,
    pub ipv6: bool,
    pub delay: Duration,
    /// By [`COUNTS`].
    pub fates: Vec<Fate>,
}

/// Each tunnel, family, delay and length of burst, once. The far host is ours in all.
pub async fn measure(kind: Kind, runs: &Runs) -> anyhow::Result<Vec<Cells>> {
    let mut all = Vec::new();
    for tunnel in [Tunnel::Vxlan, Tunnel::Geneve, Tunnel::Nvgre] {
        for ipv6 in [false, true] {
            let lay = Lay { ipv6, ..Lay::of([kind, Kind::Ours], tunnel) };
            let pair = super::laid(lay, runs).await?;
            pair.until_connected().await?;
            let [a, b] = &pair.sides;
            for delay in DELAYS_MS.map(Duration::from_millis) {
                // Told anew each time, for the one before has ended by then.
                let late = Late::start(&pair, delay).await?;
                let mut fates = Vec::new();
                for count in COUNTS {
                    pair.forget(0).await?;
                    let course = Course { from: mac(0), to: mac(1), len: 100, flows: 1 };
                    fates.push(burst(&a.guest, &b.guest, course, count, delay + LIMIT).await?);
                }
                drop(late);
                pair.unsilence(1).await?;
                all.push(Cells { kind, tunnel, ipv6, delay, fates });
            }
        }
    }
    Ok(all)
}
