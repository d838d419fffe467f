//! The tables.

use std::time::Duration;

use comfy_table::Table;
use testbed::switched::Kind;
use testbed::switched::frames::Fate;

use super::cells::{COUNTS, Cells};
use super::first::First;
use super::median;
use super::packets::{LENGTHS, Packets, Way};
use super::peers::Peers;
use super::through::{TRIPS, Through};
use crate::show::table;

/// Of the reason why somebody is not measured.
const WIDTH: usize = 46;
const LINES: usize = 6;

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Ours => "ours",
        Kind::Ovs => "Open vSwitch, AF_PACKET",
        Kind::OvsXdp => "Open vSwitch, AF_XDP",
        Kind::OvsDpdk => "Open vSwitch, DPDK",
        Kind::Kernel => "kernel, bridge and VXLAN",
        Kind::Bare => "none",
    }
}

fn kinds(all: impl Iterator<Item = Kind>) -> Vec<Kind> {
    let mut kinds = Vec::new();
    all.for_each(|kind| {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    });
    kinds
}

/// A row for each that is not measured, with the reason.
fn absent(table: &mut Table, peers: &Peers) {
    for (kind, why) in peers.absent() {
        let mut lines = vec![format!("{}:", name(kind))];
        for word in why.split_whitespace() {
            match lines.last_mut() {
                Some(line) if line.len() + word.len() < WIDTH => *line = format!("{line} {word}"),
                _ => lines.push(word.to_owned()),
            }
            if lines.len() > LINES {
                break;
            }
        }
        table.add_row([lines.join("\n")]);
    }
}

pub fn cells(all: &[Cells], peers: &Peers) {
    let mut header =
        vec!["first packets".to_owned(), "tunnel".into(), "over".into(), "answer after ms".into()];
    header.extend(COUNTS.map(|count| format!("lost of {count}")));
    header.extend(["doubled".into(), "disordered".into()]);
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = table(&header);
    for Cells { kind, tunnel, ipv6, delay, fates } in all {
        let sum = |of: fn(&Fate) -> usize| fates.iter().map(of).sum::<usize>().to_string();
        let over = if *ipv6 { "IPv6" } else { "IPv4" };
        let mut row = vec![name(*kind).to_owned(), format!("{tunnel:?}"), over.to_owned()];
        row.push(delay.as_millis().to_string());
        row.extend(fates.iter().map(|fate| fate.lost().to_string()));
        row.extend([sum(|fate| fate.doubled), sum(|fate| fate.disordered)]);
        table.add_row(row);
    }
    absent(&mut table, peers);
    println!("{table}");
    let unharmed = |kind: Kind| {
        let cells = all.iter().filter(|row| row.kind == kind).flat_map(|row| &row.fates);
        (cells.clone().filter(|fate| fate.is_perfect()).count(), cells.count())
    };
    for kind in kinds(all.iter().map(|row| row.kind)) {
        let (perfect, cells) = unharmed(kind);
        println!("{}: {perfect} of {cells} bursts arrived whole, once and in order.", name(kind));
    }
    println!("Bursts to a neighbour whose MAC is not known. The other host is ours in all.");
}

pub fn first(all: &[First], peers: &Peers) {
    let mut table = table(&[
        "burst to a cold neighbour",
        "frames",
        "lost of each try",
        "doubled",
        "disordered",
        "first after ms",
    ]);
    for row in all {
        let lost: Vec<String> = row.fates.iter().map(|fate| fate.lost().to_string()).collect();
        let sum = |of: fn(&testbed::switched::frames::Fate) -> usize| {
            row.fates.iter().map(of).sum::<usize>().to_string()
        };
        let first: Vec<f64> = row.fates.iter().filter_map(|fate| Some(ms(fate.first?))).collect();
        let first = if first.is_empty() { "never".to_owned() } else { format!("{:.2}", median(first)) };
        table.add_row([
            name(row.kind).to_owned(),
            row.count.to_string(),
            lost.join(", "),
            sum(|fate| fate.doubled),
            sum(|fate| fate.disordered),
            first,
        ]);
    }
    absent(&mut table, peers);
    println!("{table}");
    println!("The other host answers questions for its MAC after 100 ms. VXLAN over IPv4, 100-byte frames.");
}

