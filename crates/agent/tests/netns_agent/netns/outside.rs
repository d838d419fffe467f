//! A second network, the world outside, and routers between them.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use agent::Config;
use ipnet::IpNet;
use kernel::packet::{Instruction, PacketSocket};
use model::desired::{
    Fip, FloatingIp, Gateway, Interface, L3Mode, Network, Part, PortForwarding, Router, RouterPort,
    RouterSubnet, Segment,
};
use model::{NetworkId, PortId, RouterId};
use uuid::Uuid;
use wire::Mac;

use crate::netns::frames::Tap;
use crate::netns::place::{Guest, MTU_BYTES, NET, Place, pinned};

pub const NET_B: NetworkId = NetworkId(Uuid::from_u128(0x22222222_2222_4333_8444_555555555555));
pub const EXTERNAL: NetworkId = NetworkId(Uuid::from_u128(0xeeeeeeee_2222_4333_8444_555555555555));
pub const OTHER_EXTERNAL: NetworkId = NetworkId(Uuid::from_u128(0xefefefef_2222_4333_8444_555555555555));
pub const ROUTER: RouterId = RouterId(Uuid::from_u128(0x99999999_2222_4333_8444_555555555555));

/// The namespace of those outside, where every cable of the external network ends.
pub const OUTSIDE: &str = "outside";

impl Place {
    /// The external networks: `out0` (and `out1`) of each host, and somebody out there.
    pub fn outside(&self, hosts: &[&str]) {
        self.netns(OUTSIDE);
        for (nth, nets) in
            [["203.0.113.1/24", "2001:db8::1/64"], ["198.51.100.1/24", "2001:db8:1::1/64"]].iter().enumerate()
        {
            self.ip(OUTSIDE, &format!("link add br{nth} type bridge"));
            for net in nets {
                self.ip(OUTSIDE, &format!("addr add {net} dev br{nth}"));
            }
            self.ip(OUTSIDE, &format!("link set br{nth} up"));
            for host in hosts {
                let (end, at) = (format!("{host}{nth}"), pinned(OUTSIDE));
                let line = format!("link add out{nth} type veth peer name {end} netns {at}");
                self.ip_with(host, &line, OUTSIDE);
                self.ip(OUTSIDE, &format!("link set {end} master br{nth} up"));
                self.ip(host, &format!("link set out{nth} up"));
            }
        }
    }

    /// A host that routes.
    pub fn routing(&self, host: &str, mode: L3Mode) -> Config {
        let mut config = Config { agent_mode: mode, ..self.config(host) };
        config.roles.insert(agent::Role::L3);
        for (physical, device) in [("ext", "out0"), ("other", "out1")] {
            config.interface_mappings.insert(physical.into(), device.into());
        }
        config
    }

    /// Makes a guest's device, and tells it of the router.
    pub fn plug_routed(&self, host: &str, guest: &Guest) {
        self.plug(host, guest);
        for (family, via) in
            [("-4", gateway_of(guest.port.network_id).0), ("-6", gateway_of(guest.port.network_id).1)]
        {
            self.ip(&guest.name, &format!("{family} route add default via {via}"));
        }
    }

    pub fn netns_names(&self, host: &str) -> Vec<String> {
        kernel::netns::list(&self.netns_dir(host)).expect("directory")
    }

