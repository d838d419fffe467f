//! Router advertisements of a distributed router, which every host of its instances has.

use std::path::Path;
use std::time::Duration;

use kernel::packet::{Instruction, PacketSocket};
use model::desired::L3Mode;
use serde_json::json;
use testbed::client::id_of;
use testbed::place::run_in;
use testbed::routing::RouterPlan;
use testbed::{Cloud, Plan, wait};

use crate::netns::small::{SOON, guest, ipv6};

/// Classic BPF: IPv6, ICMPv6, router advertisement.
const ADVERTISEMENTS: &[Instruction] = &[
    Instruction { code: 0x28, jump_true: 0, jump_false: 0, value: 12 },
    Instruction { code: 0x15, jump_true: 0, jump_false: 5, value: 0x86dd },
    Instruction { code: 0x30, jump_true: 0, jump_false: 0, value: 20 },
    Instruction { code: 0x15, jump_true: 0, jump_false: 3, value: 58 },
    Instruction { code: 0x30, jump_true: 0, jump_false: 0, value: 54 },
    Instruction { code: 0x15, jump_true: 0, jump_false: 1, value: 134 },
    Instruction { code: 0x06, jump_true: 0, jump_false: 0, value: 0x4_0000 },
    Instruction { code: 0x06, jump_true: 0, jump_false: 0, value: 0 },
];

/// Advertisements of a router that came by a device.
struct Heard {
    socket: PacketSocket,
    router: Vec<u8>,
    count: usize,
}

impl Heard {
    fn open(namespace: &Path, device: &str, router: &[u8]) -> Heard {
        let socket = PacketSocket::open(namespace, device, ADVERTISEMENTS).expect("listens");
        Heard { socket, router: router.to_vec(), count: 0 }
    }

    fn count(&mut self) -> usize {
        let mut buffer = [0; 2048];
        loop {
            match self.socket.try_receive(&mut buffer) {
                // Who answers DHCP advertises as well.
                Ok(Some(frame)) => self.count += usize::from(frame[6..12] == self.router),
                Ok(None) => return self.count,
                // Said once of a device that went down.
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NetworkDown, "{error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_its_own_host_advertises_to_an_instance() {
    let mut plan = Plan::new("own-ra", 2);
    plan.physical_networks = vec!["public".into()];
    plan.l3 = vec![Some(L3Mode::Dvr), Some(L3Mode::Dvr)];
    let cloud = Cloud::start(plan).await.expect("a cloud; these tests need root");
    let outside = cloud.outside("public", 113).await.expect("a world");
    let network = cloud.network_of("net", "10.1.0.0/24").await.expect("a network");
    ipv6(&cloud, &network, "2001:db8:1::/64", "slaac").await;
    let (a, _, _) = guest(&cloud, "a", &network, 0).await;
    let (b, b_port, _) = guest(&cloud, "b", &network, 1).await;
    let shown = cloud.client.get(&format!("networks/{network}")).await.expect("a network");
    let tunnel = format!("vxlan-{}", shown["provider:segmentation_id"]);
    let plan = RouterPlan { distributed: true, ha: false, enable_snat: false };
    let router = cloud.router("r", plan, &outside, &[]).await.expect("a router");
    let subnets = cloud.client.get(&format!("subnets?network_id={network}&ip_version=6")).await;
    let on = json!([{ "subnet_id": subnets.expect("subnets")[0]["id"] }]);
    let fields = json!({ "network_id": network, "fixed_ips": on });
    let port = cloud.client.create("port", fields).await.expect("a port");
    let mac = port["mac_address"].as_str().expect("a MAC").split(':');
    let mac: Vec<u8> = mac.map(|part| u8::from_str_radix(part, 16).expect("hexadecimal")).collect();
    let mut crossed = Heard::open(&cloud.hosts[0].namespace, &tunnel, &mac);
    let mut of_a = Heard::open(&a.namespace, "eth0", &mac);
    let mut of_b = Heard::open(&b.namespace, "eth0", &mac);
    let body = json!({ "port_id": port["id"] });
    cloud.client.act(&format!("routers/{router}/add_router_interface"), body).await.expect("attaches");
    let default = ["ip", "-6", "route", "show", "default"];
    for round in 1..=3 {
        // An instance that comes up asks.
        for guest in [&a, &b] {
            guest.run(&["ip", "link", "set", "eth0", "down"]).await.expect("down");
            guest.run(&["ip", "link", "set", "eth0", "up"]).await.expect("up");
        }
        let heard = wait::until(SOON, || {
            let done = of_a.count() >= round && of_b.count() >= round;
            async move { done.then_some(()) }
        });
        heard.await.unwrap_or_else(|| panic!("round {round}: {} and {}", of_a.count(), of_b.count()));
    }
    for guest in [&a, &b] {
        let learnt =
            wait::until(SOON, || async { guest.run(&default).await.ok().filter(|r| r.contains("via")) });
        learnt.await.expect("the way out");
    }

    // A host that loses its last instance says goodbye to nobody else's.
    b.shut_down(&cloud.place).await.expect("ends");
    cloud.client.delete("port", &id_of(&b_port)).await.expect("deletes");
    cloud.has_router_namespaces(1, 0, SOON).await.expect("gone from the second host");
    wait::pause(Duration::from_millis(200)).await;
    assert_eq!(crossed.count(), 0, "advertisements crossed the tunnel");
    assert!(run_in(&a.namespace, &default).await.expect("routes").contains("via"), "the way out is lost");
    cloud.stop().await.expect("stops");
}
