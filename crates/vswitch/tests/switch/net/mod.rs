//! A small world: hosts on one link, each with a switch, an instance and a kernel that answers for its addresses.
//!
//! ```text
//! inst -- switch -- nic ==+== nic -- switch -- inst
//!                  kernel |  kernel
//!                         +== router (forwards between prefixes)
//! ```
//! Time goes from event to event. What the link does to frames is a [`Weather`], drawn from a seed.

pub mod frames;
mod kernel;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use model::vswitch::{
    Address, Attachment, Facts, Kind, Link, Network, Place, Port, Route, Tunnel, Underlay, Wanted,
};
use vswitch::{Event, Frame, Limits, Offload, PortNo, Switch, Tick};
use wire::{Mac, Vni, ethernet};

pub const KINDS: [Kind; 3] = [Kind::Vxlan, Kind::Nvgre, Kind::Geneve];

pub const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a link does to the frames of tunnels; questions and answers have their own loss.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub delay_us: u64,
    /// Up to so much more, so that frames overtake each other.
    pub spread_us: u64,
    /// Of a thousand.
    pub lost: u64,
    pub doubled: u64,
    /// Of a thousand questions and answers.
    pub unheard: u64,
    /// Offloads end here: frames are cut and summed, as on a wire.
    pub wire: bool,
}

pub struct Host {
    pub switch: Switch,
    pub mac: Mac,
    pub ips: Vec<IpAddr>,
    pub wanted: Wanted,
    pub facts: Facts,
    pub underlay: PortNo,
    /// How long its kernel takes to answer questions; none: it does not.
    pub answers_after: Option<Duration>,
    /// What its instances got: the port's name and the frame.
    pub got: Vec<(String, Vec<u8>, Offload)>,
    pub events: Vec<Event>,
    /// Frames that left by the underlay.
    pub sent: Vec<Vec<u8>>,
    pub unplugged: bool,
    /// Its own questions reach nobody: they would tell others where it is.
    pub mute: bool,
    /// The MAC that its packets leave with, if it is not the one that it answers to.
    pub sends_as: Option<Mac>,
}

/// A machine that forwards packets between prefixes and has no switch.
pub struct Router {
    pub mac: Mac,
    pub ips: Vec<IpAddr>,
}

pub struct Net {
    pub now: Tick,
    pub hosts: Vec<Host>,
    pub routers: Vec<Router>,
    pub weather: Weather,
    flights: BTreeMap<(Tick, u64), Flight>,
    launched: u64,
    chance: u64,
}

struct Flight {
    to: usize,
    bytes: Vec<u8>,
    offload: Offload,
}

pub fn address(six: bool, host: usize) -> IpAddr {
    let at = host as u16 + 1;
    if six {
        std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, at >> 8, at).into()
    } else {
        std::net::Ipv4Addr::new(192, 0, (2 + (at >> 8)) as u8, at as u8).into()
    }
}

/// The MAC of an instance.
pub fn inst(host: usize) -> Mac {
    Mac([0xfa, 0x16, 0x3e, 0, (host >> 8) as u8, host as u8])
}

pub fn tunnel(kind: Kind, local: IpAddr, remote: IpAddr) -> Tunnel {
    Tunnel {
        kind,
        local,
        remote,
        port: None,
        ttl: 64,
        dscp: model::vswitch::Dscp::default(),
        checksum: None,
        flow_id: true,
        options: Vec::new(),
    }
}

pub fn link(index: u32, name: &str, mac: Mac) -> Link {
    Link { index, name: name.to_owned(), mac, mtu_bytes: 1500, up: true }
}

/// The facts of a machine with one device and one prefix.
pub fn facts(mac: Mac, ip: IpAddr) -> Facts {
    let (prefix_len, to) = match ip {
        IpAddr::V4(_) => (16, "192.0.0.0/16"),
        IpAddr::V6(_) => (64, "2001:db8::/64"),
    };
    Facts {
        links: vec![link(7, "nic", mac)],
        addresses: vec![Address { link: 7, ip, prefix_len }],
        routes: vec![Route {
            to: to.parse().expect("a prefix"),
            via: None,
            link: Some(7),
            metric: 0,
            mtu_bytes: None,
        }],
        neighbours: Vec::new(),
    }
}

pub const VNI: u32 = 0x12_3456;

/// Host `me` of `all`, with one network whose MACs are written.
pub fn wanted(kind: Kind, six: bool, me: usize, all: usize) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.underlays.insert("nic".into(), Underlay {});
    wanted.ports.insert("inst".into(), Port { network: "blue".into(), way: Default::default() });
    let mut blue = Network::default();
    blue.entries.insert(inst(me), Place::Port("inst".into()));
    for other in (0..all).filter(|other| *other != me) {
        let name = format!("to-{other}");
        wanted.tunnels.insert(name.clone(), tunnel(kind, address(six, me), address(six, other)));
        let vni = Vni::new(VNI).expect("24 bits");
        blue.tunnels.insert(name.clone(), Attachment { vni, flood: true });
        blue.entries.insert(inst(other), Place::Tunnel(name));
    }
    wanted.networks.insert("blue".into(), blue);
    wanted
}