    /// Runs `ip` in a namespace of the host's.
    pub fn ip_inside(&self, host: &str, netns: &str, line: &str) -> String {
        let path = self.netns_dir(host).join(netns);
        let output = kernel::netns::within(&path, || {
            std::process::Command::new("ip").args(line.split_whitespace()).output().expect("ip starts")
        });
        let output = output.expect("namespace entered");
        assert!(output.status.success(), "in {netns}: ip {line}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn pings(&self, from: &str, to: IpAddr) -> bool {
        self.exec(from, &format!("ping -c 1 -W 1 {to}")).status.success()
    }

    /// Who somebody outside sees asking, when `from` pings `to` there.
    pub async fn seen_from(&self, from: &str, at: (&str, &str), to: IpAddr) -> IpAddr {
        let tap = Tap::open(self, at.0, at.1);
        let mut ping =
            tokio::task::block_in_place(|| self.start(from, &format!("ping -i 0.2 -c 40 -W 1 {to}")));
        let is_echo = |frame: &[u8]| {
            frame.get(12..14) == Some(&[8, 0])
                && frame.get(23) == Some(&1)
                && frame.get(34) == Some(&8)
                && octets(&frame[30..34]) == to
        };
        let frame = tap.until("echo request", is_echo).await;
        ping.kill().expect("ping ends");
        ping.wait().expect("ping ended");
        octets(&frame[26..30])
    }

    /// A port that answers each connection with a word; what is bound stays in the namespace.
    pub fn listen_tcp(&self, netns: &str, at: SocketAddr) {
        let listener = self.within(netns, || TcpListener::bind(at).expect("port is free"));
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let _ = std::io::Write::write_all(&mut stream, b"word");
            }
        });
    }

    pub fn listen_udp(&self, netns: &str, at: SocketAddr) {
        let socket = self.within(netns, || UdpSocket::bind(at).expect("port is free"));
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&buffer[..length], from);
            }
        });
    }

    pub fn answers_tcp(&self, from: &str, to: SocketAddr) -> bool {
        self.within(from, || {
            let Ok(mut stream) = TcpStream::connect_timeout(&to, Duration::from_secs(1)) else {
                return false;
            };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            let mut word = [0; 4];
            std::io::Read::read_exact(&mut stream, &mut word).is_ok() && word == *b"word"
        })
    }

    pub fn answers_udp(&self, from: &str, to: SocketAddr) -> bool {
        self.within(from, || {
            let any = SocketAddr::from(([0, 0, 0, 0], 0));
            let socket = UdpSocket::bind(any).expect("a port");
            let _ = socket.set_read_timeout(Some(Duration::from_secs(1)));
            let _ = socket.send_to(b"echo", to);
            let mut buffer = [0; 64];
            socket.recv_from(&mut buffer).is_ok_and(|(length, from)| from == to && length == 4)
        })
    }
}

/// Takes frames that carry a MAC as sender.
pub fn sent_by(place: &Place, netns: &str, device: &str, mac: Mac) -> PacketSocket {
    let [a, b, c, d, e, f] = mac.0.map(u32::from);
    let load = |code, value| Instruction { code, jump_true: 0, jump_false: 0, value };
    let only = [
        load(0x20, 6),
        Instruction { code: 0x15, jump_true: 0, jump_false: 3, value: a << 24 | b << 16 | c << 8 | d },
        load(0x28, 10),
        Instruction { code: 0x15, jump_true: 0, jump_false: 1, value: e << 8 | f },
        load(0x06, 0x4_0000),
        load(0x06, 0),
    ];
    PacketSocket::open(&place.path(netns), device, &only).expect("packet socket")
}

/// The nth guest on the second network.
pub fn on_b(n: u8) -> Guest {
    let mut guest = Guest::nth(n);
    guest.port.network_id = NET_B;
    guest.port.fixed_ips = vec![[10, 2, 0, n].into(), ip(&format!("fd02::{n:x}"))];
    guest
}

pub fn network_b(peers: &[IpAddr]) -> Part {
    let peers = peers.iter().copied().collect();
    let segment = Segment::Vxlan { vni: 4002 };
    Part::Network(Network { id: NET_B, mtu_bytes: MTU_BYTES, segment, peers, roaming: false })
}

pub fn external() -> Part {
    flat(EXTERNAL, "ext")
}

pub fn other_external() -> Part {
    flat(OTHER_EXTERNAL, "other")
}

pub fn flat(id: NetworkId, physical: &str) -> Part {
    let segment = Segment::Flat { physical_network: physical.into() };
    Part::Network(Network { id, mtu_bytes: 1500, segment, peers: [].into(), roaming: false })
}

