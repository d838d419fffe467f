//! Open vSwitch with its datapath in user space, from a folder of its own: its own database, its own
//! processes, ended by their ids.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use model::vswitch::Kind as Tunnel;

use super::{Pair, VNI};
use crate::place::{command_in, run_in};
use crate::program::Program;
use crate::wait;

const SWITCH: &str = "/usr/lib/openvswitch-switch/ovs-vswitchd";
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

    pub(super) async fn start(pair: &Pair, at: usize) -> anyhow::Result<Ovs> {
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
        let words = [&rundir, "nsenter", &inside, SWITCH, &unix, &control, "--no-chdir"];
        let switch = Program::start(Path::new("env"), &words, folder.join("vs.log"))?;
        let ovs = Ovs { folder, host: side.host.clone(), switch, _database: database };
        ovs.configure(pair, at, &unix).await.with_context(|| ovs.switch.said())?;
        Ok(ovs)
    }

    async fn configure(&self, pair: &Pair, at: usize, unix: &str) -> anyhow::Result<()> {
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
            side.underlay,
            "--",
            "add-port",
            "br-int",
            side.port,
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
        vsctl(&side.host, unix, &line).await?;
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
