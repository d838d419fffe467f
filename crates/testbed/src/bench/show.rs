//! The tables.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use testbed::Engine;

use crate::api::Results;
use crate::floor::Floor;
use crate::load::Measured;
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
pub fn api(engine: Engine, ours: &Results, theirs: Option<&Results>, floor: &Floor) {
    let mark = if theirs.is_some() { "" } else { "*" };
    let peer_cpu = format!("peer CPU ms{mark}");
    let work = match engine {
        Engine::Sqlite => "work, on SQLite",
        Engine::Postgres => "work, on PostgreSQL",
    };
    let mut table = table(&[
        work,
        "clients",
        "n",
        "CPU ms/req",
        "of it database",
        &peer_cpu,
        "peer/ours",
        "floor CPU ms",
        "ours/floor",
        "req/s",
        "p50 ms",
        "p99 ms",
    ]);
    for ((work, clients), measured) in ours {
        let (database, cpu) = (measured.database_ms(), measured.cpu_ms() + measured.database_ms());
        let peer_ms = match theirs {
            Some(theirs) => theirs.get(&(*work, *clients)).map(Measured::cpu_ms),
            None => peer::stored_ms(*work),
        };
        let least = floor.get(work).copied();
        table.add_row([
            work.name().to_owned(),
            clients.to_string(),
            measured.count.to_string(),
            format!("{cpu:.3}"),
            if engine == Engine::Sqlite { String::new() } else { format!("{database:.3}") },
            peer_ms.map_or_else(String::new, |ms| format!("{ms:.1}")),
            peer_ms.map_or_else(String::new, |ms| format!("{:.0}", ms / cpu)),
            least.map_or_else(String::new, |ms| format!("{ms:.3}")),
            least.map_or_else(String::new, |ms| format!("{:.1}", cpu / ms)),
            format!("{:.0}", measured.per_second()),
            format!("{:.2}", measured.quantile_ms(0.5)),
            format!("{:.2}", measured.quantile_ms(0.99)),
        ]);
    }
    println!("{table}");
}

pub fn api_notes(with_peer: bool) {
    if !with_peer {
        println!("* {}", peer::STORED);
    }
    println!(
        "CPU: user and system time of the server's process and of PostgreSQL's (a part that is told apart). \
         floor: the same rows written or read by SQLite or PostgreSQL alone, one transaction and one \
         connection at a time, measured in this run; of PostgreSQL with its client. Commits reach the disk \
         on PostgreSQL (fsync), and on SQLite before the next checkpoint. req/s, p50 and p99 share the \
         machine with the load itself."
    );
}
