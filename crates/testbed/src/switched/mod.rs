//! Two hosts, an instance behind each, and a switch of one kind or another in between.
//!
//! ```text
//!   a1 e0 --- pA [switch in a] uA ----------- uB [switch in b] pB --- e0 b1
//!                                  or by r
//! ours    vswitchd in this process, or as one of its own      ovs   Open vSwitch with ports in user space
//! kernel  its bridge and VXLAN device                         frames  bursts and streams of frames
//! talk    TCP, and round trips                                captured  what a judge says of a packet
//! late    a host that answers questions late
//! ```

pub mod captured;
pub mod frames;
mod kernel;
mod late;
mod ours;
mod ovs;
pub mod talk;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use model::vswitch::Kind as Tunnel;

use crate::place::{Place, link, run_in};
use crate::{process, wait};

pub use late::Late;
pub use ours::{Ours, Runs, tunnel, wanted};
pub use ovs::Ovs;

/// The number by which both ends know the instances' network.
pub const VNI: u32 = 5;
/// Of the underlay: an instance keeps 1,500 bytes in each tunnel over each family.
const UNDERLAY_MTU: &str = "1600";
/// Programs and namespaces of another kernel family take their time on a busy machine.
const SOON: Duration = Duration::from_secs(30);

const HOSTS: [&str; 2] = ["a", "b"];

/// Who switches on a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ours,
    /// With ports of AF_PACKET.
    Ovs,
    /// With ports of AF_XDP.
    OvsXdp,
    /// With ports of AF_PACKET, by way of DPDK.
    OvsDpdk,
    /// VXLAN only.
    Kernel,
    /// Nobody: the host has its address and no more.
    Bare,
}

/// What a pair is to be.
#[derive(Clone, Copy, Debug)]
pub struct Lay {
    pub kinds: [Kind; 2],
    pub tunnel: Tunnel,
    pub ipv6: bool,
    /// The hosts are in different subnets, with a router between them.
    pub routed: bool,
}

impl Lay {
    pub fn of(kinds: [Kind; 2], tunnel: Tunnel) -> Lay {
        Lay { kinds, tunnel, ipv6: false, routed: false }
    }
}

/// One side.
pub struct Side {
    pub host: PathBuf,
    pub guest: PathBuf,
    pub switch: Switch,
    /// Devices of the host: towards its instance, towards the other host.
    pub port: &'static str,
    pub underlay: &'static str,
    pub ip: IpAddr,
    pub remote: IpAddr,
}

/// What runs on a host; dropping it ends it.
pub enum Switch {
    None,
    Ours(Ours),
    Ovs(Ovs),
    Kernel,
}

/// Two hosts; dropping it removes them.
pub struct Pair {
    pub sides: [Side; 2],
    pub lay: Lay,
    // Last: namespaces go after what runs in them.
    pub place: Place,
}

impl Pair {
    /// Builds the namespaces, the links and the switches.
    pub async fn start(name: &str, lay: Lay, runs: &Runs) -> anyhow::Result<Pair> {
        let place = Place::new(name)?;
        let mut sides = Vec::new();
        for at in 0..2 {
            sides.push(side(&place, at, &lay).await?);
        }
        let Ok(sides) = <[Side; 2]>::try_from(sides) else { anyhow::bail!("not two sides") };
        let mut pair = Pair { sides, lay, place };
        pair.wire().await?;
        for at in 0..2 {
            pair.sides[at].switch = pair.switch(at, runs).await?;
        }
        Ok(pair)
    }

    async fn wire(&self) -> anyhow::Result<()> {
        let [a, b] = &self.sides;
        if self.lay.routed {
            let router = self.place.add("r").await?;
            for (side, end) in [(a, "ra"), (b, "rb")] {
                link(&side.host, side.underlay, &router, end, None).await?;
                run_in(&router, &["ip", "link", "set", end, "mtu", UNDERLAY_MTU]).await?;
                let gateway = format!("{}/{}", gateway(side.ip), if self.lay.ipv6 { 64 } else { 24 });
                run_in(&router, &["ip", "addr", "add", &gateway, "dev", end, "nodad"]).await?;
            }
            run_in(&router, &["sysctl", "-qw", "net.ipv4.ip_forward=1"]).await?;
            run_in(&router, &["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"]).await?;
        } else {
            link(&a.host, a.underlay, &b.host, b.underlay, None).await?;
        }
        for side in &self.sides {
            run_in(&side.host, &["ip", "link", "set", side.underlay, "mtu", UNDERLAY_MTU]).await?;
        }
        Ok(())
    }

