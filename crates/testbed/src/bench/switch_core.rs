//! What the switch itself costs for a frame, without any I/O: into a tunnel, out of it, from port to port.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::{Context, Result};
use model::vswitch::{
    Address, Attachment, Dscp, Facts, Kind, Link, Neighbour, Network, Place, Port, Route, Tunnel, Underlay,
    Wanted,
};
use vswitch::{Checksum, Frame, Limits, Offload, PortNo, SegmentKind, Segments, Switch, Tick};
use wire::{Mac, Vni};

/// Frames of one measurement, enough for the clock, which steps by some milliseconds; and measurements, of which the
/// best counts: others on the machine only ever add.
const FRAMES: usize = 2_000_000;
const ROUNDS: usize = 5;
/// Frames handed in before the ones that leave are taken out.
const BURST: usize = 32;

const HERE: Mac = Mac([2, 0, 0, 0, 0, 1]);
const THERE: Mac = Mac([2, 0, 0, 0, 0, 2]);

pub fn run() -> Result<()> {
    println!("\nswitch core: ns of CPU per frame, without I/O, best of {ROUNDS} times {FRAMES} frames");
    println!(
        "{:<10}{:<6}{:>8}{:>10}{:>10}{:>14}",
        "format", "over", "bytes", "encap", "decap", "port to port"
    );
    for (kind, six) in [
        (Kind::Vxlan, false),
        (Kind::Vxlan, true),
        (Kind::Geneve, false),
        (Kind::Geneve, true),
        (Kind::Nvgre, false),
        (Kind::Nvgre, true),
    ] {
        for bytes in [64, 1400] {
            let mut one = Pair::new(kind, six)?;
            let outer = one.outer(bytes)?;
            // As a card hands it over: the outer checksum, where there is one, was found right.
            let good = Offload { checksum: Checksum::Good, segments: None };
            let encap =
                measure(|| one.pass(one.instance, one.underlay, &udp(0, 100, bytes), Offload::default()));
            let decap = measure(|| one.pass(one.underlay, one.instance, &outer, good));
            let local = measure(|| one.pass(one.instance, one.other, &udp(0, 1, bytes), Offload::default()));
            let over = if six { "IPv6" } else { "IPv4" };
            println!("{:<10}{over:<6}{bytes:>8}{encap:>10.0}{decap:>10.0}{local:>14.0}", format!("{kind:?}"));
        }
    }
    segments()
}

/// A frame of TCP segments into VXLAN, and out of it.
fn segments() -> Result<()> {
    let mut one = Pair::new(Kind::Vxlan, false)?;
    let (frame, offload) = tso();
    let (outer, outer_offload) = one.outer_of(&frame, offload)?;
    let per_byte = |ns: f64| frame.len() as f64 / ns;
    let cut = per_byte(timed(20_000, || one.pass(one.instance, one.underlay, &frame, offload)));
    let join = per_byte(timed(20_000, || one.pass(one.underlay, one.instance, &outer, outer_offload)));
    println!(
        "TCP in frames of {} bytes, VXLAN over IPv4: cut {cut:.1} GB/s, joined {join:.1} GB/s",
        frame.len()
    );
    Ok(())
}

fn measure(once: impl FnMut() -> Result<()>) -> f64 {
    timed(FRAMES / BURST, once) / BURST as f64
}

/// Nanoseconds of CPU of one call, of the best round.
fn timed(calls: usize, mut once: impl FnMut() -> Result<()>) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let begin = cpu_ns();
        for _ in 0..calls {
            if once().is_err() {
                return f64::NAN;
            }
        }
        best = best.min((cpu_ns() - begin) / calls as f64);
    }
    best
}

/// The CPU time of this thread: others on the machine take turns, which is not ours to count.
fn cpu_ns() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(f64::NAN)
}

/// A switch with two instances and 100 written MACs behind a tunnel whose neighbour is known.
struct Pair {
    switch: Switch,
    instance: PortNo,
    other: PortNo,
    underlay: PortNo,
    now: Tick,
}

fn instance(number: u8) -> Mac {
    Mac([0xfa, 0x16, 0x3e, 0, 0, number])
}

impl Pair {
    fn new(kind: Kind, six: bool) -> Result<Pair> {
        Pair::between(kind, six, 1, 2)
    }

