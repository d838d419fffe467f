//! A host with an agent and the two gateways, isolated networks with an instance each, and a repository with a
//! file of each project.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use ipnet::IpNet;
use kernel::conversation::Conversation;
use model::desired::{
    Dhcp, DhcpSubnet, Direction, Ethertype, Group, GroupRule, Ipv6Mode, Key, Kind, Lease, LeaseAddress,
    Network, Part, Ports, RemoteSide, Segment,
};
use model::gateway::{Answer, Request, Status};
use model::report::Outcome;
use model::software::{Order, Report};
use model::{NetworkId, PortId, SecurityGroupId, SoftwareOrderId, SubnetId};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::program::Program;
use tokio::sync::watch;
use uuid::Uuid;
use wire::Mac;

use crate::netns::place::{Guest, MTU_BYTES, Place, Running};
use crate::netns::shelf::{content, repository};
use crate::netns::wait::eventually;

pub const SOFTWARE: &str = "http://169.254.169.254:8080";
const METADATA: &str = "http://169.254.169.254";
const V6: &str = "http://[fe80::a9fe:a9fe%25eth0]";
/// Of a file that every project has by the same name, and each its own.
pub const SUMS: &str = "/archive/tool/1/SHA256SUMS";
const GROUP: SecurityGroupId = SecurityGroupId(Uuid::from_u128(0xa1));
const SCRIPT: &str = "#!/bin/sh
case \"$1\" in
bound|renew)
    ip addr replace \"$ip/$mask\" dev \"$interface\"
    set -- $staticroutes
    while [ $# -gt 1 ]; do ip route replace \"$1\" via \"$2\" dev \"$interface\"; shift 2; done
    set ;;
esac
";

/// A project with a network and an instance.
pub struct Tenant {
    name: &'static str,
    pub guest: Guest,
    v6: bool,
}

impl Tenant {
    /// With the same addresses as others.
    pub fn v4(name: &'static str) -> Tenant {
        Tenant { name, guest: Guest::nth(5), v6: false }
    }

    /// On a network without IPv4.
    pub fn v6(name: &'static str) -> Tenant {
        Tenant { v6: true, ..Tenant::v4(name) }
    }

    fn settle(&mut self, at: usize) {
        let n = u8::try_from(at).expect("few");
        let port = &mut self.guest.port;
        self.guest.name = self.name.to_owned();
        port.id = PortId(Uuid::from_u128(0xaaaa_0000_0000_4000_8000_0000_0000_0000 + (u128::from(n) << 88)));
        port.network_id = network(at);
        port.groups = Some([GROUP].into());
        port.mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 0x10 + n]);
        port.fixed_ips = match self.v6 {
            false => vec![IpAddr::from([10, 1, 0, 5])],
            true => {
                let mut octets = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                octets[8..].copy_from_slice(&port.mac.eui64());
                vec![IpAddr::from(octets)]
            }
        };
    }

    fn parts(&self, at: usize) -> Vec<Part> {
        let id = network(at);
        let network = Network {
            id,
            mtu_bytes: MTU_BYTES,
            segment: Segment::Vxlan { vni: 5000 + at as u32 },
            peers: Default::default(),
            roaming: false,
        };
        let net = |text: &str| -> IpNet { text.parse().expect("a net") };
        let (own, cidr) = if self.v6 { ("fd00::dd/64", "fd00::/64") } else { ("10.1.0.2/24", "10.1.0.0/24") };
        let mode = self.v6.then_some(Ipv6Mode::Slaac);
        let subnet = DhcpSubnet {
            id: SubnetId(Uuid::nil()),
            cidr: net(cidr),
            gateway_ip: None,
            dns_nameservers: Vec::new(),
            host_routes: Vec::new(),
            ipv6_ra_mode: mode,
            ipv6_address_mode: mode,
        };
        let dhcp = Dhcp {
            network_id: id,
            mtu_bytes: MTU_BYTES,
            port_id: PortId(Uuid::from_u128(
                0xdddd_0000_0000_4000_8000_0000_0000_0000 + ((at as u128) << 88),
            )),
            mac: Mac([0xfa, 0x16, 0x3e, 0, 0xdd, at as u8]),
            addresses: vec![net(own)],
            dns_domain: None,
            subnets: vec![subnet],
        };
        let lease = self.lease(Vec::new());
        vec![group(), Part::Network(network), self.guest.part(), Part::Dhcp(dhcp), lease]
    }

    fn lease(&self, orders: Vec<Order>) -> Part {
        let port = &self.guest.port;
        let address = |ip: &IpAddr| LeaseAddress { subnet_id: SubnetId(Uuid::nil()), ip: *ip };
        Part::Lease(Lease {
            port_id: port.id,
            network_id: port.network_id,
            mac: port.mac,
            hostname: self.name.to_owned(),
            addresses: port.fixed_ips.iter().map(address).collect(),
            options: Vec::new(),
            instance: format!("{}-1", self.name),
            project_id: self.name.to_owned(),
            orders,
        })
    }

    fn urls(&self) -> (String, String) {
        match self.v6 {
            true => (format!("{V6}:8080"), V6.to_owned()),
            false => (SOFTWARE.to_owned(), METADATA.to_owned()),
        }
    }
}