impl Net {
    /// Hosts that know nothing of each other but what is configured.
    pub fn new(seed: u64, hosts: usize, kind: Kind, six: bool) -> Net {
        Net::with_limits(seed, hosts, kind, six, Limits::default())
    }

    pub fn with_limits(seed: u64, hosts: usize, kind: Kind, six: bool, limits: Limits) -> Net {
        let mut net = Net {
            now: Tick(1_000_000),
            hosts: Vec::new(),
            routers: Vec::new(),
            weather: Weather { delay_us: 50, ..Weather::default() },
            flights: BTreeMap::new(),
            launched: 0,
            chance: seed | 1,
        };
        for me in 0..hosts {
            let mac = Mac([2, 0, 0, 1, (me >> 8) as u8, me as u8]);
            let ip = address(six, me);
            let mut host = Host {
                switch: Switch::new([seed, me as u64], limits.clone()),
                mac,
                ips: vec![ip],
                wanted: wanted(kind, six, me, hosts),
                facts: facts(mac, ip),
                underlay: PortNo(0),
                answers_after: Some(Duration::ZERO),
                got: Vec::new(),
                events: Vec::new(),
                sent: Vec::new(),
                unplugged: false,
                mute: false,
                sends_as: None,
            };
            host.switch.underlay(&host.facts, net.now);
            net.hosts.push(host);
        }
        net
    }

    /// Carries the wanted configuration of a host out.
    pub fn configure(&mut self, host: usize) {
        let it = &mut self.hosts[host];
        it.switch.configure(&it.wanted, self.now).expect("a configuration that can be carried out");
        it.underlay = it.switch.port("nic").expect("configured");
        self.collect(host);
    }

    pub fn configure_all(&mut self) {
        (0..self.hosts.len()).for_each(|host| self.configure(host));
    }

    /// Tells a host's switch what its kernel says.
    pub fn tell(&mut self, host: usize) {
        let it = &mut self.hosts[host];
        it.switch.underlay(&it.facts, self.now);
        self.collect(host);
    }

    /// An instance sends a frame; what leaves the switch by it leaves at once.
    pub fn send(&mut self, host: usize, port: &str, bytes: &[u8]) {
        self.send_frame(host, port, Frame::of(bytes));
    }

    pub fn send_frame(&mut self, host: usize, port: &str, frame: Frame) {
        let it = &mut self.hosts[host];
        let port = it.switch.port(port).expect("configured");
        it.switch.handle_frame(port, frame, self.now);
        self.collect(host);
    }

    /// A frame on the link, from nobody in particular.
    pub fn inject(&mut self, bytes: &[u8]) {
        self.launch(None, bytes.to_vec(), Offload::default(), Duration::ZERO);
    }

