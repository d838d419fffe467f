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
        "ours/floor",
        "a command per pair, CPU s*",
        "per pair/ours",
        "per address, CPU s*",
    ]);
    for row in rows {
        let (ours, floor) = (row.ours.cpu.as_secs_f64(), row.floor.cpu.as_secs_f64());
        let per_pair = row.per_pair.as_secs_f64() * row.pairs as f64;
        let per_address = row.per_address.as_secs_f64() * row.addresses as f64;
        table.add_row([
            row.entries.to_string(),
            row.pairs.to_string(),
            format!(
                "{}{}",
                row.ours.deleted,
                if row.ours.deleted == row.floor.deleted { "" } else { " (!)" }
            ),
            format!("{ours:.3}"),
            format!("{:.3}", row.ours.wall.as_secs_f64()),
            mib(&row.ours),
            format!("{}, {}", row.ours.counters.whole_walks, row.ours.counters.zone_walks),
            format!("{floor:.3}"),
            format!("{:.2}", ours / floor),
            format!("{per_pair:.1}"),
            format!("{:.0}", per_pair / ours),
            format!("{per_address:.2}"),
        ]);
    }
    println!("{table}");
    println!(
        "* extrapolated from three commands of `conntrack -D` with that table. CPU of ours is that of all its \
         threads, from the first job sent until the last is done: reading jobs, the journal on disk, plan, walks, \
         deletions. floor: one dump, a look into a hash set per entry, deletions without an answer. Wall times \
         share the machine with others."
    );
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
    let rows: [(&str, fn(&Wired) -> Duration); 2] = [
        ("from its request until ACTIVE", |wired| wired.whole),
        ("from its device until ACTIVE", |wired| wired.ours),
    ];
    for (what, part) in rows {
        let [idle, purging] = [&beside.idle, &beside.purging].map(|all| {
            let mut all: Vec<f64> = all.iter().map(|wired| part(wired).as_secs_f64() * 1e3).collect();
            all.sort_unstable_by(f64::total_cmp);
            let at = |share: usize| all.get(all.len() * share / 100).copied().unwrap_or_default();
            [all.iter().sum::<f64>() / all.len().max(1) as f64, at(50), at(90)]
        });
        let mut row = vec![what.to_owned(), beside.purging.len().to_string()];
        row.extend(idle.iter().chain(&purging).map(|ms| format!("{ms:.1}")));
        row.extend([0, 1].map(|at| format!("{:.2}", purging[at] / idle[at])));
        table.add_row(row);
    }
    println!("{table}");
    for (took, deleted) in &beside.purges {
        println!("a purge of 100,000 pairs: {deleted} deleted in {:.1} s", took.as_secs_f64());
    }
    println!(
        "ctpurge at its usual pace, on the host of the ports, in turns with idle; the table is filled anew \
         for each. The commands that make the device are in the first row. Looked at every 2 ms."
    );
}

fn mib(cost: &Cost) -> String {
    format!("{:.1}", cost.peak_kib as f64 / 1024.0)
}
