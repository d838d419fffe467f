//! Hosts and guests: namespaces, the cable between hosts, and the taps that a hypervisor would make.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use agent::Config;
use host::names;
use ipnet::IpNet;
use kernel::netns;
use model::desired::{AddressPair, Member, Network, Part, Port, Remote, Segment};
use model::{NetworkId, PortId, SecurityGroupId};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;
use wire::Mac;

use crate::netns::server::Server;
use crate::netns::wait::eventually;

/// Two hosts on a cable, `one` and `two`, in a directory of namespaces of their own.
pub struct Place {
    dir: TempDir,
    pub server: Server,
}

/// A port, and the guest that has it.
#[derive(Clone, Debug)]
pub struct Guest {
    pub name: String,
    pub port: Port,
}

pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), agent::AgentError>>,
}

pub const NET: NetworkId = NetworkId(Uuid::from_u128(0x11111111_2222_4333_8444_555555555555));
pub const MTU_BYTES: u32 = 1450;

impl Place {
    /// `None`, said aloud, where these tests were switched off.
    pub fn new() -> Option<Place> {
        if !nix_root() {
            let skip = std::env::var("NEUTRINO_ROOT_TESTS").is_ok_and(|value| value == "skip");
            assert!(skip, "needs root; NEUTRINO_ROOT_TESTS=skip goes without");
            eprintln!("SKIPPED: needs root");
            return None;
        }
        let place = Place { dir: tempfile::tempdir().expect("directory"), server: Server::start() };
        for name in ["one", "two"] {
            place.netns(name);
        }
        let cable = format!("link add under type veth peer name under netns {}", pinned("two"));
        place.ip_with("one", &cable, "two");
        for (host, at) in [("one", 1), ("two", 2)] {
            place.ip(host, &format!("addr add {}/24 dev under", under(at)));
            place.ip(host, "link set under up");
        }
        Some(place)
    }

    pub fn path(&self, netns: &str) -> PathBuf {
        self.dir.path().join(netns)
    }

    pub fn netns(&self, name: &str) {
        netns::create(self.dir.path(), name).expect("namespace");
    }

    /// Where a host keeps its DHCP namespaces.
    pub fn netns_dir(&self, host: &str) -> PathBuf {
        self.dir.path().join(format!("{host}.d"))
    }

    pub fn config(&self, host: &str) -> Config {
        let tunneling_ip = Some(under(if host == "one" { 1 } else { 2 }));
        Config {
            namespace: Some(self.path(host)),
            netns_dir: self.netns_dir(host),
            tunneling_ip,
            ctpurge_socket: self.dir.path().join(format!("{host}.purge")),
            sweep_interval_s: 2,
            heartbeat_interval_s: 1,
            ..Config::new(host)
        }
    }

    pub fn run(&self, config: Config) -> Running {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(agent::run(config, self.server.bus.clone(), stopped));
        Running { stop, task }
    }

    /// Runs a program in a namespace.
    pub fn exec(&self, netns: &str, line: &str) -> Output {
        self.within(netns, || command(line).output().expect("program starts"))
    }

    /// Starts a program in a namespace, its output kept.
    pub fn start(&self, netns: &str, line: &str) -> Child {
        self.within(netns, || command(line).stdout(Stdio::piped()).spawn().expect("program starts"))
    }

    pub fn within<T: Send>(&self, netns: &str, act: impl FnOnce() -> T + Send) -> T {
        netns::within(&self.path(netns), act).expect("namespace entered")
    }

    /// `ip`, which must succeed; its output.
    pub fn ip(&self, netns: &str, line: &str) -> String {
        let output = self.exec(netns, &format!("ip {line}"));
        assert!(output.status.success(), "in {netns}: ip {line}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `ip` with another namespace held open as descriptor, for links that reach into it.
    pub fn ip_with(&self, netns: &str, line: &str, other: &str) {
        let path = self.path(other);
        let line = line.replace(&pinned(other), path.to_str().expect("UTF-8"));
        self.ip(netns, &line);
    }

    /// Many lines of `ip`.
    pub fn batch(&self, netns: &str, lines: &str) {
        let script = self.dir.path().join("batch");
        std::fs::write(&script, lines).expect("script");
        self.ip(netns, &format!("-batch {}", script.display()));
    }

    /// Makes what a hypervisor makes: the guest, its device and the host's end.
    pub fn plug(&self, host: &str, guest: &Guest) {
        self.netns(&guest.name);
        self.plug_again(host, guest);
    }

    /// The device of a guest that is there.
    pub fn plug_again(&self, host: &str, guest: &Guest) {
        self.plug_bare(host, guest);
        for ip in &guest.port.fixed_ips {
            let length = if ip.is_ipv4() { 24 } else { 64 };
            let nodad = if ip.is_ipv4() { "" } else { "nodad" };
            self.ip(&guest.name, &format!("addr add {ip}/{length} dev eth0 {nodad}"));
        }
    }

    /// A device that its guest has not been told the addresses of.
    pub fn plug_bare(&self, host: &str, guest: &Guest) {
        let (tap, mac, netns) = (names::tap(guest.port.id), guest.port.mac, pinned(&guest.name));
        let pair = format!("link add {tap} type veth peer name eth0 address {mac} netns {netns}");
        self.ip_with(host, &pair, &guest.name);
        self.ip(&guest.name, &format!("link set eth0 mtu {MTU_BYTES}"));
        self.ip(&guest.name, "link set eth0 up");
    }

    pub fn ping(&self, from: &Guest, to: IpAddr) -> bool {
        self.exec(&from.name, &format!("ping -c 1 -W 1 {to}")).status.success()
    }
}

/// Ends the programs that agents started for hosts of a folder: they outlive agents on purpose.
fn end_programs(dir: &Path) {
    let of_ours = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&*dir.to_string_lossy())
    };
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for pid in pids.filter(of_ours) {
        // One that ended meanwhile needs nothing.
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        end_programs(self.dir.path());
        let entries = [self.dir.path().to_owned(), self.netns_dir("one"), self.netns_dir("two")];
        for dir in entries {
            for name in netns::list(&dir).unwrap_or_default() {
                if netns::id(&dir.join(&name)).is_ok()
                    && let Err(error) = netns::delete(&dir, &name)
                {
                    eprintln!("namespace {name} left behind: {error}");
                }
            }
        }
    }
}

