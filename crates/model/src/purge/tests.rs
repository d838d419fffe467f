//! The language as text, and what it refuses.

use serde_json::{Value, json};

use super::*;

const ID: &str = "6f1e3a52-8d0c-4b6e-9a53-0f1b2c3d4e5f";

fn job(what: Value) -> Result<Job, String> {
    job_in(json!("host"), what)
}

fn job_in(place: Value, what: Value) -> Result<Job, String> {
    let job = json!({ "id": ID, "reason": "port_deleted", "place": place, "what": what });
    let job: Job = serde_json::from_value(job).map_err(|error| error.to_string())?;
    job.check().map(|()| job.clone()).map_err(|wrong| wrong.to_string())
}

#[test]
fn what_is_written_is_read() {
    let pairs = json!({ "pairs": { "zone": 5, "removed": ["10.0.0.1", "10.1.0.0/24", "2001:db8::1"],
        "peers": { "of": ["10.2.0.1"] }, "began": "peer",
        "service": { "protocol": 6, "ports": { "from": 80, "to": 90 } } } });
    let tuples = json!({ "tuples": { "zone": 7, "tuples": [
        { "protocol": 17, "source": "10.0.0.1", "destination": "10.0.0.2", "source_port": 1, "destination_port": 53 },
        { "protocol": 58, "source": "fd00::1", "destination": "fd00::2", "icmp": { "type": 128, "code": 0, "id": 9 } },
    ] } });
    for (place, what) in [
        (json!("host"), json!({ "zone": 5 })),
        (json!({ "netns": format!("qrouter-{ID}") }), json!({ "zone": 0 })),
        (json!("host"), pairs),
        (json!({ "netns": format!("snat-{ID}") }), tuples),
    ] {
        let written = json!({ "id": ID, "reason": "port_deleted", "place": place, "what": what });
        let job = job_in(place, what).expect("good");
        assert_eq!(serde_json::to_value(&job).expect("JSON"), written);
    }
}

#[test]
fn every_reason_has_its_name() {
    for reason in Reason::ALL {
        assert_eq!(serde_json::to_value(reason).expect("JSON"), json!(reason.name()));
    }
}

#[test]
fn a_prefix_is_kept_once_and_without_what_is_behind_it() {
    let addresses: Addresses =
        serde_json::from_value(json!(["10.1.2.3/16", "10.1.0.0/16", "10.0.0.1/32"])).unwrap();
    assert_eq!(serde_json::to_value(&addresses).unwrap(), json!(["10.0.0.1", "10.1.0.0/16"]));
    assert!(addresses.contains([10, 1, 255, 255].into()) && !addresses.contains([10, 2, 0, 0].into()));
}

#[test]
fn one_is_said_otherwise_than_several() {
    for (what, said) in [
        (
            json!({ "pairs": { "removed": ["10.0.0.1"], "peers": { "of": ["10.0.0.2"] } } }),
            "1 address x 1 peer",
        ),
        (
            json!({ "pairs": { "zone": 5, "removed": ["10.0.0.1", "10.0.0.2"],
                "peers": { "of": ["10.0.0.3", "10.0.0.4"] } } }),
            "2 addresses x 2 peers, zone 5",
        ),
        (json!({ "pairs": { "removed": ["10.0.0.1"] } }), "1 address x any peer"),
        (
            json!({ "tuples": { "zone": 7, "tuples": [{ "protocol": 17, "source": "10.0.0.1",
                "destination": "10.0.0.2", "source_port": 1, "destination_port": 53 }] } }),
            "1 known connection of zone 7",
        ),
    ] {
        assert_eq!(job(what).expect("good").what.to_string(), said);
    }
}