pub fn packets(all: &[Packets], bare: &[(usize, f64)], peers: &Peers) {
    let mut table = table(&[
        "packets",
        "way",
        "bytes",
        "beyond wire ns",
        "processes ns",
        "with sender ns",
        "kpps",
        "lost %",
    ]);
    for kind in kinds(all.iter().map(|row| row.kind)) {
        for way in [Way::In, Way::Out] {
            for len in LENGTHS {
                let of = |figure: &dyn Fn(&Packets) -> f64| {
                    let rows = all.iter().filter(|row| (row.kind, row.way, row.len) == (kind, way, len));
                    median(rows.map(figure).collect())
                };
                let sender = |row: &Packets| row.flowed.sender.as_nanos() as f64 / row.flowed.sent as f64;
                let base = bare.iter().find(|(at, _)| *at == len).map_or(0.0, |(_, ns)| *ns);
                let processes =
                    |row: &Packets| row.switch.as_nanos() as f64 / row.flowed.arrived.max(1) as f64;
                let both = |row: &Packets| sender(row) + processes(row);
                // The kernel works for whoever sends: its share is what sending costs more than into a bare wire.
                let beyond = |row: &Packets| both(row) - base;
                let rate = |row: &Packets| row.flowed.arrived as f64 / row.flowed.took.as_secs_f64() / 1000.0;
                let lost =
                    |row: &Packets| 100.0 * (1.0 - row.flowed.arrived as f64 / row.flowed.sent.max(1) as f64);
                table.add_row([
                    name(kind).to_owned(),
                    if way == Way::In { "encapsulate" } else { "decapsulate" }.to_owned(),
                    len.to_string(),
                    format!("{:.0}", of(&beyond)),
                    format!("{:.0}", of(&processes)),
                    format!("{:.0}", of(&both)),
                    format!("{:.0}", of(&rate)),
                    format!("{:.1}", of(&lost)),
                ]);
            }
        }
    }
    absent(&mut table, peers);
    println!("{table}");
    let bare: Vec<String> = bare.iter().map(|(len, ns)| format!("{ns:.0} ns at {len} bytes")).collect();
    println!(
        "CPU of each packet. processes: of the switch's, for each that arrived. with sender: that, and the sender's, for \
         whom the kernel works. beyond wire: that, less what sending into a bare wire takes ({}). One sender as fast as \
         it goes, 64 flows. The receiver drops unseen.",
        bare.join(", ")
    );
}

pub fn through(all: &[Through], peers: &Peers) {
    let header =
        ["instance to instance", "TCP Gbit/s", "Gbit/s per core", "round trip p50 us", "p99 us", "lost"];
    let mut table = table(&header);
    for kind in kinds(all.iter().map(|row| row.kind)) {
        let of = |figure: &dyn Fn(&Through) -> f64| {
            median(all.iter().filter(|row| row.kind == kind).map(figure).collect())
        };
        let gbit = |row: &Through| row.moved.bytes as f64 * 8.0 / 1e9;
        let per_core = |row: &Through| gbit(row) / (row.moved.cpu + row.switches).as_secs_f64();
        let trip = |row: &Through, share: usize| {
            row.trips.get(row.trips.len() * share / 100).map_or(f64::NAN, |trip| trip.as_nanos() as f64 / 1e3)
        };
        table.add_row([
            name(kind).to_owned(),
            format!("{:.2}", of(&|row| gbit(row) / row.moved.took.as_secs_f64())),
            format!("{:.2}", of(&per_core)),
            format!("{:.0}", of(&|row| trip(row, 50))),
            format!("{:.0}", of(&|row| trip(row, 99))),
            format!("{:.0}", of(&|row| TRIPS as f64 - row.trips.len() as f64)),
        ]);
    }
    absent(&mut table, peers);
    println!("{table}");
    println!(
        "One stream of TCP. per core: by the CPU of sender, receiver, both switches and the kernel's softirq \
         threads. Round trips of UDP, one after another."
    );
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