/// Lets out everything, and in only answers, as a project's first group does.
fn group() -> Part {
    let rule = |ethertype| GroupRule {
        direction: Direction::Egress,
        ethertype,
        protocol: None,
        ports: Ports::Any,
        remote: RemoteSide::Any,
    };
    let rules = [Ethertype::V4, Ethertype::V6].map(rule).into();
    Part::Group(Group { id: GROUP, stateful: true, rules })
}

fn network(at: usize) -> NetworkId {
    // Devices are named by how it begins.
    NetworkId(Uuid::from_u128(0x11111111_2222_4333_8444_000000000000 + ((at as u128) << 100)))
}

pub struct Bed {
    pub tenants: Vec<Tenant>,
    pub management: Program,
    pub tenant: Program,
    agent: Option<Running>,
    pub place: Place,
    dir: TempDir,
    _repository: watch::Sender<bool>,
}

impl Bed {
    /// All of it, running, with what is wanted in place; each project's file has so many bytes. `more`: options
    /// below `gateway.`. `None` where these tests were switched off.
    pub async fn start(tenants: Vec<Tenant>, bytes: usize, more: &[&str]) -> Option<Bed> {
        let place = Place::new()?;
        let dir = tempfile::tempdir().expect("a folder");
        let mut tenants = tenants;
        tenants.iter_mut().enumerate().for_each(|(at, tenant)| tenant.settle(at));
        let (stop, reading) =
            repository(dir.path(), &tenants.iter().map(|tenant| tenant.name).collect::<Vec<_>>(), bytes)
                .await;
        let program = |role: &str| {
            let words = words(&place, dir.path(), reading, more);
            let words: Vec<&str> = words.iter().map(String::as_str).chain(["gateway", role]).collect();
            let binary = Path::new(env!("CARGO_BIN_EXE_neutrino"));
            Program::start(binary, &words, dir.path().join(format!("{role}.log"))).expect("runs")
        };
        let (management, tenant) = (program("management"), program("tenant"));
        std::fs::write(dir.path().join("script"), SCRIPT).expect("a script");
        let all = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path().join("script"), all).expect("a script");
        for tenant in &tenants {
            place.netns(&tenant.guest.name);
            let listens = "sysctl -qw net.ipv6.conf.default.accept_ra=1";
            assert!(place.exec(&tenant.guest.name, listens).status.success());
            place.plug_bare("one", &tenant.guest);
        }
        let parts = tenants.iter().enumerate().flat_map(|(at, tenant)| tenant.parts(at));
        place.server.put("one", parts.collect::<Vec<_>>());
        let mut bed = Bed { tenants, management, tenant, agent: None, place, dir, _repository: stop };
        bed.agent_again().await;
        Some(bed)
    }

    /// Ends the agent as a kill does, if it runs, and starts it.
    pub async fn agent_again(&mut self) {
        if let Some(agent) = self.agent.take() {
            agent.kill().await;
        }
        let mut config = self.place.config("one");
        config.gateway = Some(agent::GatewaySettings {
            tenant_control: self.socket("tenant"),
            management_control: self.socket("management"),
            ..agent::GatewaySettings::default()
        });
        self.agent = Some(self.place.run(config));
        for (at, _) in self.tenants.iter().enumerate() {
            let key = Key::new(Kind::Dhcp, network(at).0);
            eventually("DHCP", || self.place.server.is_settled("one", key), |settled| *settled).await;
        }
    }

    fn socket(&self, role: &str) -> PathBuf {
        self.dir.path().join(format!("{role}.sock"))
    }

    /// What a client was told with its lease.
    pub async fn lease(&self, at: usize) -> String {
        let script = self.dir.path().join("script").display().to_string();
        let line = format!("udhcpc -f -n -q -t 5 -T 1 -i eth0 -O staticroutes -s {script}");
        let ask = || {
            let output = self.place.exec(&self.tenants[at].guest.name, &line);
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        eventually("a lease", ask, |said| said.contains("ip='10.1.0.5'")).await
    }

    /// What curl says in an instance, and whether it succeeded.
    pub fn curl(&self, at: usize, words: &[&str]) -> (String, bool) {
        let output = self.place.within(&self.tenants[at].guest.name, || {
            Command::new("curl").args(["-s", "-g", "-m", "20"]).args(words).output().expect("curl runs")
        });
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
    }

    /// A bare connection of an instance.
    pub fn connect(&self, at: usize) -> TcpStream {
        let connect = || TcpStream::connect("169.254.169.254:8080").expect("connects");
        self.place.within(&self.tenants[at].guest.name, connect)
    }

    /// What is answered on it.
    pub fn asks(&self, stream: &mut TcpStream) -> String {
        let request = format!("GET {SUMS} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("is sent");
        let mut bytes = [0; 4096];
        let got = stream.read(&mut bytes).expect("an answer");
        String::from_utf8_lossy(&bytes[..got]).into_owned()
    }

    /// Begins to download the tenant's own file.
    pub fn download(&self, at: usize) -> Download {
        let tenant = &self.tenants[at];
        let file = self.dir.path().join(format!("download-{}", tenant.name));
        let _ = std::fs::remove_file(&file);
        let url = format!("{}/archive/tool/1/tool-{}.zip", tenant.urls().0, tenant.name);
        let line = format!("curl -s -g -m 60 -o {} -w %{{http_code}} {url}", file.display());
        Download { curl: self.place.start(&tenant.guest.name, &line), name: tenant.name, file }
    }

    /// Each finds its own file, and is told who it is.
    pub async fn reached(&self, which: &[usize]) {
        for at in which {
            let tenant = &self.tenants[*at];
            let (software, metadata) = tenant.urls();
            let sums = || self.curl(*at, &[&format!("{software}{SUMS}")]).0;
            let own = format!("tool-{}.zip", tenant.name);
            let said = eventually("its own file", sums, |said| said.contains(&own)).await;
            assert_eq!(said.lines().count(), 1, "and no other: {said}");
            let about = || self.curl(*at, &[&format!("{metadata}/openstack/latest/meta_data.json")]).0;
            let said = eventually("itself", about, |said| said.starts_with('{')).await;
            let said: Value = serde_json::from_str(&said).expect("JSON");
            let wanted = (json!(format!("{}-1", tenant.name)), json!(tenant.name), json!(tenant.name));
            assert_eq!(
                (&said["uuid"], &said["project_id"], &said["hostname"]),
                (&wanted.0, &wanted.1, &wanted.2)
            );
        }
    }

    /// Neither other ports and addresses of the namespace, nor what is behind it.
    pub fn nothing_else_is_reached(&self, at: usize) {
        let (_, reached) = self.curl(at, &["-m", "5", &format!("{SOFTWARE}/publication")]);
        assert!(reached, "is answered by the gateway");
        for url in ["http://169.254.169.254:22/", "http://10.1.0.2:8080/", "http://10.1.0.2/"] {
            assert!(!self.curl(at, &["-m", "2", url]).1, "{url}");
        }
        let guest = &self.tenants[at].guest;
        self.place.ip(&guest.name, "route replace default via 10.1.0.2 dev eth0");
        let host = crate::netns::place::under(1);
        assert!(!self.place.ping(guest, host), "{host} is behind the namespace");
        // Nor does it pass on what is for another of the same network.
        let inside = host::names::dhcp_netns(guest.port.network_id);
        let path = self.place.netns_dir("one").join(inside);
        for (setting, wanted) in [("ipv4/ip_forward", "0"), ("ipv6/conf/all/forwarding", "0")] {
            let read = || std::fs::read_to_string(format!("/proc/sys/net/{setting}"));
            let value = kernel::netns::within(&path, read).expect("entered").expect("is read");
            assert_eq!(value.trim(), wanted, "{setting}");
        }
    }

    pub async fn status(&self, role: &str) -> Status {
        let mut gateway = Conversation::open(&self.socket(role)).await.expect("hears");
        match gateway.ask(&Request::Status).await {
            Ok(Answer::Status { status }) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// Takes a network's namespace away, and waits for the next.
    pub async fn forget_namespace(&self, at: usize) {
        let (dir, name) = (self.place.netns_dir("one"), host::names::dhcp_netns(network(at)));
        let id = || kernel::netns::id(&dir.join(&name)).ok();
        let before = id();
        kernel::netns::delete(&dir, &name).expect("deleted");
        eventually("made again", id, |now| now.is_some() && *now != before).await;
        let key = Key::new(Kind::Dhcp, network(at).0);
        eventually("DHCP", || self.place.server.is_settled("one", key), |settled| *settled).await;
    }

    /// The tenant's port gets no lease any more.
    pub fn leave(&self, at: usize) {
        self.place.server.remove("one", [self.tenants[at].lease(Vec::new()).key()]);
    }

    /// What the instance is to install.
    pub fn order(&self, at: usize, orders: Vec<Order>) {
        self.place.server.put("one", [self.tenants[at].lease(orders)]);
    }

    /// What the server was told of an order.
    pub fn told(&self, lease: Key, order: SoftwareOrderId) -> Option<Report> {
        let outcomes: Vec<Outcome> = self.place.server.outcomes("one");
        let of_lease = outcomes.into_iter().find(|outcome| outcome.key == lease)?;
        of_lease.orders.get(&order).cloned()
    }

    /// What the host says is amiss.
    pub fn failures(&self) -> String {
        let agents = self.place.server.agents("one");
        let l2 = agents.iter().find(|agent| agent.configurations.get("failures").is_some());
        l2.map(|l2| l2.configurations["failures"].to_string()).unwrap_or_default()
    }
}

/// A file on its way.
pub struct Download {
    curl: Child,
    name: &'static str,
    file: PathBuf,
}

impl Download {
    pub fn came(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |file| file.len())
    }

    /// Whether it came whole. What came of it is its own, and curl knows which it is.
    pub fn end(self, bytes: usize) -> bool {
        let output = self.curl.wait_with_output().expect("ends");
        let status = String::from_utf8_lossy(&output.stdout).into_owned();
        let came = std::fs::read(&self.file).unwrap_or_default();
        let own = content(self.name, bytes);
        match status.as_str() {
            "200" => assert!(own.starts_with(&came), "other bytes came"),
            "502" | "503" => {
                let said = String::from_utf8_lossy(&came);
                assert!(said.contains("gateway") || said.contains("repository"), "{status}: {said}");
            }
            // The connection was not taken, or ended before an answer began.
            "000" => assert!(came.is_empty()),
            other => panic!("{other}: {}", String::from_utf8_lossy(&came)),
        }
        let whole = status == "200" && came == own;
        assert_eq!(
            output.status.success() && status == "200",
            whole,
            "curl cannot tell: {status} {}",
            came.len()
        );
        whole
    }
}

fn words(place: &Place, dir: &Path, repository: SocketAddr, more: &[&str]) -> Vec<String> {
    let at = |name: &str| dir.join(name).display().to_string();
    let mut set = vec![
        format!("socket={}", at("between.sock")),
        format!("tenant.control={}", at("tenant.sock")),
        format!("tenant.netns_dir={}", place.netns_dir("one").display()),
        format!("management.control={}", at("management.sock")),
        format!("management.repository={repository}"),
        format!("management.repository_secret_file={}", at("gateway-secret")),
    ];
    set.extend(more.iter().map(|option| (*option).to_owned()));
    set.iter().flat_map(|option| ["--set".to_owned(), format!("gateway.{option}")]).collect()
}
