//! Guests learn their addresses and default routes from a router's advertisements.

mod netns {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use host::dhcp::RouterLeg;
    use kernel::netns;
    use model::desired::{Interface, Ipv6Mode, RouterPort, RouterSubnet};
    use model::{NetworkId, PortId, RouterId, SubnetId};
    use tempfile::TempDir;
    use uuid::Uuid;
    use wire::Mac;

    use crate::advertise::{self, Told};
    use crate::dhcp::Place;

    const MAC: Mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 1]);
    const ROUTER: RouterId = RouterId(Uuid::from_u128(1));
    const PORT: PortId = PortId(Uuid::from_u128(2));
    const OUTSIDE: &str = "2001:db8:f::1";

    /// A router between a guest and another network, both of which are namespaces.
    struct Link(TempDir);

    impl Link {
        /// `None`, said aloud, where these tests were switched off.
        fn new() -> Option<Link> {
            let link = Link(tempfile::tempdir().expect("directory"));
            for name in ["router", "guest"] {
                if let Err(error) = netns::create(link.0.path(), name) {
                    let skip = std::env::var_os("NEUTRINO_ROOT_TESTS").is_some_and(|value| value == "skip");
                    assert!(skip, "needs root ({error}); NEUTRINO_ROOT_TESTS=skip goes without");
                    eprintln!("SKIPPED: needs root");
                    return None;
                }
            }
            let guest = link.0.path().join("guest");
            for line in [
                "sysctl -qw net.ipv6.conf.all.forwarding=1",
                &format!("ip link add qr-1 address {MAC} type veth peer name eth0 netns {}", guest.display()),
                "ip link set qr-1 up",
                "ip -6 address add 2001:db8:1::1/64 dev qr-1 nodad",
                &format!("ip -6 address add {OUTSIDE}/128 dev lo"),
            ] {
                link.run("router", line);
            }
            link.run("guest", "ip link set eth0 mtu 1500 up");
            Some(link)
        }

        fn run(&self, name: &str, line: &str) -> String {
            let words: Vec<&str> = line.split_whitespace().collect();
            let run = || Command::new(words[0]).args(&words[1..]).output().expect("program starts");
            let output = netns::within(&self.0.path().join(name), run).expect("namespace entered");
            format!(
                "{}{}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        }

        fn told(&self, mode: Ipv6Mode) -> Told {
            let subnet = RouterSubnet {
                id: SubnetId(Uuid::from_u128(4)),
                cidr: "2001:db8:1::/64".parse().expect("net"),
                ipv6_ra_mode: Some(mode),
                dns_nameservers: Vec::new(),
            };
            let port = RouterPort {
                port_id: PORT,
                network_id: NetworkId(Uuid::from_u128(3)),
                mac: MAC,
                addresses: Vec::new(),
            };
            let interface = Interface { port, subnets: vec![subnet], snat: None };
            let path = self.0.path().join("router");
            let place = Place {
                netns_id: netns::id(&path).expect("namespace"),
                netns: path,
                device: "qr-1".into(),
                index: 2,
            };
            let leg = RouterLeg::new(&interface, 1400).expect("advertises");
            [(PORT, (leg, place))].into()
        }

        /// Asks until the answer is as wanted.
        async fn until(&self, line: &str, wanted: impl Fn(&str) -> bool) -> String {
            let end = Instant::now() + Duration::from_secs(20);
            loop {
                let shown = self.run("guest", line);
                if wanted(&shown) {
                    return shown;
                }
                assert!(Instant::now() < end, "{line}: {shown}");
                // The task runs on this thread: it gets its turns here.
                tokio::task::yield_now().await;
            }
        }
    }

    impl Drop for Link {
        fn drop(&mut self) {
            for name in ["router", "guest"] {
                if netns::id(&self.0.path().join(name)).is_ok() {
                    netns::delete(self.0.path(), name).expect("deleted");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_guest_learns_its_address_and_the_way_out_and_forgets_it() {
        let Some(link) = Link::new() else { return };
        let (handle, task) = advertise::task();
        let task = tokio::spawn(task);
        handle.set(ROUTER, link.told(Ipv6Mode::Slaac)).await.expect("socket opened");
        link.until("ip -6 address show dev eth0", |shown| shown.contains("2001:db8:1:")).await;
        let router = wire::ipv6::link_local(MAC);
        let route = link.until("ip -6 route show default", |shown| shown.contains("default")).await;
        assert!(route.contains(&format!("via {router} dev eth0")), "{route}");
        let mtu = link.run("guest", "sysctl -n net.ipv6.conf.eth0.mtu");
        assert!(mtu.contains("1400"), "{mtu}");
        let ping = format!("ping -c 1 -W 1 {OUTSIDE}");
        link.until(&ping, |shown| shown.contains("1 received")).await;
        // A guest that comes later asks, and need not wait for the next round.
        link.run("guest", "ip link set eth0 down");
        link.run("guest", "ip link set eth0 up");
        link.until(&ping, |shown| shown.contains("1 received")).await;
        // Who is on standby is silent; what ceases says so.
        handle.hush(ROUTER).await.expect("done");
        handle.set(ROUTER, link.told(Ipv6Mode::Slaac)).await.expect("socket opened");
        assert!(link.run("guest", "ip -6 route show default").contains("default"));
        handle.set(ROUTER, Told::new()).await.expect("done");
        link.until("ip -6 route show default", |shown| !shown.contains("default")).await;
        task.abort();
    }

    #[tokio::test]
    async fn a_guest_of_a_managed_subnet_takes_the_way_out_and_no_address() {
        let Some(link) = Link::new() else { return };
        let (handle, task) = advertise::task();
        let task = tokio::spawn(task);
        handle.set(ROUTER, link.told(Ipv6Mode::Dhcpv6Stateful)).await.expect("socket opened");
        link.until("ip -6 route show default", |shown| shown.contains("default")).await;
        let shown = link.run("guest", "ip -6 address show dev eth0 scope global");
        assert!(!shown.contains("2001:db8:1:"), "{shown}");
        task.abort();
    }

    #[tokio::test]
    async fn a_device_that_is_not_there_is_told() {
        let Some(link) = Link::new() else { return };
        let (handle, task) = advertise::task();
        let task = tokio::spawn(task);
        let mut told = link.told(Ipv6Mode::Slaac);
        for (_, place) in told.values_mut() {
            place.device = "qr-9".into();
        }
        assert!(handle.set(ROUTER, told).await.is_err());
        task.abort();
    }
}
