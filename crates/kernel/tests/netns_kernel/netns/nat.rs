//! Tables of address translation: what is written is what their text says, and what is seen.

use std::net::Ipv4Addr;
use std::process::Output;
use std::time::Duration;

use host::Op;
use host::nat::{Forwarding, Nat, Wall};
use host::nft::{Chain, Match, Rule, Table, Verdict};
use host::op::Inside;
use kernel::packet::{Instruction, PacketSocket};
use model::desired::{Limit, Packets, Qos};

use crate::netns::inner::{QROUTER, done, inside, seen, step};
use crate::netns::place::Place;

/// Of classic BPF: a return of as many bytes as there are.
pub const TAKE_ALL: Instruction = Instruction { code: 0x06, jump_true: 0, jump_false: 0, value: u32::MAX };

fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect("address")
}

fn forwarding(protocol: u8, external: Option<(u16, u16)>, internal: Option<(u16, u16)>) -> Forwarding {
    Forwarding { protocol, floating_ip: ip("203.0.113.9"), external, internal_ip: ip("10.0.0.9"), internal }
}

/// Everything that a table can have.
fn full() -> Nat {
    Nat {
        outside: "qg-1".into(),
        address: Some(ip("203.0.113.2")),
        enable_snat: true,
        hairpin: true,
        floating_ips: (5..40u8).map(|n| ([203, 0, 113, n].into(), [10, 0, 0, n].into())).collect(),
        forwardings: [
            forwarding(6, Some((80, 80)), Some((8080, 8080))),
            forwarding(6, Some((2000, 2009)), Some((3000, 3009))),
            forwarding(6, Some((8000, 8099)), Some((8000, 8099))),
            forwarding(17, Some((8000, 8099)), Some((8000, 8099))),
            forwarding(17, Some((53, 53)), Some((53, 53))),
            forwarding(1, None, None),
        ]
        .into(),
        limits: [(ip("203.0.113.5"), qos()), (ip("203.0.113.2"), qos())].into(),
        wall: Wall {
            nets: ["2001:db8:1::/64".parse().expect("net"), "2001:db8:2::/61".parse().expect("net")].into(),
            open: ["2001:db8:1::5".parse().expect("address")].into(),
        },
    }
}

fn qos() -> Qos {
    Qos {
        egress: Some(Limit { kbps: 8000, burst_kbits: 0 }),
        ingress: Some(Limit { kbps: 8, burst_kbits: 8 }),
        egress_packets: Some(Packets { kpps: 1, burst_kpackets: 2 }),
        ..Qos::default()
    }
}

fn kinds() -> Vec<Nat> {
    let plain = Nat { outside: "qg-1".into(), ..Nat::default() };
    vec![
        plain.clone(),
        Nat { address: Some(ip("203.0.113.2")), enable_snat: true, ..plain.clone() },
        Nat { floating_ips: full().floating_ips, ..plain },
        full(),
        Nat { enable_snat: false, ..full() },
    ]
}

/// What stands in golden files is what the kernel holds.
#[tokio::test]
async fn a_table_is_what_its_text_says_and_is_replaced_whole() {
    let Some(place) = Place::new() else { return };
    if !place.run("nft --version").status.success() {
        eprintln!("SKIPPED: needs nft");
        return;
    }
    done(&place, vec![step(Op::AddNetns { netns: QROUTER.into() })]).await;
    for content in kinds() {
        for _ in 0..2 {
            done(&place, inside([Inside::ReplaceTable { content: content.clone() }])).await;
            assert_eq!(seen(&place, QROUTER).await.table, Some(content.hash()));
        }
        let written = listed(place.inside(QROUTER, "nft list table inet neutrino"));
        let script = place.netns_dir().with_extension("nft");
        let text = format!("table inet text {{\n{}}}\n", content.tree());
        std::fs::write(&script, &text).expect("script");
        let loaded = place.inside(QROUTER, &format!("nft -f {}", script.display()));
        assert!(loaded.status.success(), "{loaded:?}\nof {text}");
        let read = listed(place.inside(QROUTER, "nft list table inet text"));
        assert_eq!(written, read, "of {text}");
        assert!(written.contains("hook input"), "{written}");
        place.inside(QROUTER, "nft delete table inet text");
    }
    for _ in 0..2 {
        done(&place, inside([Inside::DeleteTable])).await;
        assert_eq!(seen(&place, QROUTER).await.table, None);
    }
    place.inside(QROUTER, "nft add table inet neutrino");
    assert_eq!(seen(&place, QROUTER).await.table, Some(0), "somebody else's");
}

