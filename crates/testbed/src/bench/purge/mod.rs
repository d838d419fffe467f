//! Connections forgotten: ours, one command per pair, one command per address, and the floor; and ports
//! that are wired meanwhile.
//!
//! ```text
//! field    a namespace whose table is filled by hand         ours   ctpurge as a process
//! peer     `conntrack -D`, sampled                           show   the tables
//! beside   ports wired while ctpurge works, and while not
//! ```

mod beside;
mod field;
mod ours;
mod peer;
mod show;

use std::path::Path;

use field::Field;
use ours::{Ours, Pace};

/// What is measured with a table of some size.
const PAIRS: [(usize, usize); 4] = [(10, 10), (10, 100), (100, 100), (100, 1000)];
const QUICK: [usize; 2] = [10_000, 100_000];
const ALL: [usize; 4] = [10_000, 100_000, 500_000, 1_000_000];

/// One row.
pub struct Row {
    pub entries: usize,
    pub pairs: usize,
    pub ours: ours::Cost,
    pub floor: crate::floor::conntrack::Floor,
    /// One command per pair, and one per address: of one.
    pub per_pair: peer::Taken,
    pub per_address: peer::Taken,
    pub addresses: usize,
}

pub async fn run(program: Option<&Path>, all: bool) -> anyhow::Result<()> {
    let (mut rows, mut exact) = (Vec::new(), Vec::new());
    let outcome = measure(program, all, &mut rows, &mut exact).await;
    // What was measured is shown, also when the rest failed.
    show::rows(&rows);
    show::commands(&rows);
    show::exact(&exact);
    outcome?;
    beside(program).await
}

pub async fn beside(program: Option<&Path>) -> anyhow::Result<()> {
    show::beside(&beside::run(program).await?);
    Ok(())
}

async fn measure(
    program: Option<&Path>,
    all: bool,
    rows: &mut Vec<Row>,
    exact: &mut Vec<(usize, ours::Cost)>,
) -> anyhow::Result<()> {
    for entries in if all { &ALL[..] } else { &QUICK[..] } {
        let field = Field::new(*entries)?;
        for (addresses, peers) in PAIRS.into_iter().filter(|(_, peers)| *peers <= field.peers()) {
            eprintln!("{entries} entries, {addresses} x {peers} pairs ...");
            let jobs = field.jobs(addresses, peers);
            field.fill()?;
            let (per_pair, per_address) = (peer::per_pair(&field).await?, peer::per_address(&field).await?);
            field.fill()?;
            let floor = field.floor(addresses, peers)?;
            field.fill()?;
            let ours = Ours::start(program, &field, Pace::Full).await?.purge(&jobs).await?;
            let pairs = addresses * peers;
            rows.push(Row { entries: *entries, pairs, ours, floor, per_pair, per_address, addresses });
        }
        field.fill()?;
        let jobs = field.known();
        exact.push((*entries, Ours::start(program, &field, Pace::Full).await?.purge(&jobs).await?));
    }
    Ok(())
}