    /// Makes a host anew: its namespace is another one by the same name, and nothing is in it.
    pub async fn begin_again(&self, at: usize) -> anyhow::Result<()> {
        let name = HOSTS[at];
        self.place.remove(name).await;
        // The kernel takes a namespace apart in its own time.
        let guest = &self.sides[at].guest;
        let gone = || async { run_in(guest, &["ip", "link", "show", "e0"]).await.is_err().then_some(()) };
        wait::until(SOON, gone).await.context("its devices stay")?;
        self.place.add(name).await.map(drop)
    }

    /// Links a host that began again, and gives back what the other lost with the link.
    pub async fn link_again(&self, at: usize) -> anyhow::Result<()> {
        self.sides[at].instance(at).await?;
        self.wire().await?;
        for side in &self.sides {
            self.address(side, side.underlay).await?;
        }
        Ok(())
    }

    /// Gives a host's underlay its address, where the switch does not want it elsewhere.
    async fn address(&self, side: &Side, device: &str) -> anyhow::Result<()> {
        let net = format!("{}/{}", side.ip, if self.lay.ipv6 { 64 } else { 24 });
        run_in(&side.host, &["ip", "addr", "add", &net, "dev", device, "nodad"]).await?;
        if self.lay.routed {
            let to = gateway(side.ip).to_string();
            run_in(&side.host, &["ip", "route", "add", "default", "via", &to]).await?;
        }
        Ok(())
    }

    async fn switch(&self, at: usize, runs: &Runs) -> anyhow::Result<Switch> {
        let side = &self.sides[at];
        match self.lay.kinds[at] {
            Kind::Ours => {
                self.address(side, side.underlay).await?;
                Ok(Switch::Ours(Ours::start(self, at, runs).await.context("our switch")?))
            }
            Kind::Bare => {
                self.address(side, side.underlay).await?;
                Ok(Switch::None)
            }
            Kind::Kernel => {
                self.address(side, side.underlay).await?;
                kernel::start(side).await.context("the kernel's switch")?;
                Ok(Switch::Kernel)
            }
            kind @ (Kind::Ovs | Kind::OvsXdp | Kind::OvsDpdk) => {
                for side in &self.sides {
                    no_offloads(&side.host, side.underlay).await?;
                    no_offloads(&side.guest, "e0").await?;
                }
                no_offloads(&side.host, side.port).await?;
                let ovs = Ovs::start(self, at, kind).await.with_context(|| format!("{kind:?}"))?;
                self.address(side, Ovs::UNDERLAY).await?;
                Ok(Switch::Ovs(ovs))
            }
        }
    }

    /// Until a frame of one instance reaches the other, both ways.
    pub async fn until_connected(&self) -> anyhow::Result<()> {
        let ping = |from: &Path, to: &'static str| {
            let from = from.to_owned();
            async move { run_in(&from, &["ping", "-n", "-c", "1", "-W", "1", to]).await.ok() }
        };
        let [a, b] = &self.sides;
        let through = wait::until(SOON, || ping(&a.guest, "10.99.0.2")).await;
        through.with_context(|| format!("no ping of {:?} is answered", self.lay))?;
        wait::until(SOON, || ping(&b.guest, "10.99.0.1")).await.context("no ping back")?;
        Ok(())
    }

    /// A host's kernel answers no questions for its MAC, of either family.
    pub async fn silence(&self, at: usize) -> anyhow::Result<()> {
        let side = &self.sides[at];
        run_in(&side.host, &["nft", "add", "table", "netdev", "silent"]).await?;
        let chain = format!("{{ type filter hook ingress device {} priority -500; }}", side.underlay);
        run_in(&side.host, &["nft", "add", "chain", "netdev", "silent", "drops", &chain]).await?;
        for question in ["arp operation request", "icmpv6 type nd-neighbor-solicit"] {
            let words: Vec<&str> = question.split(' ').collect();
            let rule = [&["nft", "add", "rule", "netdev", "silent", "drops"], &words[..], &["drop"]].concat();
            run_in(&side.host, &rule).await?;
        }
        Ok(())
    }

    /// It answers again.
    pub async fn unsilence(&self, at: usize) -> anyhow::Result<()> {
        run_in(&self.sides[at].host, &["nft", "delete", "table", "netdev", "silent"]).await.map(drop)
    }

    /// Makes a host forget the MAC of the other.
    pub async fn forget(&self, at: usize) -> anyhow::Result<()> {
        let side = &self.sides[at];
        match &side.switch {
            Switch::Ours(ours) => ours.forget(&side.host).await,
            Switch::Ovs(ovs) => ovs.forget().await,
            Switch::Kernel | Switch::None => {
                run_in(&side.host, &["ip", "neigh", "flush", "all"]).await.map(drop)
            }
        }
    }
}

