//! What is on the wire, as `tshark` reads it.

use model::vswitch::Kind as Tunnel;
use testbed::place::run_in;
use testbed::switched::captured::{Capture, values};
use testbed::switched::{Kind, Lay, Pair, Runs, VNI};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_of_each_format_is_as_the_rfcs_say() {
    let formats = [
        (Tunnel::Vxlan, "vxlan", "vxlan.vni", "udp port 4789"),
        (Tunnel::Geneve, "geneve", "geneve.vni", "udp port 6081"),
        (Tunnel::Nvgre, "gre", "gre.key", "ip proto 47 or ip6 proto 47"),
    ];
    for (tunnel, layer, number, filter) in formats {
        for ipv6 in [false, true] {
            let lay = Lay { ipv6, ..Lay::of([Kind::Ours, Kind::Ours], tunnel) };
            let pair =
                Pair::start("sw-judge", lay, &Runs::Here).await.expect("a pair; these tests need root");
            pair.until_connected().await.expect("connected");
            let [a, b] = &pair.sides;
            let file = pair.place.folder().join("captured");
            let capture = Capture::start(&b.host, b.underlay, filter, &file).await.expect("captures");
            let ping = ["ping", "-n", "-c", "1", "-W", "2", "-s", "1000", "10.99.0.2"];
            run_in(&a.guest, &ping).await.expect("answered");
            let packets = capture.packets(1, &["-Y", "icmp"]).await.expect("packets");
            let packet = &packets[0];
            assert!(!packet[layer].is_null(), "{tunnel:?} is not {layer}: {packet}");
            let told = values(packet, number);
            let vni = told.first().and_then(|told| match told.strip_prefix("0x") {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => told.parse().ok(),
            });
            // The key's upper three bytes are the number.
            let vni = vni.map(|vni| if tunnel == Tunnel::Nvgre { vni >> 8 } else { vni });
            assert_eq!(vni, Some(VNI), "{tunnel:?}: {told:?}");
            if ipv6 {
                assert_eq!(values(packet, "ipv6.hlim"), ["64"]);
            } else {
                // The outer packet is first.
                assert_eq!(values(packet, "ip.ttl")[0], "64");
                assert!(["1", "True"].contains(&values(packet, "ip.flags.df")[0]), "{packet}");
                assert!(values(packet, "ip.checksum.status").iter().all(|status| *status == "1"), "{packet}");
            }
            if tunnel != Tunnel::Nvgre {
                let port: u16 = values(packet, "udp.srcport")[0].parse().expect("a port");
                assert!(port >= 49_152, "{tunnel:?}: {port}");
            }
            assert!(values(packet, "_ws.malformed").is_empty() && !packet.to_string().contains("Malformed"));
            assert_eq!(values(packet, "icmp.checksum.status"), ["1"], "{packet}");
        }
    }
}
