//! Replays the fuzz corpora through all parsers: seeds (`UPDATE=1` writes them), and whatever
//! fuzzing found.
#![expect(clippy::disallowed_methods, reason = "the corpus is files")]

mod walk;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use wire::arp::Operation;
use wire::ethernet::ethertype;
use wire::icmpv6::{NdOption, PrefixInfo, neighbour, router};
use wire::{Arp, Ethernet, Ipv6, Mac, ipv6};

#[test]
fn corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(root.join("wire")).expect("corpus is writable");
        for (name, frame) in seeds() {
            std::fs::write(root.join("wire").join(name), frame).expect("corpus is writable");
        }
    }
    let mut replayed = 0;
    for folder in ["dhcp", "wire"] {
        let files = std::fs::read_dir(root.join(folder)).expect("the corpus is part of the tree");
        for file in files {
            let path = file.expect("readable").path();
            walk::frame(&std::fs::read(path).expect("readable"));
            replayed += 1;
        }
    }
    assert!(replayed > seeds().len(), "{replayed} files");
}

/// One frame of each kind that the DHCP corpus lacks.
fn seeds() -> [(&'static str, Vec<u8>); 8] {
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    let (src, dst) = (ipv6::link_local(mac), ipv6::ALL_NODES);
    let mut arp = vec![0; Ethernet::LEN + Arp::LEN];
    Ethernet { dst: Mac::BROADCAST, src: mac, ethertype: ethertype::ARP }
        .emit(arp.first_chunk_mut().expect("14 bytes"));
    let (sender_ip, target_ip) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let operation = Operation::Request;
    Arp { operation, sender_mac: mac, sender_ip, target_mac: Mac::ZERO, target_ip }
        .emit(arp.last_chunk_mut().expect("28 bytes"));

    let mut asked = Vec::new();
    neighbour::Solicitation { target: src, source_link: Some(mac) }.emit(src, dst, &mut asked);
    let mut told = Vec::new();
    neighbour::Advertisement {
        target: src,
        router: false,
        solicited: false,
        overriding: true,
        target_link: Some(mac),
    }
    .emit(src, dst, &mut told);
    let mut router = Vec::new();
    let options = [
        NdOption::SourceLink(mac),
        NdOption::Mtu(1450),
        NdOption::Prefix(PrefixInfo {
            prefix: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
            prefix_len: 64,
            on_link: true,
            autonomous: true,
            valid_s: 86400,
            preferred_s: 14400,
        }),
        NdOption::Rdnss { lifetime_s: 1800, servers: &[src.octets()] },
        NdOption::Other { kind: 31, body: &[0; 6] },
    ];
    router::Advertisement::default().emit(&options, src, dst, &mut router);
    [
        ("arp", arp),
        ("nd-advert", in_frame(mac, &told)),
        ("nd-ask", in_frame(mac, &asked)),
        ("nd-router", in_frame(mac, &router)),
        ("nvgre", vec![0x20, 0, 0x65, 0x58, 0x12, 0x34, 0x56, 0x78]),
        ("geneve", vec![3, 0x40, 0x65, 0x58, 0, 0, 5, 0, 1, 3, 0x81, 1, 0, 0, 0, 9, 1, 4, 2, 0, 7, 7]),
        (
            "tcp",
            [&[0x9c, 0x40, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x60, 0x18, 2, 0, 0, 0, 0, 0][..], &[1; 8]]
                .concat(),
        ),
        ("vxlan", vec![8, 0, 0, 0, 0x12, 0x34, 0x56, 0]),
    ]
}

fn in_frame(mac: Mac, message: &[u8]) -> Vec<u8> {
    let (src, dst) = (ipv6::link_local(mac), ipv6::ALL_NODES);
    let mut ethernet = [0; Ethernet::LEN];
    Ethernet { dst: ipv6::multicast_mac(dst), src: mac, ethertype: ethertype::IPV6 }.emit(&mut ethernet);
    let mut ip = [0; Ipv6::LEN];
    let payload_len = message.len() as u16;
    Ipv6 { src, dst, next_header: 58, hop_limit: 255, payload_len }.emit(&mut ip);
    [&ethernet, &ip[..], message].concat()
}
