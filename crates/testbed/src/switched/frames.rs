//! Frames of UDP with a number each: bursts whose fate is known one by one, and streams as fast as they go.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use kernel::ports::{LONGEST_FRAME, Lost, PacketPort, Poller, Room, VnetHeader};
use tokio::task::spawn_blocking;
use wire::{Ethernet, Ipv4, Mac, Udp, Vni, Vxlan};

use crate::place::run_in;
use crate::process;

const HEADERS: usize = Ethernet::LEN + Ipv4::LEN + Udp::LEN;
/// In front of the number, so that nobody else's frames count.
const MARK: u32 = 0x6e74_7277;
const PORT: u16 = 9;
const SLOTS: usize = 16_384;
const BATCH: usize = 64;

/// From whom and to whom, over so many flows.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    pub from: Mac,
    pub to: Mac,
    pub len: usize,
    pub flows: u16,
}

/// A frame with its number.
pub fn frame(course: &Course, number: u32) -> Vec<u8> {
    let mut payload = vec![0; course.len.max(HEADERS + 8) - HEADERS];
    payload[..4].copy_from_slice(&MARK.to_be_bytes());
    payload[4..8].copy_from_slice(&number.to_be_bytes());
    let from = 10_000 + (number % u32::from(course.flows.max(1))) as u16;
    let ips = (Ipv4Addr::new(10, 99, 0, 1), Ipv4Addr::new(10, 99, 0, 2));
    udp(course, ips, (from, PORT), &payload)
}

/// A frame of UDP over IPv4.
pub fn udp(
    course: &Course,
    (src, dst): (Ipv4Addr, Ipv4Addr),
    (src_port, dst_port): (u16, u16),
    payload: &[u8],
) -> Vec<u8> {
    let mut frame = vec![0; HEADERS];
    let ethernet = Ethernet { dst: course.to, src: course.from, ethertype: wire::ethernet::ethertype::IPV4 };
    let ip = Ipv4 { src, dst, protocol: 17, ttl: 64, payload_len: (Udp::LEN + payload.len()) as u16 };
    let (head, rest) = frame.split_at_mut(Ethernet::LEN);
    ethernet.emit(head.try_into().expect("its length"));
    let (head, rest) = rest.split_at_mut(Ipv4::LEN);
    ip.emit(head.try_into().expect("its length"));
    let header = Udp { src_port, dst_port };
    header.emit_ipv4(src, dst, payload, rest.try_into().expect("its length"));
    frame.extend_from_slice(payload);
    frame
}

/// The same frame in VXLAN, between the machines of an outer course.
pub fn vxlan(inner: &[u8], outer: &Course, ips: (Ipv4Addr, Ipv4Addr), vni: u32) -> Vec<u8> {
    let mut payload = vec![0; Vxlan::LEN];
    let vni = Vni::new(vni).expect("a small number");
    Vxlan { vni }.emit(payload.first_chunk_mut().expect("its length"));
    payload.extend_from_slice(inner);
    // Each inner flow has an outer port of its own.
    let flow = inner.get(34..36).map_or(0, |port| u16::from_be_bytes([port[0], port[1]]));
    let mut frame = udp(outer, ips, (49_152 + flow % 16_384, wire::vxlan::PORT), &payload);
    // As RFC 7348 section 5 would have it.
    frame[HEADERS - 2..HEADERS].fill(0);
    frame
}

fn number(frame: &[u8]) -> Option<u32> {
    let word = |at: usize| frame.get(at..at + 4)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    (word(HEADERS)? == MARK).then(|| word(HEADERS + 4))?
}

/// What became of a burst.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Fate {
    pub sent: usize,
    pub arrived: usize,
    pub doubled: usize,
    /// Came behind one that was sent later to the same MAC.
    pub disordered: usize,
    /// From the first sent until the first came, and until the last did.
    pub first: Option<Duration>,
    pub last: Option<Duration>,
}

impl Fate {
    pub fn is_perfect(&self) -> bool {
        self.arrived == self.sent && self.doubled == 0 && self.disordered == 0
    }