impl Running {
    pub async fn stop(self) {
        self.stop.send(true).expect("agent runs");
        self.task.await.expect("agent does not panic").expect("agent works");
    }

    /// Ends it at once, as `kill -9` would: no thread of it goes on beside the next one.
    pub async fn kill(self) {
        let before = workers();
        self.task.abort();
        let _ = self.task.await;
        eventually("its last act ends", workers, |now| *now < before).await;
    }
}

/// Threads of this process that act on kernels.
fn workers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("threads");
    let names = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "kernel").count()
}

impl Guest {
    /// The nth guest, with an address of either family.
    pub fn nth(n: u8) -> Guest {
        let id = PortId(Uuid::from_u128(0xaaaa_0000_0000_4000_8000_0000_0000_0000 + (u128::from(n) << 88)));
        let port = Port {
            id,
            network_id: NET,
            mac: Mac([0xfa, 0x16, 0x3e, 0, 0, n]),
            fixed_ips: vec![
                IpAddr::from([10, 1, 0, n]),
                IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(n)]),
            ],
            admin_state_up: true,
            allowed: Some(Vec::new()),
            trusted: false,
            groups: None,
            qos: None,
            trunk: None,
            local_ips: Default::default(),
            logs: Default::default(),
        };
        Guest { name: format!("guest{n}"), port }
    }

    pub fn with_pair(mut self, mac: Mac, net: IpNet) -> Guest {
        self.port.allowed.get_or_insert_default().push(AddressPair { mac, net });
        self
    }

    pub fn in_groups(mut self, groups: &[SecurityGroupId]) -> Guest {
        self.port.groups = Some(groups.iter().copied().collect());
        self
    }

    /// The port as hosts are told of it that have rules about its groups.
    pub fn member(&self) -> Part {
        let pairs = self.port.allowed.iter().flatten().map(|pair| pair.net);
        Part::Member(Member {
            port_id: self.port.id,
            groups: self.port.groups.clone().unwrap_or_default(),
            addresses: self.port.fixed_ips.iter().map(|ip| IpNet::from(*ip)).chain(pairs).collect(),
        })
    }

    pub fn part(&self) -> Part {
        Part::Port(self.port.clone())
    }

    /// The port as another host is told of it.
    pub fn remote(&self, host: &str) -> Part {
        Part::Remote(Remote {
            port_id: self.port.id,
            network_id: self.port.network_id,
            mac: self.port.mac,
            fixed_ips: self.port.fixed_ips.clone(),
            tunnel_ip: Some(under(if host == "one" { 1 } else { 2 })),
        })
    }

    pub fn v4(&self) -> IpAddr {
        self.port.fixed_ips[0]
    }

    pub fn v6(&self) -> IpAddr {
        self.port.fixed_ips[1]
    }

    pub fn tap(&self) -> String {
        names::tap(self.port.id)
    }
}

/// The network as a host is told of it.
pub fn network(peers: &[&str]) -> Part {
    let peers = peers.iter().map(|host| under(if *host == "one" { 1 } else { 2 })).collect();
    let segment = Segment::Vxlan { vni: 4001 };
    Part::Network(Network { id: NET, mtu_bytes: MTU_BYTES, segment, peers, roaming: false })
}

/// Two hosts with a guest each, on one network, agents running.
pub async fn two_guests(place: &Place) -> ([Guest; 2], [Running; 2]) {
    let guests = [Guest::nth(1), Guest::nth(2)];
    place.plug("one", &guests[0]);
    place.plug("two", &guests[1]);
    place.server.put("one", [network(&["two"]), guests[0].part(), guests[1].remote("two")]);
    place.server.put("two", [network(&["one"]), guests[1].part(), guests[0].remote("one")]);
    let agents = [place.run(place.config("one")), place.run(place.config("two"))];
    (guests, agents)
}

pub fn under(host: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, host])
}

pub fn pinned(netns: &str) -> String {
    format!("@{netns}@")
}

fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command
}

fn nix_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:") && line.contains("\t0\t0"))
}
