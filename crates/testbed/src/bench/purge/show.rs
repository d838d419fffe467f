//! The tables.

use std::time::Duration;

use super::Row;
use super::beside::{Beside, Wired};
use super::ours::Cost;
use crate::show::table;

pub fn rows(rows: &[Row]) {
    let mut table = table(&[
        "entries",
        "pairs",
        "deleted",
        "CPU s",
        "wall s",
        "peak MiB",
        "walks (whole, zone)",
        "floor CPU s",
        "wall s",
        "data MiB",
        "ours/floor CPU",
    ]);
    for row in rows {
        let (ours, floor) = (seconds(row.ours.cpu), seconds(row.floor.cpu));
        let same = row.ours.deleted == row.floor.deleted;
        table.add_row([
            row.entries.to_string(),
            row.pairs.to_string(),
            format!("{}{}", row.ours.deleted, if same { "" } else { " (!)" }),
            format!("{ours:.3}"),
            format!("{:.3}", seconds(row.ours.wall)),
            mib(row.ours.peak_kib),
            format!("{}, {}", row.ours.counters.whole_walks, row.ours.counters.zone_walks),
            format!("{floor:.3}"),
            format!("{:.3}", seconds(row.floor.wall)),
            mib(row.floor.bytes as u64 / 1024),
            format!("{:.2}", ours / floor),
        ]);
    }
    println!("{table}");
    println!(
        "CPU of ours is that of all its threads, from the first job sent until the last is done: reading jobs, \
         the journal on disk, plan, walks, deletions; memory that of the whole process. floor: one dump, a look \
         into a hash set per entry, deletions without an answer; memory of its data alone. Wall times share the \
         machine with others."
    );
}

/// What the usual way takes.
pub fn commands(rows: &[Row]) {
    let mut table = table(&[
        "entries",
        "pairs",
        "a command per pair, CPU s*",
        "wall s*",
        "MiB",
        "CPU/ours",
        "a command per address, CPU s*",
        "wall s*",
        "MiB",
        "CPU/ours",
    ]);
    for row in rows {
        let mut cells = vec![row.entries.to_string(), row.pairs.to_string()];
        for (one, count) in [(row.per_pair, row.pairs), (row.per_address, row.addresses)] {
            let [cpu, wall] = [one.cpu, one.wall].map(|time| seconds(time) * count as f64);
            let over = cpu / seconds(row.ours.cpu);
            let peak = mib(one.peak_kib);
            cells.extend([format!("{cpu:.2}"), format!("{wall:.2}"), peak, format!("{over:.0}")]);
        }
        table.add_row(cells);
    }
    println!("{table}");
    println!("* extrapolated from three commands of `conntrack -D` with that table, one after the other.");
}

pub fn exact(rows: &[(usize, Cost)]) {
    let mut table =
        table(&["known connections in a table of", "deleted", "CPU s", "of it work", "deletes/s of work"]);
    for (entries, cost) in rows {
        let work = cost.counters.cpu_us as f64 / 1e6;
        table.add_row([
            entries.to_string(),
            cost.deleted.to_string(),
            format!("{:.3}", cost.cpu.as_secs_f64()),
            format!("{work:.3}"),
            format!("{:.0}", cost.deleted as f64 / work),
        ]);
    }
    println!("{table}");
    println!("work: CPU of the thread that deletes, without reading the jobs and writing them down.");
}

pub fn beside(beside: &Beside) {
    let mut table = table(&[
        "a port is wired",
        "n",
        "idle, mean ms",
        "p50",
        "p90",
        "beside a purge, mean ms",
        "p50",
        "p90",
        "means",
        "p50s",
    ]);
    type Part = fn(&Wired) -> Duration;
    let rows: [(&str, Part); 5] = [
        ("wired: the two below", |wired| wired.asked + wired.active),
        ("  its request answered", |wired| wired.asked),
        ("  ACTIVE since its device is there", |wired| wired.active),
        ("its instance's namespace and device", |wired| wired.made),
        ("all", |wired| wired.asked + wired.made + wired.active),
    ];
    for (what, part) in rows {
        let [idle, purging] = [&beside.idle, &beside.purging].map(|all| {
            let mut all: Vec<f64> = all.iter().map(|wired| part(wired).as_secs_f64() * 1e3).collect();
            all.sort_unstable_by(f64::total_cmp);
            let at = |share: usize| all.get(all.len() * share / 100).copied().unwrap_or_default();
            [all.iter().sum::<f64>() / all.len().max(1) as f64, at(50), at(90)]
        });
        let mut row = vec![what.to_owned(), beside.purging.len().to_string()];
        row.extend(idle.iter().chain(&purging).map(|ms| format!("{ms:.2}")));
        row.extend([0, 1].map(|at| format!("{:.2}", purging[at] / idle[at])));
        table.add_row(row);
    }
    println!("{table}");
    for (took, deleted) in &beside.purges {
        println!("a purge of 100,000 pairs: {deleted} deleted in {:.1} s", took.as_secs_f64());
    }
    println!(
        "ctpurge at its usual pace, on the host of the ports, in turns with idle; the table is filled anew \
         for each. The instance is made by commands of the bench, which no part of neutrino waits for. Looked at every 2 ms."
    );
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn mib(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}
