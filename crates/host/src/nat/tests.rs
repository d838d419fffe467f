use super::*;

#[expect(clippy::disallowed_methods, reason = "golden files are read")]
fn golden(name: &str, nat: &Nat) {
    let text = nat.tree().to_string();
    let path = format!("{}/src/nat/golden/{name}.nft", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("golden file is written");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{path}; UPDATE=1 writes what is");
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("address")
}

fn forwarding(external: (u16, u16), internal: (u16, u16)) -> Forwarding {
    Forwarding {
        protocol: 6,
        floating_ip: ip("203.0.113.9"),
        external: Some(external),
        internal_ip: ip("10.0.0.9"),
        internal: Some(internal),
    }
}

fn gateway() -> Nat {
    Nat {
        outside: "qg-12345678-9a".into(),
        address: Some(ip("203.0.113.2")),
        enable_snat: true,
        hairpin: true,
        ..Nat::default()
    }
}

#[test]
fn tables_are_as_written() {
    golden("snat", &gateway());
    golden("no_snat", &Nat { enable_snat: false, ..gateway() });
    let floating_ips: BTreeMap<Ipv4Addr, Ipv4Addr> =
        [(ip("203.0.113.5"), ip("10.0.0.5")), (ip("203.0.113.6"), ip("10.0.0.6"))].into();
    let whole = Forwarding { protocol: 1, external: None, internal: None, ..forwarding((1, 1), (1, 1)) };
    let forwardings = [
        forwarding((80, 80), (8080, 8080)),
        forwarding((2000, 2002), (3000, 3002)),
        forwarding((4000, 4001), (22, 22)),
        forwarding((8000, 8099), (8000, 8099)),
        whole,
    ];
    let full = Nat { floating_ips: floating_ips.clone(), forwardings: forwardings.into(), ..gateway() };
    golden("full", &full);
    let wall = Wall {
        nets: ["2001:db8:1::/64".parse().expect("net")].into(),
        open: ["2001:db8:1::5".parse().expect("address")].into(),
    };
    golden("wall", &Nat { wall, ..gateway() });
    let slow = Some(Limit { kbps: 8000, burst_kbits: 0 });
    let few = Some(Packets { kpps: 1, burst_kpackets: 0 });
    let both = Qos { egress: slow, ingress_packets: few, ..Qos::default() };
    let limits = [(ip("203.0.113.5"), both), (ip("203.0.113.2"), Qos { ingress: slow, ..Qos::default() })];
    golden("limits", &Nat { limits: limits.into(), floating_ips: floating_ips.clone(), ..gateway() });
    golden("host", &Nat { outside: "rfp-12345678-9a".into(), floating_ips, ..Nat::default() });
}

/// A floating IP that only forwards is held to its limits like one that is tied.
#[test]
fn limits_of_forwardings_are_held() {
    let qos = Qos { ingress: Some(Limit { kbps: 8000, burst_kbits: 0 }), ..Qos::default() };
    let address = ip("203.0.113.9");
    let one = |qos| desired::PortForwarding {
        id: uuid::Uuid::nil().into(),
        floating_ip: address.into(),
        protocol: "tcp".into(),
        external_ports: Some((80, 80)),
        internal_ip: ip("10.0.0.9").into(),
        internal_ports: Some((8080, 8080)),
        qos,
    };
    let port = desired::RouterPort {
        port_id: uuid::Uuid::nil().into(),
        network_id: uuid::Uuid::nil().into(),
        mac: wire::Mac([2, 0, 0, 0, 0, 1]),
        addresses: vec!["203.0.113.2/24".parse().expect("address")],
    };
    let gateway =
        desired::Gateway { port, nexthops: vec![], enable_snat: true, qos: None, ndp_proxies: None };
    let nat = |qos| Nat::of_gateway("qg-12345678-9a".into(), &gateway, &[], &[one(qos)], &[]);
    assert!(nat(None).limits.is_empty());
    assert_eq!(nat(Some(qos)).limits, BTreeMap::from([(address, qos)]));
    golden("limits_forwarding", &nat(Some(qos)));
}

#[test]
fn a_port_that_two_want_is_the_first_ones() {
    let all = [
        forwarding((80, 90), (80, 90)),
        forwarding((85, 85), (22, 22)),
        forwarding((91, 91), (22, 22)),
        forwarding((100, 110), (200, 205)),
        forwarding((120, 110), (120, 110)),
    ];
    let nat = Nat { forwardings: all.into(), ..gateway() };
    assert_eq!(nat.left_out(), [all[1], all[3], all[4]]);
}

/// What a tenant can have the kernel keep is bounded, and what is beyond is told.
#[test]
fn too_many_ports_are_left_out() {
    let most = u16::try_from(SHIFTED_PORTS).expect("fits");
    let all = [forwarding((1, most), (2, most + 1)), forwarding((most + 1, most + 1), (7, 7))];
    let nat = Nat { forwardings: all.into(), ..gateway() };
    assert_eq!(nat.left_out(), [all[1]]);
    let elements: usize = nat.tree().maps.iter().map(|map| map.elements.len()).sum();
    assert_eq!(elements, SHIFTED_PORTS);
    // Ports that keep their numbers take one element together.
    let wide = Nat { forwardings: [forwarding((1, 65535), (1, 65535))].into(), ..gateway() };
    assert!(wide.left_out().is_empty());
    assert_eq!(wide.tree().maps[0].elements.len(), 1);
}

#[test]
fn another_content_is_another_hash() {
    let plain = gateway();
    let mut hashes = vec![plain.hash()];
    hashes.push(Nat { enable_snat: false, ..plain.clone() }.hash());
    hashes.push(Nat { forwardings: [forwarding((1, 1), (2, 2))].into(), ..plain.clone() }.hash());
    hashes.push(Nat { forwardings: [forwarding((1, 1), (1, 1))].into(), ..plain }.hash());
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 4);
}
