//! A host that answers questions for its MAC late.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kernel::ports::{LONGEST_FRAME, PacketPort, Poller, Room, VnetHeader};
use wire::arp::Operation;
use wire::ethernet::{self, ethertype};
use wire::icmpv6::neighbour::{Advertisement, Solicitation};
use wire::{Arp, Ethernet, Ipv6, Mac, ipv6};

use super::Pair;
use crate::place::run_in;

const SLOTS: usize = 1024;

/// Answers questions for its address after a while, instead of the kernel.
pub struct Late {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Late {
    /// The second host of a pair, which itself asks for nobody: from a question the first would learn.
    pub async fn start(pair: &Pair, delay: Duration) -> anyhow::Result<Late> {
        let [a, b] = &pair.sides;
        let (ip, mac, asker) = (b.ip, b.underlay_mac().await?, a.underlay_mac().await?.to_string());
        pair.silence(1).await?;
        let known = ["ip", "neigh", "replace", &a.ip.to_string(), "lladdr", &asker, "dev", b.underlay];
        run_in(&b.host, &[&known[..], &["nud", "permanent"]].concat()).await?;
        let mut port = PacketPort::open(&b.host, b.underlay, None, SLOTS)?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let Ok(mut poller) = Poller::new() else { return };
            let mut seen = Questions { room: vec![0; LONGEST_FRAME], of: ip, mac, answers: Vec::new() };
            let mut due: Vec<(Instant, Vec<u8>)> = Vec::new();
            if poller.add(&port, 0).is_err() {
                return;
            }
            while !told.load(Ordering::Relaxed) {
                let _ = poller.wait(Some(Duration::from_millis(1)), |_| {});
                let _ = port.receive(usize::MAX, &mut seen);
                due.extend(seen.answers.drain(..).map(|answer| (Instant::now() + delay, answer)));
                let (ready, later): (Vec<_>, Vec<_>) =
                    due.into_iter().partition(|(at, _)| *at <= Instant::now());
                due = later;
                for (_, answer) in ready {
                    port.send(std::iter::once((VnetHeader::default(), &answer[..])));
                }
            }
        });
        Ok(Late { stop, thread: Some(thread) })
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Questions {
    room: Vec<u8>,
    of: IpAddr,
    mac: Mac,
    answers: Vec<Vec<u8>>,
}

impl Room for Questions {
    fn room(&mut self, _: usize) -> &mut [u8] {
        &mut self.room
    }

    fn filled(&mut self, _: VnetHeader, bytes: usize) {
        let frame = &self.room[..bytes];
        let answer = match self.of {
            IpAddr::V4(ip) => arp(frame, ip, self.mac),
            IpAddr::V6(ip) => advertisement(frame, ip, self.mac),
        };
        self.answers.extend(answer);
    }
}

/// The answer to a question for an address.
fn arp(frame: &[u8], ip: Ipv4Addr, mac: Mac) -> Option<Vec<u8>> {
    let view = ethernet::View::new(frame).ok()?;
    let asked = Arp::parse(view.payload()).ok().filter(|_| view.ethertype() == ethertype::ARP)?;
    if asked.operation != Operation::Request || asked.target_ip != ip {
        return None;
    }
    let mut answer = vec![0; Ethernet::LEN + Arp::LEN];
    Ethernet { dst: asked.sender_mac, src: mac, ethertype: ethertype::ARP }.emit(answer.first_chunk_mut()?);
    asked.reply(mac).emit(answer.last_chunk_mut()?);
    Some(answer)
}

fn advertisement(frame: &[u8], ip: Ipv6Addr, mac: Mac) -> Option<Vec<u8>> {
    let view = ethernet::View::new(frame).ok().filter(|view| view.ethertype() == ethertype::IPV6)?;
    let packet = ipv6::View::new(view.payload()).ok()?;
    let asked = Solicitation::parse(packet.payload(), packet.src(), packet.dst()).ok()?;
    let dst = asked.source_link.filter(|_| asked.target == ip)?;
    let said = Advertisement {
        target: ip,
        router: false,
        solicited: true,
        overriding: true,
        target_link: Some(mac),
    };
    let mut message = Vec::new();
    said.emit(ip, packet.src(), &mut message);
    let mut answer = vec![0; Ethernet::LEN + Ipv6::LEN];
    Ethernet { dst, src: mac, ethertype: ethertype::IPV6 }.emit(answer.first_chunk_mut()?);
    let payload_len = message.len() as u16;
    let next_header = ipv6::next_header::ICMPV6;
    Ipv6 { src: ip, dst: packet.src(), next_header, hop_limit: 255, payload_len }
        .emit(answer.last_chunk_mut()?);
    answer.extend(message);
    Some(answer)
}
