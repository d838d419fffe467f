//! Security groups: what a member that comes and goes costs, and what a packet costs, by the number of
//! a remote group's members.
//!
//! Ours is a turn: the host is looked at, what is to be done is decided and done. The peer writes the
//! whole set anew by `nft -f`, as a filter does that is rendered as text. The floor is one element
//! added and taken away over netlink.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use comfy_table::Table;
use host::secgroup::{Item, Set, Value};
use host::{Op, Scope, Settings, Step, Wanted, diff, names};
use kernel::{Kernel, netns};
use model::desired::{
    Direction, Ethertype, Group, GroupRule, Member, Network, Part, Port, Ports, RemoteSide, Segment,
};
use model::{NetworkId, PortId, SecurityGroupId};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{process, show};

const MEMBERS: [u32; 4] = [10, 100, 1000, 10_000];
/// Members that come and go; what is told is the mean of one change.
const CHANGES: u32 = 200;
/// Of the peer, which is slow.
const RELOADS: u32 = 10;
const PACKETS: u32 = 100_000;

const NETWORK: NetworkId = NetworkId(Uuid::from_u128(0x11 << 96));
const OWN: SecurityGroupId = SecurityGroupId(Uuid::from_u128(0xa1));
const REMOTE: SecurityGroupId = SecurityGroupId(Uuid::from_u128(0xa2));

pub async fn run() -> anyhow::Result<()> {
    let header =
        ["a member comes or goes", "members", "ours ms", "peer ms", "floor ms", "ours/floor", "peer/ours"];
    let mut changes = show::table(&header);
    let header = ["a packet is judged", "members", "ours us", "unfiltered us", "more us"];
    let mut packets = show::table(&header);
    for members in MEMBERS {
        let mut field = Field::new(members).await?;
        field.change(&mut changes).await?;
        field.packet(&mut packets).await?;
    }
    println!("{changes}");
    println!(
        "Wall time of one change, the mean of {CHANGES} ({RELOADS} of the peer's). ours: a turn over one member, \
         looked at, decided, done. peer: `nft -f` of the set's elements, all anew. floor: one element \
         over netlink."
    );
    println!("{packets}");
    println!(
        "CPU of a UDP packet from socket to socket over a bridge; each is looked up in the set, for the group \
         is stateless and the sender is none of the nets. unfiltered: the same ports without groups."
    );
    Ok(())
}

/// A host with two guests on a bridge.
struct Field {
    dir: TempDir,
    kernel: Kernel,
    members: u32,
    want: Wanted,
}

impl Field {
    async fn new(members: u32) -> anyhow::Result<Field> {
        let dir = tempfile::tempdir()?;
        for name in ["host", "from", "to"] {
            netns::create(dir.path(), name).context("namespaces need root")?;
        }
        let kernel = Kernel::open(Some(&dir.path().join("host")), &dir.path().join("d"))?;
        let mut field = Field { dir, kernel, members, want: Wanted::new(Settings::default()) };
        for (name, n) in [("from", 1), ("to", 2)] {
            let (tap, path) = (names::tap(port_id(n)), field.path(name));
            field.ip("host", &format!("link add {tap} type veth peer name eth0 netns {}", path.display()))?;
            field.ip(name, &format!("link set eth0 address {} up", mac(n)))?;
            field.ip(name, &format!("addr add {}/16 dev eth0", address(n)))?;
        }
        let network = Network {
            id: NETWORK,
            mtu_bytes: 1500,
            segment: Segment::Local,
            peers: [].into(),
            roaming: false,
        };
        let mut parts = vec![Part::Network(network), group()];
        parts.extend([1, 2].map(|n| port(n, true)));
        // The sender is the last of them.
        parts.extend((1..=members).map(|n| member(if n == members { 1 } else { n + 10 })));
        for part in parts {
            field.want.put(part);
        }
        field.settle(&Scope::All).await?;
        Ok(field)
    }

    /// One turn.
    async fn settle(&self, scope: &Scope) -> anyhow::Result<()> {
        let seen = self.kernel.observe(scope).await?;
        let steps = diff(&self.want, &seen, scope);
        ensure!(!steps.is_empty(), "there is nothing to do");
        self.apply(steps).await
    }

    async fn apply(&self, steps: Vec<Step>) -> anyhow::Result<()> {
        let failed = self.kernel.apply(steps).await?;
        ensure!(failed.is_empty(), "{failed:?}");
        Ok(())
    }

