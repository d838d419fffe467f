//! The tables.

use crate::show::table;

use super::load::Row;
use super::many::Held;

pub fn rows(rows: &[Row]) {
    let mut table = table(&[
        "software through two proxies",
        "1 GiB: MB/s",
        "CPU s/GB",
        "4 KB: req/s",
        "CPU us/req",
        "RSS KiB, both",
        "PSS KiB, both",
    ]);
    for row in rows {
        let memory = |kib: fn(&testbed::process::Memory) -> u64| {
            row.memory.as_ref().map_or(String::new(), |memory| kib(memory).to_string())
        };
        table.add_row([
            row.name.clone(),
            format!("{:.0}", row.mb_per_s),
            format!("{:.3}", row.cpu_s_per_gb),
            format!("{:.0}", row.requests_per_s),
            format!("{:.1}", row.cpu_us_per_request),
            memory(|memory| memory.resident_kib),
            memory(|memory| memory.proportional_kib),
        ]);
    }
    println!("{table}");
}

pub fn memory(all: &[Held]) {
    let mut table = table(&[
        "networks of 10 ports",
        "first proxy RSS KiB",
        "PSS",
        "second RSS KiB",
        "PSS",
        "PSS of both",
        "told ms",
        "haproxy for each: PSS KiB",
    ]);
    for held in all {
        table.add_row([
            held.networks.to_string(),
            held.tenant.resident_kib.to_string(),
            held.tenant.proportional_kib.to_string(),
            held.management.resident_kib.to_string(),
            held.management.proportional_kib.to_string(),
            (held.tenant.proportional_kib + held.management.proportional_kib).to_string(),
            held.told.as_millis().to_string(),
            held.haproxy_kib.map_or(String::new(), |kib| kib.to_string()),
        ]);
    }
    println!("{table}");
}