fn listed(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().skip(1).filter(|line| !line.contains("comment")).collect::<Vec<_>>().join("\n")
}

/// As many ports as are carried at all, in one transaction.
#[tokio::test]
async fn a_table_of_many_elements_is_written_and_taken_away() {
    let Some(place) = Place::new() else { return };
    done(&place, vec![step(Op::AddNetns { netns: QROUTER.into() })]).await;
    let many = u16::try_from(model::desired::SHIFTED_PORTS).expect("fits");
    let wide = forwarding(6, Some((1, many)), Some((1001, many + 1000)));
    let floating_ips = (0..2000u32).map(|n| ((0xcb00_0000 + n).into(), (0x0a00_0000 + n).into())).collect();
    let content = Nat { forwardings: [wide].into(), floating_ips, ..full() };
    assert!(content.left_out().is_empty());
    done(&place, inside([Inside::ReplaceTable { content: content.clone() }])).await;
    assert_eq!(seen(&place, QROUTER).await.table, Some(content.hash()));
    done(&place, inside([Inside::DeleteTable])).await;
}

/// Frames that leave by a device can be told apart and given another source.
#[tokio::test]
async fn what_leaves_a_device_is_given_another_source() {
    let Some(place) = Place::new() else { return };
    place.ip("link add up0 type veth peer name up1");
    place.ip("link set up0 address 02:00:00:00:00:aa");
    let mine = wire::Mac([2, 0, 0, 0, 0, 0xaa]);
    let other = wire::Mac([2, 0, 0, 0, 0, 0xbb]);
    let drops = Rule {
        matches: vec![Match::ArpTargetIp("10.0.0.66/32".parse().expect("net"))],
        verdict: Verdict::Drop,
    };
    let sets = Rule { matches: vec![Match::EtherSource(mine)], verdict: Verdict::SetEtherSource(other) };
    let chains = vec![
        Chain { name: host::nft::INGRESS.into(), rules: Vec::new() },
        Chain { name: host::nft::EGRESS.into(), rules: vec![drops, sets] },
    ];
    let content = Table { device: "up0".into(), remembers: false, chains };
    done(&place, vec![step(Op::ReplaceTable { table: "neutrino-up0".into(), content })]).await;
    place.ip("address add 10.0.0.1/24 dev up0");
    place.ip("link set up0 up");
    place.ip("link set up1 up");
    let socket = PacketSocket::open(&place.path(), "up1", &[TAKE_ALL]).expect("socket");
    place.run("ping -c 1 -W 1 10.0.0.66");
    place.run("ping -c 1 -W 1 10.0.0.77");
    tokio::time::timeout(Duration::from_secs(10), socket.readable()).await.expect("in time").expect("frames");
    let mut asked = Vec::new();
    let mut buffer = [0; 2048];
    while let Some(frame) = socket.try_receive(&mut buffer).expect("frames") {
        let Ok(ether) = wire::Ethernet::parse(frame) else { continue };
        if ether.ethertype == 0x0806
            && let Ok(arp) = wire::Arp::parse(&frame[wire::Ethernet::LEN..])
        {
            asked.push((ether.src, arp.target_ip));
        }
    }
    asked.dedup();
    assert_eq!(asked, [(other, ip("10.0.0.77"))]);
}
