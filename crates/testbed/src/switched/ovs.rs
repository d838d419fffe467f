//! Open vSwitch with its datapath in user space, from a folder of its own: its own database, its own
//! processes, ended by their ids.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use model::vswitch::Kind as Tunnel;

use super::{Kind, Pair, VNI};
use crate::place::{command_in, run_in};
use crate::program::Program;
use crate::wait;

const SWITCH: &str = "/usr/lib/openvswitch-switch/ovs-vswitchd";
const DPDK: &str = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk";
/// Of its poll mode driver of AF_PACKET, which takes no longer frames.
const DPDK_MTU: &str = "1450";
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
const START: Duration = Duration::from_secs(30);

/// One Open vSwitch; dropping it kills it.
pub struct Ovs {
    folder: PathBuf,
    host: PathBuf,
    switch: Program,
    _database: Program,
}

impl Ovs {
    /// Where the host's address is, beside the device towards the other host.
    pub const UNDERLAY: &str = "br-phy";

    /// With what its ports need.
    pub fn is_installed() -> bool {
        let ethtool = ["/usr/sbin/ethtool", "/sbin/ethtool"].iter().any(|path| Path::new(path).exists());
        ethtool && Path::new(SWITCH).exists()
    }

    /// With DPDK, which is a package of its own.
    pub fn has_dpdk() -> bool {
        Ovs::is_installed() && Path::new(DPDK).exists()
    }

    pub(super) async fn start(pair: &Pair, at: usize, kind: Kind) -> anyhow::Result<Ovs> {
        let side = &pair.sides[at];
        let folder = pair.place.folder().join(format!("ovs-{at}"));
        fs::create_dir_all(&folder)?;
        let file = |name: &str| folder.join(name).display().to_string();
        let (conf, sock) = (file("conf.db"), file("db.sock"));
        run_in(&side.host, &["ovsdb-tool", "create", &conf, SCHEMA]).await?;
        // What it keeps beside the sockets that it is told of is in the folder too.
        let (rundir, inside) =
            (format!("OVS_RUNDIR={}", folder.display()), format!("--net={}", side.host.display()));
        let remote = format!("--remote=punix:{sock}");
        let control = format!("--unixctl={}", file("db.ctl"));
        let words = [&rundir, "nsenter", &inside, "ovsdb-server", &conf, &remote, &control, "--no-chdir"];
        let database = Program::start(Path::new("env"), &words, folder.join("db.log"))?;
        let hears = wait::until(START, || async { Path::new(&sock).exists().then_some(()) }).await;
        hears.with_context(|| format!("ovsdb-server does not hear: {}", database.said()))?;
        let (unix, control) = (format!("unix:{sock}"), format!("--unixctl={}", file("vs.ctl")));
        vsctl(&side.host, &unix, &["--no-wait", "init"]).await?;
        // Its polling threads never sleep; each host has one, on a core of its own where there are two.
        let (mask, prefix) = (format!("other_config:pmd-cpu-mask={}", 2 >> at), folder.display().to_string());
        let prefix = prefix.trim_start_matches('/').replace('/', "-");
        let extra =
            format!("other_config:dpdk-extra=--no-huge -m 1024 --no-pci --legacy-mem --file-prefix {prefix}");
        let dpdk = ["other_config:dpdk-init=true", "other_config:dpdk-lcore-mask=1", &mask, &extra];
        let more: &[&str] = match kind {
            Kind::OvsDpdk => &dpdk,
            Kind::OvsXdp => &dpdk[2..3],
            _ => &[],
        };
        if !more.is_empty() {
            let set = ["--no-wait", "set", "Open_vSwitch", "."];
            vsctl(&side.host, &unix, &[&set[..], more].concat()).await?;
        }
        let program = if kind == Kind::OvsDpdk { DPDK } else { SWITCH };
        let words = [&rundir, "nsenter", &inside, program, &unix, &control, "--no-chdir"];
        let switch = Program::start(Path::new("env"), &words, folder.join("vs.log"))?;
        let ovs = Ovs { folder, host: side.host.clone(), switch, _database: database };
        ovs.configure(pair, at, kind, &unix).await.with_context(|| ovs.switch.said())?;
        Ok(ovs)
    }