    pub fn lost(&self) -> usize {
        self.sent - self.arrived
    }
}

/// Sends so many frames at once from `e0` of one namespace and waits for them at that of another; no longer
/// than `limit`, and no longer than `pause` after the last that came.
pub async fn burst(
    from: &Path,
    to: &Path,
    course: Course,
    count: usize,
    limit: Duration,
) -> anyhow::Result<Fate> {
    burst_of(from, to, (0..count as u32).map(|number| frame(&course, number)).collect(), limit).await
}

/// The same of frames that the caller made, each with a number of its own.
pub async fn burst_of(from: &Path, to: &Path, frames: Vec<Vec<u8>>, limit: Duration) -> anyhow::Result<Fate> {
    let (from, to) = (from.to_owned(), to.to_owned());
    spawn_blocking(move || send_and_wait(&from, &to, &frames, limit)).await?
}

fn send_and_wait(from: &Path, to: &Path, frames: &[Vec<u8>], limit: Duration) -> anyhow::Result<Fate> {
    /// Nothing comes any more.
    const PAUSE: Duration = Duration::from_millis(400);
    let mut far = PacketPort::open(to, "e0", None, SLOTS).context("cannot listen")?;
    let mut near = PacketPort::open(from, "e0", None, 64).context("cannot send")?;
    let count = frames.len();
    let mut poller = Poller::new()?;
    poller.add(&far, 0)?;
    let begun = Instant::now();
    near.send(frames.iter().map(|frame| (VnetHeader::default(), &frame[..])));
    let mut seen = Numbers { room: vec![0; LONGEST_FRAME], numbers: Vec::new() };
    let mut fate = Fate { sent: count, ..Fate::default() };
    let mut last = begun;
    let mut times: BTreeMap<u32, usize> = BTreeMap::new();
    let mut newest: BTreeMap<Mac, u32> = BTreeMap::new();
    while begun.elapsed() < limit && (times.len() < count || last.elapsed() < PAUSE / 8) {
        if !times.is_empty() && last.elapsed() > PAUSE {
            break;
        }
        poller.wait(Some(PAUSE / 8), |_| {})?;
        far.receive(usize::MAX, &mut seen)?;
        for (whose, number) in seen.numbers.drain(..) {
            last = Instant::now();
            fate.first.get_or_insert(begun.elapsed());
            fate.last = Some(begun.elapsed());
            *times.entry(number).or_default() += 1;
            let newest = newest.entry(whose).or_default();
            fate.disordered += usize::from(number < *newest);
            *newest = number.max(*newest);
        }
    }
    fate.arrived = times.len();
    fate.doubled = times.values().map(|times| times - 1).sum();
    Ok(fate)
}

struct Numbers {
    room: Vec<u8>,
    /// With whom they are for.
    numbers: Vec<(Mac, u32)>,
}

impl Room for Numbers {
    fn room(&mut self, _: usize) -> &mut [u8] {
        &mut self.room
    }

    fn filled(&mut self, _: VnetHeader, bytes: usize) {
        let frame = &self.room[..bytes];
        let whose = frame.first_chunk().map(|mac| Mac(*mac));
        self.numbers.extend(whose.zip(number(frame)));
    }
}

/// What came of a stream.
#[derive(Clone, Copy, Default, Debug)]
pub struct Flowed {
    pub sent: u64,
    pub arrived: u64,
    /// Time that whoever sent was at work.
    pub sender: Duration,
    pub took: Duration,
}

