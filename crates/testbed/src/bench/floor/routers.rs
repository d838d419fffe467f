//! The least that routers of a host can cost: a namespace each with its devices, bridge ports,
//! addresses, a route, settings and a table, by one thread with bare system calls.
//!
//! Nothing is looked at, decided, announced or reported. Indexes of devices are chosen, so that
//! nobody needs to ask for them.

use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::SockProtocol;
use nix::sys::stat::Mode;

use super::netlink::{Batch, Socket};
use super::table;
use crate::process;

/// What something took.
#[derive(Clone, Copy)]
pub struct Spent {
    pub cpu: Duration,
    pub wall: Duration,
}

const MTU_BYTES: u32 = 1450;
/// Indexes of devices inside: `lo` is the first.
const INSIDE: u32 = 2;
const OUTSIDE: u32 = 3;
/// Indexes of bridges, and behind them those of devices, in the host's namespace.
const BRIDGES: u32 = 100_000;
const DEVICES: u32 = 200_000;

const SETTINGS: [(&str, &str); 8] = [
    ("ipv6/conf/default/accept_ra", "0"),
    ("ipv4/conf/all/promote_secondaries", "1"),
    ("ipv4/ip_forward", "1"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv4/conf/all/arp_ignore", "1"),
    ("ipv4/conf/all/arp_announce", "2"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
];

/// Makes routers in a namespace that is the host's, namespaces by name in a folder, and takes them
/// away; what that took. The calling thread is of no use afterwards.
pub fn run(host: &Path, folder: &Path, count: usize) -> anyhow::Result<(Spent, Spent)> {
    std::thread::scope(|scope| {
        let work = || {
            let host = File::open(host)?;
            setns(&host, CloneFlags::CLONE_NEWNET)?;
            fs::create_dir_all(folder)?;
            let mut socket = Socket::open(SockProtocol::NetlinkRoute)?;
            let settings = Settings::open()?;
            // The outside's bridge is the first.
            for at in 0..=count as u32 {
                socket.send("add a bridge", bridge(at))?;
                settings.write(&format!("ipv6/conf/br{at}/disable_ipv6"), "1")?;
            }
            let made = timed(|| {
                (0..count as u32).try_for_each(|at| make((&host, &settings), &mut socket, folder, at))
            })?;
            let gone = timed(|| (0..count as u32).try_for_each(|at| delete(folder, at)))?;
            Ok((made, gone))
        };
        scope.spawn(work).join().unwrap_or_else(|_| Err(anyhow::anyhow!("the floor's thread panicked")))
    })
}

fn timed(act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Spent> {
    let (cpu, start) = (process::thread_cpu(), Instant::now());
    act()?;
    Ok(Spent { cpu: process::thread_cpu().saturating_sub(cpu), wall: start.elapsed() })
}

fn name(at: u32) -> String {
    format!("floor-{at}")
}

fn make(
    (host, taps_settings): (&File, &Settings),
    socket: &mut Socket,
    folder: &Path,
    at: u32,
) -> anyhow::Result<()> {
    let path = folder.join(name(at));
    File::create(&path)?;
    unshare(CloneFlags::CLONE_NEWNET)?;
    let none: Option<&str> = None;
    mount(Some("/proc/thread-self/ns/net"), &path, none, MsFlags::MS_BIND, none)?;
    let settings = Settings::open()?;
    for (setting, value) in SETTINGS {
        settings.write(setting, value)?;
    }
    let own = File::open(&path)?;
    let taps = [DEVICES + 2 * at, DEVICES + 2 * at + 1];
    socket.send("add devices", devices(own.as_raw_fd(), taps))?;
    let mut inside = Socket::open(SockProtocol::NetlinkRoute)?;
    inside.send("set up a namespace", room(at))?;
    Socket::open(SockProtocol::NetlinkNetFilter)?.send("add a table", table::translation("outside"))?;
    setns(host, CloneFlags::CLONE_NEWNET)?;
    for tap in taps {
        taps_settings.write(&format!("ipv6/conf/tap{tap}/disable_ipv6"), "1")?;
    }
    socket.send("join bridges", ports([(taps[0], BRIDGES + 1 + at), (taps[1], BRIDGES)]))
}

fn delete(folder: &Path, at: u32) -> anyhow::Result<()> {
    let path = folder.join(name(at));
    umount2(&path, MntFlags::MNT_DETACH)?;
    Ok(fs::remove_file(&path)?)
}

const ACK: i32 = libc::NLM_F_ACK;
const NEW: i32 = ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
const KIND: u16 = 1;
const DATA: u16 = 2;
const PEER: u16 = 1;
const MULTICAST_SNOOPING: u16 = 23;

fn link(batch: Batch, flags: i32, index: u32, up: bool) -> Batch {
    batch.request(libc::RTM_NEWLINK, flags, &head(index, up))
}

/// `struct ifinfomsg`.
fn head(index: u32, up: bool) -> [u8; 16] {
    let mut head = [0; 16];
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    if up {
        head[8] = libc::IFF_UP as u8;
        head[12] = libc::IFF_UP as u8;
    }
    head
}

fn bridge(at: u32) -> Batch {
    let made = link(Batch::default(), NEW, BRIDGES + at, true)
        .text(libc::IFLA_IFNAME, &format!("br{at}"))
        .nest(libc::IFLA_LINKINFO, |info| {
            info.text(KIND, "bridge").nest(DATA, |data| data.attr(MULTICAST_SNOOPING, &[0]))
        });
    // One that was set is not sought among the ports each time that one comes.
    link(made, ACK, BRIDGES + at, true).number(libc::IFLA_MTU, MTU_BYTES)
}

/// Settings of a namespace, whose place in the kernel's cache of names is looked for only once.
struct Settings {
    ipv4: OwnedFd,
    ipv6: OwnedFd,
}

impl Settings {
    fn open() -> anyhow::Result<Settings> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = kernel::procfs::current()?;
        let folder = |name| openat(&*root, name, flags, Mode::empty());
        Ok(Settings { ipv4: folder("sys/net/ipv4")?, ipv6: folder("sys/net/ipv6")? })
    }

    fn write(&self, setting: &str, value: &str) -> anyhow::Result<()> {
        let (family, name) = setting.split_once('/').unwrap_or_default();
        let folder = if family == "ipv4" { &self.ipv4 } else { &self.ipv6 };
        let file = openat(folder, name, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok(File::from(file).write_all(value.as_bytes())?)
    }
}

/// Both pairs, each with the other end in the namespace.
fn devices(netns: RawFd, taps: [u32; 2]) -> Batch {
    let ends = taps.into_iter().zip([(INSIDE, "inside"), (OUTSIDE, "outside")]);
    ends.fold(Batch::default(), |batch, (tap, (index, name))| {
        let [high, low] = [(tap >> 8) as u8, tap as u8];
        link(batch, NEW, tap, false)
            .text(libc::IFLA_IFNAME, &format!("tap{tap}"))
            .number(libc::IFLA_MTU, MTU_BYTES)
            .number(libc::IFLA_NUM_TX_QUEUES, 1)
            .number(libc::IFLA_NUM_RX_QUEUES, 1)
            .nest(libc::IFLA_LINKINFO, |info| {
                info.text(KIND, "veth").nest(DATA, |data| {
                    data.nest(PEER, |end| {
                        end.raw(&head(index, false))
                            .text(libc::IFLA_IFNAME, name)
                            .attr(libc::IFLA_ADDRESS, &[0xfa, 0x16, 0x3e, 0, high, low])
                            .number(libc::IFLA_MTU, MTU_BYTES)
                            .number(libc::IFLA_NUM_TX_QUEUES, 1)
                            .number(libc::IFLA_NUM_RX_QUEUES, 1)
                            .number(libc::IFLA_NET_NS_FD, netns as u32)
                    })
                })
            })
    })
}

/// Everything in the namespace but its table.
fn room(at: u32) -> Batch {
    let [high, low] = [(at >> 8) as u8, at as u8];
    let up = [1, INSIDE, OUTSIDE].into_iter().fold(Batch::default(), |b, index| link(b, ACK, index, true));
    let addresses = [
        (INSIDE, Ipv4Addr::new(10, 1, 0, 1), 24),
        (OUTSIDE, Ipv4Addr::new(203, 0, high, low), 16),
        (OUTSIDE, Ipv4Addr::new(203, 0, 128 + high, low), 32),
    ];
    let batch = addresses.into_iter().fold(up, |batch, (index, ip, length)| {
        let mut fixed = [0; 8];
        fixed[0] = libc::AF_INET as u8;
        fixed[1] = length;
        fixed[4..8].copy_from_slice(&index.to_ne_bytes());
        batch.request(libc::RTM_NEWADDR, NEW, &fixed).attr(2, &ip.octets()).attr(1, &ip.octets())
    });
    let route =
        [libc::AF_INET as u8, 0, 0, 0, libc::RT_TABLE_MAIN, libc::RTPROT_STATIC, 0, libc::RTN_UNICAST];
    let fixed: Vec<u8> = route.into_iter().chain([0; 4]).collect();
    batch
        .request(libc::RTM_NEWROUTE, NEW, &fixed)
        .attr(libc::RTA_GATEWAY, &Ipv4Addr::new(203, 0, 255, 254).octets())
        .number(libc::RTA_OIF, OUTSIDE)
}

/// Makes devices ports of bridges, and up.
fn ports(joined: [(u32, u32); 2]) -> Batch {
    joined.into_iter().fold(Batch::default(), |batch, (tap, bridge)| {
        link(batch, ACK, tap, true).number(libc::IFLA_MASTER, bridge)
    })
}
