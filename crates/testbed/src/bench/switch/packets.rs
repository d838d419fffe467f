//! What one packet costs on its way into a tunnel and out of one. Whoever should receive drops it unseen.

use std::time::Duration;

use testbed::switched::frames::{At, Course, Flowed, frame, sink, stream, vxlan};
use testbed::switched::{Kind, Runs, VNI, mac};

const TIME: Duration = Duration::from_secs(1);
pub const LENGTHS: [usize; 2] = [64, 1400];
const FLOWS: u16 = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    In,
    Out,
}

pub struct Packets {
    pub kind: Kind,
    pub way: Way,
    pub len: usize,
    pub flowed: Flowed,
    /// Of the switch's own processes.
    pub switch: Duration,
}

/// What it costs to send, by length: into a wire at whose end all is dropped.
pub async fn bare(runs: &Runs) -> anyhow::Result<Vec<(usize, f64)>> {
    let pair = super::pair([Kind::Bare, Kind::Bare], runs).await?;
    let a = &pair.sides[0];
    let (from, to) = (At(a.guest.clone(), "e0"), At(a.host.clone(), a.port));
    sink(&to).await?;
    let mut all = Vec::new();
    for len in LENGTHS {
        let mut times = Vec::new();
        for _ in 0..super::TIMES {
            let flowed = stream(from.clone(), to.clone(), outwards(len), TIME / 2).await?;
            times.push(flowed.sender.as_nanos() as f64 / flowed.sent as f64);
        }
        all.push((len, super::median(times)));
    }
    Ok(all)
}

fn outwards(len: usize) -> Vec<Vec<u8>> {
    let course = Course { from: mac(0), to: mac(1), len, flows: FLOWS };
    (0..u32::from(FLOWS)).map(|number| frame(&course, number)).collect()
}

pub async fn measure(kind: Kind, runs: &Runs) -> anyhow::Result<Vec<Packets>> {
    let pair = super::pair([kind, Kind::Bare], runs).await?;
    let [a, b] = &pair.sides;
    let (guest, far) = (At(a.guest.clone(), "e0"), At(b.host.clone(), b.underlay));
    let (inner, outer) = (sink(&guest).await, sink(&far).await);
    inner.and(outer)?;
    let outer = Course { from: b.underlay_mac().await?, to: a.underlay_mac().await?, len: 0, flows: 1 };
    let ips = (b.ipv4()?, a.ipv4()?);
    let mut all = Vec::new();
    // Outwards first: the switch learns who is where.
    for way in [Way::Out, Way::In] {
        for len in LENGTHS {
            let before = pair.sides[0].switch.cpu();
            let flowed = match way {
                Way::Out => {
                    let course = Course { from: mac(1), to: mac(0), len, flows: FLOWS };
                    let inner = (0..u32::from(FLOWS)).map(|number| frame(&course, number));
                    let frames = inner.map(|inner| vxlan(&inner, &outer, ips, VNI)).collect();
                    // Who is there says so first, or all is for everybody.
                    stream(guest.clone(), far.clone(), outwards(len), Duration::from_millis(20)).await?;
                    stream(far.clone(), guest.clone(), frames, TIME).await?
                }
                Way::In => stream(guest.clone(), far.clone(), outwards(len), TIME).await?,
            };
            let switch = pair.sides[0].switch.cpu().saturating_sub(before);
            all.push(Packets { kind, way, len, flowed, switch });
        }
    }
    Ok(all)
}
