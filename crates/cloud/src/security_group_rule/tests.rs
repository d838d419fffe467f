use super::*;

fn allowed(ethertype: Ethertype, protocol: &str, ports: (Option<u16>, Option<u16>)) -> Allowed {
    Allowed {
        direction: Direction::Ingress,
        ethertype,
        protocol: (!protocol.is_empty()).then(|| protocol.to_owned()),
        port_range_min: ports.0,
        port_range_max: ports.1,
        remote_ip_prefix: None,
        remote_group_id: None,
        remote_address_group_id: None,
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    use Ethertype::{V4, V6};
    for (ethertype, protocol, ports, good) in [
        (V4, "", (None, None), true),
        (V4, "", (Some(80), Some(80)), false),
        (V4, "tcp", (Some(80), Some(90)), true),
        (V4, "6", (Some(80), Some(90)), true),
        (V4, "tcp", (Some(90), Some(80)), false),
        (V4, "tcp", (Some(80), None), false),
        (V4, "tcp", (None, Some(80)), false),
        (V4, "tcp", (Some(0), Some(80)), false),
        (V4, "udplite", (Some(1), Some(2)), true),
        (V4, "gre", (Some(1), Some(2)), false),
        (V4, "gre", (None, None), true),
        (V4, "icmp", (Some(8), None), true),
        (V4, "icmp", (Some(8), Some(0)), true),
        (V4, "icmp", (Some(256), None), false),
        (V4, "icmp", (Some(8), Some(256)), false),
        (V4, "icmp", (None, Some(0)), false),
        (V4, "ipv6-icmp", (None, None), false),
        (V4, "58", (None, None), false),
        (V6, "icmp", (Some(128), None), true),
        (V6, "ipv6-route", (None, None), true),
    ] {
        let mut asked = allowed(ethertype, protocol, ports);
        assert_eq!(check(&mut asked).is_ok(), good, "{ethertype:?} {protocol} {ports:?}");
    }
}

#[test]
fn the_same_in_other_words_is_the_same() {
    use Ethertype::{V4, V6};
    let form = |mut asked: Allowed| {
        check(&mut asked).expect("makes sense");
        canonical(&asked)
    };
    let all = (Some(1), Some(65535));
    assert_eq!(form(allowed(V4, "tcp", (None, None))), form(allowed(V4, "6", all)));
    assert_eq!(form(allowed(V6, "icmp", (None, None))), form(allowed(V6, "58", (None, None))));
    assert_eq!(form(allowed(V6, "1", (None, None))), form(allowed(V6, "icmpv6", (None, None))));
    assert_ne!(form(allowed(V4, "icmp", (None, None))), form(allowed(V6, "icmp", (None, None))));
    let prefix =
        |text: &str| Allowed { remote_ip_prefix: Some(text.into()), ..allowed(V4, "", (None, None)) };
    assert_eq!(form(prefix("0.0.0.0/0")), form(allowed(V4, "", (None, None))));
    assert_ne!(form(prefix("10.1.2.3/8")), form(prefix("10.0.0.0/8")));
}