/// Where guests of a network send what is not for it.
pub fn gateway_of(network: NetworkId) -> (IpAddr, IpAddr) {
    if network == NET { (ip("10.1.0.254"), ip("fd00::fe")) } else { (ip("10.2.0.254"), ip("fd02::fe")) }
}

/// A router between the two networks, with a way out.
pub fn router() -> Router {
    Router {
        id: ROUTER,
        mode: L3Mode::Legacy,
        may_be_lazy: true,
        distributed: false,
        central: true,
        serves_here: false,
        counts: Default::default(),
        interfaces: vec![
            interface(0xa1, NET, &["10.1.0.254/24", "fd00::fe/64"]),
            interface(0xb1, NET_B, &["10.2.0.254/24", "fd02::fe/64"]),
        ],
        gateway: Some(Box::new(gateway(0xe1, EXTERNAL, &["203.0.113.10/24", "2001:db8::10/64"]))),
        floating_ips: Vec::new(),
        port_forwardings: Vec::new(),
        conntrack_helpers: Vec::new(),
        meters: Vec::new(),
        routes: Vec::new(),
        host_mac: None,
        ha: None,
    }
}

/// The router's share on a host, distributed.
pub fn distributed(mode: L3Mode, central: bool) -> Router {
    let mut router = Router { mode, distributed: true, central, serves_here: !central, ..router() };
    let snat =
        [(0xa2, NET, ["10.1.0.253/24", "fd00::fd/64"]), (0xb2, NET_B, ["10.2.0.253/24", "fd02::fd/64"])];
    for (interface, (n, network, nets)) in router.interfaces.iter_mut().zip(snat) {
        interface.snat = Some(port(n, network, &nets));
    }
    router
}

pub fn floating(floating: [u8; 4], guest: &Guest) -> FloatingIp {
    let id = Uuid::from_u128(u128::from(u32::from_be_bytes(floating)));
    FloatingIp {
        id: id.into(),
        floating_ip: floating.into(),
        fixed_ip: guest.v4(),
        centralized: false,
        qos: None,
    }
}

pub fn forwarding(protocol: &str, external: u16, guest: &Guest, internal: u16) -> PortForwarding {
    PortForwarding {
        id: Uuid::from_u128(external.into()).into(),
        floating_ip: [203, 0, 113, 30].into(),
        protocol: protocol.into(),
        external_ports: Some((external, external)),
        internal_ip: guest.v4(),
        internal_ports: Some((internal, internal)),
        qos: None,
    }
}

pub fn fip(n: u8, network: NetworkId, net: &str, via: [u8; 4]) -> Part {
    Part::Fip(Fip { network_id: network, port: port(n, network, &[net]), nexthops: vec![via.into()] })
}

pub fn gateway(n: u8, network: NetworkId, nets: &[&str]) -> Gateway {
    let nexthops = vec![ip("203.0.113.1"), ip("2001:db8::1")];
    Gateway { port: port(n, network, nets), nexthops, enable_snat: true, qos: None, ndp_proxies: None }
}

pub fn interface(n: u8, network: NetworkId, nets: &[&str]) -> Interface {
    let subnet = |net: &&str| RouterSubnet {
        id: Uuid::from_u128(u128::from(n)).into(),
        cidr: net.parse::<IpNet>().expect("net").trunc(),
        ipv6_ra_mode: None,
        dns_nameservers: Vec::new(),
    };
    Interface { port: port(n, network, nets), subnets: nets.iter().map(subnet).collect(), snat: None }
}

pub fn port(n: u8, network: NetworkId, nets: &[&str]) -> RouterPort {
    RouterPort {
        port_id: PortId(Uuid::from_u128(u128::from(n) << 120 | 0x4000_8000_0000_0000_0000)),
        network_id: network,
        mac: Mac([0xfa, 0x16, 0x3e, 0xff, 0, n]),
        addresses: nets.iter().map(|net| net.parse().expect("net")).collect(),
    }
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("address")
}

fn octets(bytes: &[u8]) -> IpAddr {
    IpAddr::from([bytes[0], bytes[1], bytes[2], bytes[3]])
}