    async fn configure(&self, pair: &Pair, at: usize, by: Kind, unix: &str) -> anyhow::Result<()> {
        let side = &pair.sides[at];
        let kind = match pair.lay.tunnel {
            Tunnel::Vxlan => "type=vxlan",
            Tunnel::Geneve => "type=geneve",
            // The key's upper three bytes are the network's number, as RFC 7637 has it.
            Tunnel::Nvgre => "type=gre",
        };
        let key = if pair.lay.tunnel == Tunnel::Nvgre { VNI << 8 } else { VNI };
        let remote = format!("options:remote_ip={}", bracketless(side.remote));
        let key = format!("options:key={key}");
        let mac = side.underlay_mac().await?;
        let hwaddr = format!("other_config:hwaddr=\"{mac}\"");
        let phy = Ovs::UNDERLAY;
        let devices = [side.underlay, side.port];
        let names = if by == Kind::OvsDpdk { ["dpdku", "dpdkp"] } else { devices };
        let set = [0, 1].map(|nth| match by {
            Kind::OvsXdp => xdp(names[nth]),
            Kind::OvsDpdk => dpdk(names[nth], nth, devices[nth]),
            _ => Vec::new(),
        });
        if by == Kind::OvsDpdk {
            run_in(&side.guest, &["ip", "link", "set", "e0", "mtu", DPDK_MTU]).await?;
        }
        let line = [
            "add-br",
            "br-int",
            "--",
            "set",
            "bridge",
            "br-int",
            "datapath_type=netdev",
            "fail-mode=standalone",
            "--",
            "add-br",
            phy,
            "--",
            "set",
            "bridge",
            phy,
            "datapath_type=netdev",
            "fail-mode=standalone",
            &hwaddr,
            "--",
            "add-port",
            phy,
            names[0],
            "--",
            "add-port",
            "br-int",
            names[1],
            "--",
            "add-port",
            "br-int",
            "tun0",
            "--",
            "set",
            "interface",
            "tun0",
            kind,
            &remote,
            &key,
        ];
        let set: Vec<&str> = set.iter().flatten().map(String::as_str).collect();
        vsctl(&side.host, unix, &[&line[..], &set].concat()).await?;
        run_in(&side.host, &["ip", "link", "set", phy, "mtu", super::UNDERLAY_MTU]).await?;
        run_in(&side.host, &["ip", "link", "set", phy, "up"]).await?;
        Ok(())
    }

    pub fn pid(&self) -> u32 {
        self.switch.pid().unwrap_or_default()
    }

    async fn control(&self, words: &[&str]) -> anyhow::Result<String> {
        let target = self.folder.join("vs.ctl").display().to_string();
        run_in(&self.host, &[&["ovs-appctl", "-t", &target], words].concat()).await
    }

    /// Knows no MAC of the underlay any more, nor flows that hold one.
    pub async fn forget(&self) -> anyhow::Result<()> {
        self.control(&["tnl/neigh/flush"]).await?;
        self.control(&["revalidator/purge"]).await?;
        self.control(&["dpctl/del-flows", "netdev@ovs-netdev"]).await?;
        run_in(&self.host, &["ip", "neigh", "flush", "all"]).await?;
        Ok(())
    }

    pub async fn neighbours(&self) -> anyhow::Result<String> {
        self.control(&["tnl/neigh/show"]).await
    }
}

fn xdp(name: &str) -> Vec<String> {
    ["--", "set", "interface", name, "type=afxdp", "options:xdp-mode=best-effort"].map(str::to_owned).into()
}

fn dpdk(name: &str, nth: usize, device: &str) -> Vec<String> {
    let ring = "qdisc_bypass=1,blocksz=65536,framesz=2048,framecnt=4096";
    let args = format!("options:dpdk-devargs=net_af_packet{nth},iface={device},{ring}");
    ["--", "set", "interface", name, "type=dpdk", &args].map(str::to_owned).into()
}

fn bracketless(ip: std::net::IpAddr) -> String {
    match ip {
        std::net::IpAddr::V4(ip) => ip.to_string(),
        // A colon would end the value.
        std::net::IpAddr::V6(ip) => format!("\"{ip}\""),
    }
}

async fn vsctl(host: &Path, unix: &str, words: &[&str]) -> anyhow::Result<()> {
    let database = format!("--db={unix}");
    let all = [&["ovs-vsctl", "--timeout=30", &database], words].concat();
    let output = command_in(host, &all).output().await?;
    if !output.status.success() {
        bail!("ovs-vsctl {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
