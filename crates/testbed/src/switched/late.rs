//! A host that answers questions for its MAC late.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kernel::ports::{LONGEST_FRAME, PacketPort, Poller, Room, VnetHeader};
use wire::arp::Operation;
use wire::{Arp, Ethernet, Mac};

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
        let (ip, mac, asker) = (b.ipv4()?, b.underlay_mac().await?, a.underlay_mac().await?.to_string());
        run_in(&b.host, &["sysctl", "-qw", &format!("net.ipv4.conf.{}.arp_ignore=8", b.underlay)]).await?;
        let known = ["ip", "neigh", "replace", &a.ip.to_string(), "lladdr", &asker, "dev", b.underlay];
        run_in(&b.host, &[&known[..], &["nud", "permanent"]].concat()).await?;
        let mut port = PacketPort::open(&b.host, b.underlay, None, SLOTS)?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let Ok(mut poller) = Poller::new() else { return };
            let mut seen = Questions { room: vec![0; LONGEST_FRAME], of: ip, asked: Vec::new() };
            let mut due: Vec<(Instant, Arp)> = Vec::new();
            if poller.add(&port, 0).is_err() {
                return;
            }
            while !told.load(Ordering::Relaxed) {
                let _ = poller.wait(Some(Duration::from_millis(1)), |_| {});
                let _ = port.receive(usize::MAX, &mut seen);
                due.extend(seen.asked.drain(..).map(|asked| (Instant::now() + delay, asked)));
                let (ready, later): (Vec<_>, Vec<_>) =
                    due.into_iter().partition(|(at, _)| *at <= Instant::now());
                due = later;
                for (_, asked) in ready {
                    let answer = answer(&asked, ip, mac);
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
    of: Ipv4Addr,
    asked: Vec<Arp>,
}

impl Room for Questions {
    fn room(&mut self, _: usize) -> &mut [u8] {
        &mut self.room
    }

    fn filled(&mut self, _: VnetHeader, bytes: usize) {
        let frame = &self.room[..bytes];
        let is_arp = frame.get(12..14) == Some(&wire::ethernet::ethertype::ARP.to_be_bytes()[..]);
        let asked = frame.get(Ethernet::LEN..).filter(|_| is_arp).and_then(|arp| Arp::parse(arp).ok());
        self.asked
            .extend(asked.filter(|arp| arp.operation == Operation::Request && arp.target_ip == self.of));
    }
}

fn answer(asked: &Arp, ip: Ipv4Addr, mac: Mac) -> Vec<u8> {
    let answer = Arp {
        operation: Operation::Reply,
        sender_mac: mac,
        sender_ip: ip,
        target_mac: asked.sender_mac,
        target_ip: asked.sender_ip,
    };
    let mut frame = vec![0; Ethernet::LEN + Arp::LEN];
    let (head, rest) = frame.split_at_mut(Ethernet::LEN);
    let head: &mut [u8; Ethernet::LEN] = head.try_into().expect("its length");
    Ethernet { dst: asked.sender_mac, src: mac, ethertype: wire::ethernet::ethertype::ARP }.emit(head);
    answer.emit(rest.try_into().expect("its length"));
    frame
}
