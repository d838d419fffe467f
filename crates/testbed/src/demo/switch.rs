//! Two hosts with a virtual switch each: the first packets to a host whose MAC nobody knows yet.

use std::time::Duration;

use anyhow::ensure;
use model::vswitch::Kind as Tunnel;

use crate::demo::show::Table;
use crate::switched::frames::{Course, Fate, burst};
use crate::switched::{Kind, Late, Lay, Ovs, Pair, Runs, mac};

const BURST: usize = 1000;
/// The other host answers questions for its MAC so late.
const DELAY: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(5);

pub async fn all(table: &mut Table) -> bool {
    let what = format!("virtual switch, VXLAN: {BURST} packets at once to a host whose MAC is not known");
    let passed = table.step(&what, ours()).await;
    if Ovs::is_installed() {
        let what = "the same with Open vSwitch in user space, for comparison";
        return table.step(what, theirs()).await && passed;
    }
    passed
}

async fn ours() -> anyhow::Result<String> {
    let fate = first_packets(Kind::Ours).await?;
    ensure!(fate.is_perfect(), "{fate:?}");
    let first = fate.first.unwrap_or_default();
    Ok(format!("all {BURST} arrived, once and in order; the first after {:.1} ms", first.as_secs_f64() * 1e3))
}

async fn theirs() -> anyhow::Result<String> {
    let fate = first_packets(Kind::Ovs).await?;
    Ok(format!("{} of {BURST} arrived, {} were lost", fate.arrived, fate.lost()))
}

async fn first_packets(kind: Kind) -> anyhow::Result<Fate> {
    let lay = Lay::of([kind, Kind::Kernel], Tunnel::Vxlan);
    let pair = Pair::start("demo-switch", lay, &Runs::As(std::env::current_exe()?)).await?;
    pair.until_connected().await?;
    let [a, b] = &pair.sides;
    let _late = Late::start(&pair, DELAY).await?;
    pair.forget(0).await?;
    let course = Course { from: mac(0), to: mac(1), len: 100, flows: 1 };
    burst(&a.guest, &b.guest, course, BURST, LIMIT).await
}
