use super::*;

#[test]
fn a_configuration_as_written_by_hand() {
    let text = r#"{
        "ports": { "tap0": { "network": "blue", "way": "tap" }, "veth1": { "network": "blue" } },
        "underlays": { "eth0": {} },
        "networks": { "blue": {
            "learn": false,
            "tunnels": { "to-b": { "vni": 5 }, "to-c": { "vni": 7, "flood": false } },
            "entries": { "fa:16:3e:00:00:01": { "port": "tap0" }, "fa:16:3e:00:00:02": { "tunnel": "to-b" } }
        } },
        "tunnels": {
            "to-b": { "type": "vxlan", "local": "192.0.2.1", "remote": "192.0.2.2" },
            "to-c": { "type": "geneve", "local": "2001:db8::1", "remote": "2001:db8::2", "dscp": "copy",
                      "options": [{ "class": 259, "type": 1, "data": [0, 0, 0, 9] }] }
        }
    }"#;
    let wanted: Wanted = serde_json::from_str(text).expect("as documented");
    let again: Wanted = serde_json::from_str(&serde_json::to_string(&wanted).expect("plain")).expect("ours");
    assert_eq!(again, wanted);
    assert_eq!(wanted.ports["veth1"].way, Way::Packet);
    assert!(wanted.networks["blue"].flood_unknown && wanted.networks["blue"].tunnels["to-b"].flood);
    assert_eq!((wanted.tunnels["to-b"].ttl, wanted.tunnels["to-b"].dscp), (64, Dscp::Fixed(0)));
    assert_eq!(wanted.tunnels["to-c"].dscp, Dscp::Copy);
}

#[test]
fn what_is_not_known_or_out_of_range_is_refused() {
    for text in [
        r#"{ "portz": {} }"#,
        r#"{ "networks": { "n": { "tunnels": { "t": { "vni": 16777216 } } } } }"#,
        r#"{ "tunnels": { "t": { "type": "gre", "local": "1.1.1.1", "remote": "1.1.1.2" } } }"#,
        r#"{ "tunnels": { "t": { "type": "vxlan", "local": "x", "remote": "1.1.1.2" } } }"#,
        r#"{ "underlays": { "eth0": { "fast": true } } }"#,
    ] {
        assert!(serde_json::from_str::<Wanted>(text).is_err(), "{text}");
    }
}