    /// Lets time pass, and everything in it happen.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let flight = self.flights.first_key_value().map(|(at, _)| at.0);
            let timer = self.hosts.iter().filter_map(|host| host.switch.poll_timeout()).min();
            let Some(next) = flight.into_iter().chain(timer).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let landing = self.flights.first_key_value().is_some_and(|(at, _)| at.0 <= self.now);
            if landing && let Some((_, flight)) = self.flights.pop_first() {
                self.land(flight);
                continue;
            }
            for host in 0..self.hosts.len() {
                if self.hosts[host].switch.poll_timeout().is_some_and(|due| due <= self.now) {
                    self.hosts[host].switch.handle_timeout(self.now);
                    let due = self.hosts[host].switch.poll_timeout();
                    assert!(due.is_none_or(|due| due > self.now), "a timer that does not go on");
                    self.collect(host);
                }
            }
        }
        self.now = end;
    }

    fn collect(&mut self, host: usize) {
        while let Some((port, frame)) = self.hosts[host].switch.poll_output() {
            if port == self.hosts[host].underlay {
                let it = &mut self.hosts[host];
                it.sent.push(frame.to_vec());
                let unheard = it.unplugged || (it.mute && frames::is_question(frame.bytes()));
                if !unheard {
                    let (mut bytes, offload) = (frame.to_vec(), frame.offload);
                    if let Some(mac) = it.sends_as {
                        bytes[6..12].copy_from_slice(&mac.0);
                    }
                    self.launch(Some(host), bytes, offload, Duration::ZERO);
                }
            } else {
                let it = &mut self.hosts[host];
                let name = it.switch.port_name(port).expect("configured").to_owned();
                it.got.push((name, frame.to_vec(), frame.offload));
            }
            self.hosts[host].switch.pool.recycle(frame);
        }
        while let Some(event) = self.hosts[host].switch.poll_event() {
            self.hosts[host].events.push(event);
        }
    }

    /// Puts a frame on the link, and what the weather makes of it, to everybody who takes it.
    fn launch(&mut self, from: Option<usize>, bytes: Vec<u8>, offload: Offload, after: Duration) {
        if self.weather.wire && offload != Offload::default() {
            for bytes in frames::on_the_wire(&bytes, &offload) {
                self.launch(from, bytes, Offload::default(), after);
            }
            return;
        }
        let dst = ethernet::View::new(&bytes).expect("a frame").dst();
        let takers = (0..self.hosts.len() + self.routers.len()).filter(|to| {
            let mac =
                self.hosts.get(*to).map_or_else(|| self.routers[*to - self.hosts.len()].mac, |host| host.mac);
            Some(*to) != from && (dst.is_multicast() || dst == mac)
        });
        let is_question = frames::is_question(&bytes);
        for to in takers.collect::<Vec<_>>() {
            if self.hosts.get(to).is_some_and(|host| host.unplugged) {
                continue;
            }
            let (lost, doubled) = if is_question {
                (self.weather.unheard, 0)
            } else {
                (self.weather.lost, self.weather.doubled)
            };
            let mut copies = u64::from(self.draw(1000) >= lost);
            copies += u64::from(copies > 0 && self.draw(1000) < doubled);
            for _ in 0..copies {
                let spread = self.weather.spread_us;
                let delay = self.weather.delay_us + if spread > 0 { self.draw(spread) } else { 0 };
                let at = self.now + after + Duration::from_micros(delay);
                self.launched += 1;
                let flight = Flight { to, bytes: bytes.clone(), offload };
                self.flights.insert((at, self.launched), flight);
            }
        }
    }

    fn land(&mut self, flight: Flight) {
        let Flight { to, bytes, offload } = flight;
        let Some(host) = self.hosts.get_mut(to) else {
            return self.route(to - self.hosts.len(), bytes, offload);
        };
        let mut frame = host.switch.pool.take(bytes.len().max(Frame::MAX_LEN));
        frame.room()[..bytes.len()].copy_from_slice(&bytes);
        frame.fill(bytes.len());
        frame.offload = offload;
        host.switch.handle_frame(host.underlay, frame, self.now);
        let answer = host.answers_after.zip(kernel::answer(&bytes, host.mac, &host.ips));
        self.collect(to);
        if let Some((after, answer)) = answer {
            self.launch(Some(to), answer, Offload::default(), after);
        }
    }

    fn route(&mut self, router: usize, bytes: Vec<u8>, offload: Offload) {
        let from = self.hosts.len() + router;
        let Router { mac, ips } = &self.routers[router];
        if let Some(answer) = kernel::answer(&bytes, *mac, ips) {
            return self.launch(Some(from), answer, Offload::default(), Duration::ZERO);
        }
        let to = kernel::destination(&bytes);
        let next = self.hosts.iter().find(|host| to.is_some_and(|to| host.ips.contains(&to)));
        if let Some(next) = next.map(|host| host.mac) {
            let mut out = bytes;
            out[..6].copy_from_slice(&next.0);
            out[6..12].copy_from_slice(&mac.0);
            self.launch(Some(from), out, offload, Duration::ZERO);
        }
    }

    pub fn draw(&mut self, below: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance % below.max(1)
    }

    /// The numbers that an instance got, in order.
    pub fn numbers(&self, host: usize) -> Vec<u64> {
        self.hosts[host].got.iter().filter_map(|(_, bytes, _)| frames::number_of(bytes)).collect()
    }

    pub fn all_drops(&self, host: usize) -> Vec<(&'static str, u64)> {
        let drops = self.hosts[host].switch.drops();
        drops.iter().filter(|(_, times)| *times > 0).map(|(why, times)| (why.word(), times)).collect()
    }

    /// Questions that a host has sent.
    pub fn questions(&self, host: usize) -> usize {
        self.hosts[host].sent.iter().filter(|bytes| frames::is_question(bytes)).count()
    }

    /// Takes a host to another MAC. With an announcement, it tells everybody.
    pub fn change_mac(&mut self, host: usize, mac: Mac, announce: bool) {
        let it = &mut self.hosts[host];
        it.mac = mac;
        it.facts.links[0].mac = mac;
        it.switch.underlay(&it.facts, self.now);
        let announcements: Vec<_> = it.ips.iter().map(|ip| kernel::announcement(*ip, mac)).collect();
        self.collect(host);
        for bytes in announcements.into_iter().filter(|_| announce) {
            self.launch(Some(host), bytes, Offload::default(), Duration::ZERO);
        }
    }
}

/// Names of stages, for asserting what a trace passed.
pub fn stages(trace: &vswitch::Trace) -> Vec<&'static str> {
    let mut seen = BTreeSet::new();
    trace.0.iter().map(|step| step.stage).filter(|stage| seen.insert(*stage)).collect()
}