    async fn change(&mut self, table: &mut Table) -> anyhow::Result<()> {
        let fresh = member(60_000);
        let key = fresh.key();
        let start = Instant::now();
        for at in 0..CHANGES {
            let old = if at % 2 == 0 { self.want.put(fresh.clone()) } else { self.want.remove(key) };
            let old: Vec<Part> = old.into_iter().collect();
            let scope = self.want.scope(&[key].into(), &old);
            self.settle(&scope).await?;
        }
        let ours = ms(start, CHANGES);
        let at = Set::Hosts(Ethertype::V4, REMOTE).at();
        let start = Instant::now();
        for n in 0..CHANGES {
            let (at, elements) =
                (at.clone(), vec![(Item::Net(IpAddr::V4(address(60_000)).into()), Value::None)]);
            let op = if n % 2 == 0 {
                Op::AddElements { at, elements }
            } else {
                Op::DeleteElements { at, elements }
            };
            self.apply(vec![Step { key, needs: None, op }]).await?;
        }
        let floor = ms(start, CHANGES);
        let script = self.dir.path().join("set.nft");
        let set = format!("bridge neutrino {}", at.name);
        let all: Vec<String> = (1..=self.members).map(|n| address(n + 10).to_string()).collect();
        std::fs::write(&script, format!("flush set {set}\nadd element {set} {{ {} }}\n", all.join(", ")))?;
        let start = Instant::now();
        for _ in 0..RELOADS {
            self.exec("host", &format!("nft -f {}", script.display()))?;
        }
        let peer = ms(start, RELOADS);
        table.add_row([
            "one address of one port".to_owned(),
            self.members.to_string(),
            format!("{ours:.3}"),
            format!("{peer:.3}"),
            format!("{floor:.3}"),
            format!("{:.1}", ours / floor),
            format!("{:.1}", peer / ours),
        ]);
        // As it was, for what follows.
        self.settle(&Scope::All).await
    }

    async fn packet(&mut self, table: &mut Table) -> anyhow::Result<()> {
        let filtered = self.send()?;
        let old: Vec<Part> = [1, 2].into_iter().filter_map(|n| self.want.put(port(n, false))).collect();
        let keys = old.iter().map(Part::key).collect();
        self.settle(&self.want.scope(&keys, &old)).await?;
        let free = self.send()?;
        table.add_row([
            "UDP, by a remote group".to_owned(),
            self.members.to_string(),
            format!("{filtered:.2}"),
            format!("{free:.2}"),
            format!("{:.2}", filtered - free),
        ]);
        Ok(())
    }

    /// Microseconds of CPU for each packet that arrived.
    fn send(&self) -> anyhow::Result<f64> {
        let bind = |name: &str, at: u32, port: u16| {
            netns::within(&self.path(name), || UdpSocket::bind((address(at), port)))?
        };
        let (from, to) = (bind("from", 1, 0)?, bind("to", 2, 7)?);
        from.connect((address(2), 7))?;
        to.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
        let mut buffer = [0; 64];
        // Neighbours are found.
        from.send(b"first")?;
        to.recv(&mut buffer).context("packets do not arrive")?;
        let start = process::thread_cpu();
        for _ in 0..PACKETS {
            from.send(&[0; 32])?;
            to.recv(&mut buffer)?;
        }
        Ok((process::thread_cpu() - start).as_secs_f64() * 1e6 / f64::from(PACKETS))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn ip(&self, name: &str, line: &str) -> anyhow::Result<()> {
        self.exec(name, &format!("ip {line}"))
    }

    fn exec(&self, name: &str, line: &str) -> anyhow::Result<()> {
        let path = self.path(name);
        let words: Vec<&str> = line.split_whitespace().collect();
        let run = || Command::new(words[0]).args(&words[1..]).stderr(Stdio::inherit()).status();
        let status = netns::within(&path, run)??;
        ensure!(status.success(), "{line}: {status}");
        Ok(())
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        for name in ["host", "from", "to"] {
            if let Err(error) = netns::delete(self.dir.path(), name) {
                eprintln!("namespace {name} left behind: {error}");
            }
        }
    }
}

fn ms(start: Instant, count: u32) -> f64 {
    start.elapsed().as_secs_f64() * 1e3 / f64::from(count)
}

fn group() -> Part {
    let rule = |direction, remote| GroupRule {
        direction,
        ethertype: Ethertype::V4,
        protocol: None,
        ports: Ports::Any,
        remote,
    };
    let rules =
        [rule(Direction::Egress, RemoteSide::Any), rule(Direction::Ingress, RemoteSide::Group(REMOTE))];
    Part::Group(Group { id: OWN, stateful: false, rules: rules.into() })
}

fn port(n: u32, filtered: bool) -> Part {
    Part::Port(Port {
        id: port_id(n),
        network_id: NETWORK,
        mac: mac(n).parse().expect("six bytes are a MAC"),
        fixed_ips: vec![address(n).into()],
        admin_state_up: true,
        allowed: None,
        trusted: false,
        groups: filtered.then(|| [OWN].into()),
        qos: None,
        trunk: None,
        local_ips: Default::default(),
        logs: Default::default(),
    })
}

fn member(n: u32) -> Part {
    let addresses = [IpAddr::V4(address(n)).into()].into();
    Part::Member(Member { port_id: port_id(n), groups: [REMOTE].into(), addresses })
}

fn port_id(n: u32) -> PortId {
    PortId(Uuid::from_u128(u128::from(n) << 96))
}

fn mac(n: u32) -> String {
    let [_, b, c, d] = n.to_be_bytes();
    format!("fa:16:3e:{b:02x}:{c:02x}:{d:02x}")
}

fn address(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a01_0000 + n)
}
