//! The tables.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::api::Results;
use crate::floor::Floor;
use crate::peer;

/// An empty table; all but its first column hold numbers.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(Cell::new));
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Requests, against the peer and the floor; `theirs` when the peer was measured.
pub fn api(ours: &Results, theirs: Option<&Results>, floor: &Floor) {
    let mark = if theirs.is_some() { "" } else { "*" };
    let peer_cpu = format!("peer CPU ms{mark}");
    let mut table = table(&[
        "work",
        "clients",
        "n",
        "CPU ms/req",
        &peer_cpu,
        "peer/ours",
        "floor CPU ms",
        "ours/floor",
        "req/s",
        "p50 ms",
        "p99 ms",
    ]);
    for ((work, clients), measured) in ours {
        let cpu = measured.cpu_ms();
        let peer_ms = match theirs {
            Some(theirs) => theirs.get(&(*work, *clients)).map_or(f64::NAN, |measured| measured.cpu_ms()),
            None => peer::stored_ms(*work),
        };
        let least = floor.get(work).copied().unwrap_or(f64::NAN);
        table.add_row([
            work.name().to_owned(),
            clients.to_string(),
            measured.count.to_string(),
            format!("{cpu:.3}"),
            format!("{peer_ms:.1}"),
            format!("{:.0}", peer_ms / cpu),
            format!("{least:.3}"),
            format!("{:.1}", cpu / least),
            format!("{:.0}", measured.per_second()),
            format!("{:.2}", measured.quantile_ms(0.5)),
            format!("{:.2}", measured.quantile_ms(0.99)),
        ]);
    }
    println!("{table}");
    if theirs.is_none() {
        println!("* {}", peer::STORED);
    }
    println!(
        "CPU: user and system time of the server's process. floor: the same rows written or read by SQLite \
         alone, measured in this run. req/s, p50 and p99 share the machine with the load itself."
    );
}