    fn between(kind: Kind, six: bool, here: u8, there: u8) -> Result<Pair> {
        let ip = |at: u8| -> Result<IpAddr> {
            Ok(if six { format!("2001:db8::{at}").parse()? } else { format!("192.0.2.{at}").parse()? })
        };
        let (local, remote) = (ip(here)?, ip(there)?);
        let mut wanted = Wanted::default();
        wanted.underlays.insert("nic".into(), Underlay {});
        let mut entries = BTreeMap::new();
        // The far side has the same MACs the other way round.
        for number in 0..200 {
            let near = (number < 100) == (here == 1);
            let place =
                if near { Place::Port(format!("tap{}", number % 2)) } else { Place::Tunnel("t".into()) };
            entries.insert(instance(number), place);
        }
        for name in ["tap0", "tap1"] {
            wanted.ports.insert(name.into(), Port { network: "n".into(), way: Default::default() });
        }
        let attached = Attachment { vni: Vni::new(5).context("24 bits")?, flood: true };
        let tunnels = BTreeMap::from([("t".to_owned(), attached)]);
        wanted.networks.insert("n".into(), Network { tunnels, entries, ..Network::default() });
        let tunnel = Tunnel {
            kind,
            local,
            remote,
            port: None,
            ttl: 64,
            dscp: Dscp::default(),
            checksum: None,
            flow_id: true,
            options: Vec::new(),
        };
        wanted.tunnels.insert("t".into(), tunnel);
        let (own, next) = if here == 1 { (HERE, THERE) } else { (THERE, HERE) };
        let facts = Facts {
            links: vec![Link { index: 1, name: "nic".into(), mac: own, mtu_bytes: 1500, up: true }],
            addresses: vec![Address { link: 1, ip: local, prefix_len: 24 }],
            routes: vec![Route {
                to: if six { "2001:db8::/64".parse()? } else { "192.0.2.0/24".parse()? },
                via: None,
                link: Some(1),
                metric: 0,
                mtu_bytes: None,
            }],
            neighbours: vec![Neighbour { link: 1, ip: remote, mac: next, permanent: true }],
        };
        let now = Tick(1_000_000);
        let mut switch = Switch::new([1, 2], Limits::default());
        switch.underlay(&facts, now);
        switch.configure(&wanted, now)?;
        switch.underlay(&facts, now);
        while let Some((_, frame)) = switch.poll_output() {
            switch.pool.recycle(frame);
        }
        let port = |name| switch.port(name).context("configured");
        let (instance, other, underlay) = (port("tap0")?, port("tap1")?, port("nic")?);
        Ok(Pair { switch, instance, other, underlay, now })
    }

    /// A burst of one frame (of several segments: that one alone) in by one port, out by another.
    fn pass(&mut self, from: PortNo, to: PortNo, bytes: &[u8], offload: Offload) -> Result<()> {
        let burst = if offload.segments.is_some() { 1 } else { BURST };
        for _ in 0..burst {
            let mut frame = self.switch.pool.take(bytes.len());
            // As if it had been received: its headers are written, its payload is there.
            let written = if burst == 1 { bytes.len() } else { bytes.len().min(128) };
            frame.room()[..written].copy_from_slice(&bytes[..written]);
            frame.fill(bytes.len());
            frame.offload = offload;
            self.switch.handle_frame(from, frame, self.now);
        }
        let mut out = 0;
        while let Some((port, frame)) = self.switch.poll_output() {
            out += usize::from(port == to);
            self.switch.pool.recycle(frame);
        }
        self.now.0 += 10;
        anyhow::ensure!(out >= burst, "{out} of {burst} frames left");
        Ok(())
    }

    /// What the far side sends of a datagram, and of any frame.
    fn outer(&self, bytes: usize) -> Result<Vec<u8>> {
        Ok(self.outer_of(&udp(100, 0, bytes), Offload::default())?.0)
    }

    fn outer_of(&self, bytes: &[u8], offload: Offload) -> Result<(Vec<u8>, Offload)> {
        let kind = self.switch.shown(self.now).tunnels[0].kind;
        let six = self.switch.shown(self.now).tunnels[0].local.is_ipv6();
        let mut far = Pair::between(kind, six, 2, 1)?;
        let mut frame = Frame::of(bytes);
        // Ends swapped: what goes to the far side's tunnel is for our first port.
        frame.bytes_mut()[..6].copy_from_slice(&instance(0).0);
        frame.bytes_mut()[6..12].copy_from_slice(&instance(100).0);
        frame.offload = offload;
        far.switch.handle_frame(far.instance, frame, far.now);
        let (_, frame) = far.switch.poll_output().context("it leaves by the tunnel")?;
        Ok((frame.to_vec(), frame.offload))
    }
}

fn udp(from: u8, to: u8, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    out[..6].copy_from_slice(&instance(to).0);
    out[6..12].copy_from_slice(&instance(from).0);
    (out[12], out[14], out[22], out[23]) = (8, 0x45, 64, 17);
    out[16..18].copy_from_slice(&((len - 14) as u16).to_be_bytes());
    out[26..34].copy_from_slice(&[10, 0, 0, from, 10, 0, 0, to]);
    out[38..40].copy_from_slice(&((len - 34) as u16).to_be_bytes());
    out
}

/// As much TCP as fits one frame, in segments of 1,398 bytes.
fn tso() -> (Vec<u8>, Offload) {
    const SIZE: u16 = 1398;
    let len = 54 + 45 * usize::from(SIZE);
    let mut out = udp(0, 100, len);
    out[23] = 6;
    out[20] = 0x40;
    let sum = wire::checksum::of(&out[14..34]);
    out[24..26].copy_from_slice(&sum.to_be_bytes());
    (out[46], out[47]) = (0x50, 0x10);
    let pseudo = wire::checksum::Sum::ipv4([10, 0, 0, 0].into(), [10, 0, 0, 100].into(), 6, len - 34);
    out[50..52].copy_from_slice(&pseudo.folded().to_be_bytes());
    let segments = Segments { kind: SegmentKind::Tcp4, size: SIZE, header_len: 54, ecn: false };
    (out, Offload { checksum: Checksum::Partial { start: 34, offset: 16 }, segments: Some(segments) })
}