/// A device in a namespace.
#[derive(Clone, Debug)]
pub struct At(pub PathBuf, pub &'static str);

/// Sends frames over and over as fast as it goes, for a while. Who receives does not look at them: the device
/// there counts.
pub async fn stream(from: At, to: At, frames: Vec<Vec<u8>>, time: Duration) -> anyhow::Result<Flowed> {
    spawn_blocking(move || flow(&from, &to, &frames, time)).await?
}

fn flow(from: &At, to: &At, frames: &[Vec<u8>], time: Duration) -> anyhow::Result<Flowed> {
    let mut near = PacketPort::open(&from.0, from.1, None, 64).context("cannot send")?;
    let before = received(to)?;
    let (begun, cpu) = (Instant::now(), process::thread_cpu());
    let mut sent = 0u64;
    let mut batches = frames.chunks(BATCH).cycle();
    while begun.elapsed() < time {
        let batch = batches.next().unwrap_or_default();
        near.send(batch.iter().map(|frame| (VnetHeader::default(), &frame[..])));
        sent += batch.len() as u64;
    }
    let (sender, took) = (process::thread_cpu() - cpu, begun.elapsed());
    let Lost { sent: refused, .. } = near.lost();
    // What is under way arrives.
    let mut arrived = received(to)? - before;
    loop {
        let _ = Poller::new()?.wait(Some(Duration::from_millis(100)), |_| {});
        let later = received(to)? - before;
        if later <= arrived + 5 {
            break;
        }
        arrived = later;
    }
    Ok(Flowed { sent: sent - refused, arrived, sender, took })
}

/// Frames that a device has received.
fn received(at: &At) -> anyhow::Result<u64> {
    let text = kernel::netns::within(&at.0, || std::fs::read_to_string("/proc/thread-self/net/dev"))??;
    let name = format!("{}:", at.1);
    let line = text.lines().find_map(|line| line.trim().strip_prefix(&name)).context("no such device")?;
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).context("no count")
}

/// Lets a device drop all that comes but ARP before anything looks at it.
pub async fn sink(at: &At) -> anyhow::Result<()> {
    let chain = format!("{{ type filter hook ingress device {} priority -500; }}", at.1);
    run_in(&at.0, &["nft", "add", "table", "netdev", "sink"]).await?;
    run_in(&at.0, &["nft", "add", "chain", "netdev", "sink", "drops", &chain]).await?;
    let rule = ["nft", "add", "rule", "netdev", "sink", "drops", "meta", "protocol", "!=", "arp", "drop"];
    run_in(&at.0, &rule).await.map(drop)
}

/// Sends numbered frames evenly, and says when each is missing.
pub struct Steady {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<anyhow::Result<Fate>>,
}

impl Steady {
    pub fn start(from: &Path, to: &Path, course: Course, each_second: u64) -> Steady {
        let stop = Arc::new(AtomicBool::new(false));
        let (from, to, told): (PathBuf, PathBuf, _) = (from.to_owned(), to.to_owned(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || steady(&from, &to, &course, each_second, &told));
        Steady { stop, thread }
    }

    pub fn stop(self) -> anyhow::Result<Fate> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the sender panicked"))?
    }
}

fn steady(
    from: &Path,
    to: &Path,
    course: &Course,
    each_second: u64,
    stop: &AtomicBool,
) -> anyhow::Result<Fate> {
    let mut far = PacketPort::open(to, "e0", None, SLOTS).context("cannot listen")?;
    let mut near = PacketPort::open(from, "e0", None, 64).context("cannot send")?;
    let mut poller = Poller::new()?;
    poller.add(&far, 0)?;
    let mut seen = Numbers { room: vec![0; LONGEST_FRAME], numbers: Vec::new() };
    let begun = Instant::now();
    let mut sent = 0u32;
    let mut end = None;
    loop {
        if stop.load(Ordering::Relaxed) {
            let end = *end.get_or_insert_with(Instant::now);
            if end.elapsed() > Duration::from_millis(500) {
                break;
            }
        } else {
            while f64::from(sent) < begun.elapsed().as_secs_f64() * each_second as f64 {
                let frame = frame(course, sent);
                near.send(std::iter::once((VnetHeader::default(), &frame[..])));
                sent += 1;
            }
        }
        poller.wait(Some(Duration::from_millis(1)), |_| {})?;
        far.receive(usize::MAX, &mut seen)?;
    }
    let numbers: Vec<u32> = seen.numbers.iter().map(|(_, number)| *number).collect();
    let mut once = numbers.clone();
    once.sort_unstable();
    once.dedup();
    let doubled = numbers.len() - once.len();
    let disordered = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
    Ok(Fate { sent: sent as usize, arrived: once.len(), doubled, disordered, first: None, last: None })
}
