//! Bursts to a neighbour whose MAC is not known.

use std::time::Duration;

use testbed::switched::frames::{Course, Fate, burst};
use testbed::switched::{Kind, Late, Runs, mac};

/// The other host answers so late.
const DELAY: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_millis(800);

pub struct First {
    pub kind: Kind,
    pub count: usize,
    pub fates: Vec<Fate>,
}

pub async fn measure(kind: Kind, runs: &Runs) -> anyhow::Result<Vec<First>> {
    let pair = super::pair([kind, Kind::Kernel], runs).await?;
    pair.until_connected().await?;
    let [a, b] = &pair.sides;
    let _late = Late::start(&pair, DELAY).await?;
    let mut all = Vec::new();
    for count in super::cells::COUNTS {
        let mut fates = Vec::new();
        for _ in 0..super::TIMES {
            pair.forget(0).await?;
            let course = Course { from: mac(0), to: mac(1), len: 100, flows: 1 };
            fates.push(burst(&a.guest, &b.guest, course, count, LIMIT).await?);
        }
        all.push(First { kind, count, fates });
    }
    Ok(all)
}
