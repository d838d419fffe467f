//! The tables.

use super::Row;
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

fn mib(cost: &Cost) -> String {
    format!("{:.1}", cost.peak_kib as f64 / 1024.0)
}