impl Switch {
    /// Time that its processes or threads have run; nothing of the kernel, which has none.
    pub fn cpu(&self) -> Duration {
        match self {
            Switch::Ours(ours) => ours.cpu(),
            Switch::Ovs(ovs) => process::own_threads_cpu(ovs.pid()),
            Switch::Kernel | Switch::None => Duration::ZERO,
        }
    }
}

async fn side(place: &Place, at: usize, lay: &Lay) -> anyhow::Result<Side> {
    const GUESTS: [&str; 2] = ["a1", "b1"];
    let (port, underlay) = (["pA", "pB"][at], ["uA", "uB"][at]);
    let (host, guest) = (place.add(HOSTS[at]).await?, place.add(GUESTS[at]).await?);
    let [ip, remote] = [at, 1 - at].map(|at| address(at, lay));
    let side = Side { host, guest, switch: Switch::None, port, underlay, ip, remote };
    side.instance(at).await?;
    Ok(side)
}

impl Side {
    /// Plugs its instance in.
    async fn instance(&self, at: usize) -> anyhow::Result<()> {
        let Side { host, guest, port, .. } = self;
        link(host, port, guest, "e0", Some(&mac(at).to_string())).await?;
        run_in(guest, &["ip", "addr", "add", &format!("10.99.0.{}/24", at + 1), "dev", "e0"]).await?;
        // Nobody but those who test says anything on the instances' network.
        run_in(guest, &["sysctl", "-qw", "net.ipv6.conf.e0.disable_ipv6=1"]).await?;
        run_in(host, &["sysctl", "-qw", &format!("net.ipv6.conf.{port}.disable_ipv6=1")]).await?;
        Ok(())
    }

    /// The MAC of the device towards the other host.
    pub async fn underlay_mac(&self) -> anyhow::Result<wire::Mac> {
        let text = run_in(&self.host, &["ip", "-o", "link", "show", self.underlay]).await?;
        let mac = text.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next());
        mac.context("a device without a MAC")?.parse().context("not a MAC")
    }

    /// Its address, where the underlay has IPv4.
    pub fn ipv4(&self) -> anyhow::Result<Ipv4Addr> {
        match self.ip {
            IpAddr::V4(ip) => Ok(ip),
            IpAddr::V6(ip) => anyhow::bail!("{ip} is of the other family"),
        }
    }
}

/// The MAC of an instance.
pub fn mac(at: usize) -> wire::Mac {
    wire::Mac([2, 0xaa, 0, 0, 0, at as u8 + 1])
}

fn address(at: usize, lay: &Lay) -> IpAddr {
    let subnet = if lay.routed { at as u16 + 1 } else { 0 };
    match lay.ipv6 {
        false => [172, 31, 9 + subnet as u8, at as u8 + 1].into(),
        true => [0xfd00, 9, 0, subnet, 0, 0, 0, at as u16 + 1].into(),
    }
}

fn gateway(of: IpAddr) -> IpAddr {
    match of {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            [a, b, c, 254].into()
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            [a, b, c, d, 0, 0, 0, 0xfe].into()
        }
    }
}

/// Open vSwitch reads frames as they are on a wire, and only such.
async fn no_offloads(namespace: &Path, device: &str) -> anyhow::Result<()> {
    let features = ["tx", "off", "tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off"];
    let words: Vec<&str> = ["ethtool", "-K", device].into_iter().chain(features).collect();
    run_in(namespace, &words).await.map(drop)
}