#[test]
fn mistakes_say_what_to_change() {
    let many: Vec<String> = (0..=MAX_ADDRESSES).map(|n| format!("10.0.{}.{}", n / 256, n % 256)).collect();
    let tuple = |fields: Value| json!({ "tuples": { "tuples": [fields] } });
    for (what, word) in [
        (json!({ "zone": 0 }), "host's own"),
        (json!({ "zone": 65536 }), "u16"),
        (json!({ "zone": -1 }), "u16"),
        (json!({ "everything": true }), "everything"),
        (json!({ "pairs": {} }), "removed"),
        (json!({ "pairs": { "removed": [] } }), "at least one"),
        (json!({ "pairs": { "removed": ["0.0.0.0/0"] } }), "all addresses"),
        (json!({ "pairs": { "removed": ["10.0.0.256"] } }), "not an address"),
        (json!({ "pairs": { "removed": [many[0], 7] } }), "string"),
        (json!({ "pairs": { "removed": many } }), "at most 10000"),
        (json!({ "pairs": { "removed": ["10.0.0.1"], "peer": "any" } }), "peer"),
        (json!({ "pairs": { "removed": ["10.0.0.1"], "peers": { "of": [] } } }), "any"),
        (json!({ "pairs": { "removed": ["10.0.0.1"], "peers": { "of": ["::1"] } } }), "family"),
        (
            json!({ "pairs": { "removed": ["10.0.0.1"], "service": { "protocol": 1, "ports": { "from": 1, "to": 2 } } } }),
            "no ports",
        ),
        (
            json!({ "pairs": { "removed": ["10.0.0.1"], "service": { "protocol": 6, "ports": { "from": 2, "to": 1 } } } }),
            "swap",
        ),
        (
            json!({ "pairs": { "removed": ["10.0.0.1"], "service": { "protocol": 6, "icmp_type": 8 } } }),
            "ICMP",
        ),
        (
            json!({ "pairs": { "removed": ["10.0.0.1"], "service": { "protocol": 1, "icmp_code": 0 } } }),
            "type",
        ),
        (json!({ "tuples": { "tuples": [] } }), "at least one"),
        (tuple(json!({ "protocol": 6, "source": "10.0.0.1", "destination": "::1" })), "two families"),
        (
            tuple(json!({ "protocol": 1, "source": "10.0.0.1", "destination": "10.0.0.2" })),
            "type, code and id",
        ),
        (
            tuple(json!({ "protocol": 1, "source": "::1", "destination": "::2", "icmp": { "type": 8 } })),
            "58 with IPv6",
        ),
        (
            tuple(
                json!({ "protocol": 2, "source": "10.0.0.1", "destination": "10.0.0.2", "source_port": 5 }),
            ),
            "no ports",
        ),
    ] {
        let error = job(what.clone()).expect_err(word);
        assert!(error.contains(word), "{what}: '{error:.200}' should say '{word}'");
    }
}

#[test]
fn a_place_is_the_host_or_a_routers_namespace() {
    for name in ["../../etc", "qrouter-", "qrouter-1", "qdhcp-6f1e3a52-8d0c-4b6e-9a53-0f1b2c3d4e5f", "init"] {
        let error = job_in(json!({ "netns": name }), json!({ "zone": 1 })).expect_err(name);
        assert!(error.contains("qrouter-ID"), "{error}");
    }
    let loud = format!("qrouter-{}", ID.to_uppercase());
    assert!(job_in(json!({ "netns": loud }), json!({ "zone": 1 })).is_err());
}

#[test]
fn a_job_that_was_not_read_is_bounded_as_well() {
    let all: Addresses =
        (0..=MAX_ADDRESSES as u32).map(|n| std::net::IpAddr::from(n.to_be_bytes())).collect();
    let pairs = Pairs { zone: None, removed: all, peers: Peers::Any, service: None, began: Began::Either };
    let what = What::Pairs(pairs);
    let job = Job { id: ID.parse().unwrap(), reason: Reason::Operator, place: Place::Host, what };
    assert_eq!(job.check(), Err(Wrong::ManyAddresses(MAX_ADDRESSES + 1)));
}

fn bytes(job: Job) -> usize {
    serde_json::to_vec(&Request::Submit { jobs: vec![job] }).expect("JSON").len()
}

#[test]
fn the_largest_job_fits_into_a_message() {
    let v6 = |n: usize| -> std::net::IpAddr {
        std::net::Ipv6Addr::from(0x2001_ffff_ffff_ffff_ffff_ffff_ffff_0000 + n as u128).into()
    };
    let all: Addresses = (0..MAX_ADDRESSES).map(v6).collect();
    let pairs = Pairs {
        zone: Some(65535),
        removed: all.clone(),
        peers: Peers::Of(all),
        service: None,
        began: Began::Peer,
    };
    let job = Job {
        id: ID.parse().unwrap(),
        reason: Reason::Operator,
        place: Place::Host,
        what: What::Pairs(pairs),
    };
    assert_eq!(job.check(), Ok(()));
    assert!(bytes(job) <= MAX_FRAME_BYTES);

    let end = |n: u16| (v6(usize::from(n)), n);
    let tuples: Vec<Tuple> =
        (0..MAX_TUPLES as u16).map(|n| Tuple::ports(132, end(60_000 + n), end(9))).collect();
    let what = What::Tuples(Tuples { zone: 65535, tuples });
    let job = Job { id: ID.parse().unwrap(), reason: Reason::Operator, place: Place::Host, what };
    assert_eq!(job.check(), Ok(()));
    assert!(bytes(job) <= MAX_FRAME_BYTES);
}
