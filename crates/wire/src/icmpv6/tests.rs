//! Round trips, refusals, and bytes of any kind.

use proptest::prelude::*;

use super::{neighbour, router, *};
use crate::Mac;

const SRC: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const DST: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const MAC: Mac = Mac([0xfa, 0x16, 0x3e, 0, 0, 1]);

fn solicitation(source_link: Option<Mac>) -> Vec<u8> {
    let mut bytes = Vec::new();
    router::Solicitation { source_link }.emit(SRC, DST, &mut bytes);
    bytes
}

/// Puts the right checksum on a message whose bytes were changed.
fn resum(bytes: &mut [u8]) {
    bytes[2..4].fill(0);
    finish(SRC, DST, 0, bytes);
}

#[test]
fn router_solicitations_are_refused_for_a_reason() {
    let good = solicitation(Some(MAC));
    for (what, change, want) in [
        ("type", (0, 134), Malformed::Field("type")),
        ("code", (1, 1), Malformed::Field("code")),
        ("option without length", (9, 0), Malformed::Field("option length")),
        ("option beyond the end", (9, 2), Malformed::Short { need: 16, got: 8 }),
    ] {
        let mut bad = good.clone();
        bad[change.0] = change.1;
        resum(&mut bad);
        assert_eq!(router::Solicitation::parse(&bad, SRC, DST), Err(want), "{what}");
    }
    let mut bad = good.clone();
    bad[2] ^= 1;
    let refused = |bytes: &[u8], src| router::Solicitation::parse(bytes, src, DST);
    assert_eq!(refused(&bad, SRC), Err(Malformed::Field("checksum")));
    assert_eq!(refused(&good[..7], SRC), Err(Malformed::Short { need: 8, got: 7 }));

    let mut bytes = Vec::new();
    let nobody = Ipv6Addr::UNSPECIFIED;
    router::Solicitation { source_link: Some(MAC) }.emit(nobody, DST, &mut bytes);
    assert_eq!(refused(&bytes, nobody), Err(Malformed::Field("source link-layer address")));
}

#[test]
fn an_advertisement_with_every_option() {
    let servers = [SRC.octets(), DST.octets()];
    let options = [
        NdOption::SourceLink(MAC),
        NdOption::TargetLink(MAC),
        NdOption::Mtu(1450),
        NdOption::Prefix(PrefixInfo {
            prefix: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
            prefix_len: 64,
            on_link: true,
            autonomous: false,
            valid_s: 86400,
            preferred_s: 14400,
        }),
        NdOption::Rdnss { lifetime_s: 1800, servers: &servers },
        NdOption::Other { kind: 200, body: b"unread" },
    ];
    let sent = router::Advertisement {
        hop_limit: 64,
        managed: true,
        other: false,
        router_lifetime_s: 0,
        reachable_ms: 30_000,
        retrans_ms: 1_000,
    };
    let mut bytes = Vec::new();
    sent.emit(&options, SRC, DST, &mut bytes);
    let (read, read_options) = router::Advertisement::parse(&bytes, SRC, DST).expect("valid");
    assert_eq!(read, sent);
    let read_options: Vec<_> = read_options.map(|option| option.expect("valid")).collect();
    assert_eq!(read_options, options);
}

#[test]
fn bad_options_are_refused() {
    for (bytes, want) in [
        (vec![1], Malformed::Short { need: 2, got: 1 }),
        (vec![1, 2, 0, 0, 0, 0, 0, 0], Malformed::Short { need: 16, got: 8 }),
        ([&[1, 2][..], &[0; 14]].concat(), Malformed::Field("option length")),
        ([&[3, 1][..], &[0; 6]].concat(), Malformed::Field("option length")),
        ([&[3, 4, 129][..], &[0; 29]].concat(), Malformed::Field("prefix length")),
        ([&[5, 2][..], &[0; 14]].concat(), Malformed::Field("option length")),
        ([&[25, 1][..], &[0; 6]].concat(), Malformed::Field("option length")),
        ([&[25, 2][..], &[0; 14]].concat(), Malformed::Field("option length")),
    ] {
        assert_eq!(NdOptions::new(&bytes).err(), Some(want), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn neighbours_round_trip(target: [u8; 16], flags: [bool; 3], mac: Option<[u8; 6]>) {
        let target = Ipv6Addr::from(target);
        prop_assume!(!target.is_multicast());
        let asked = neighbour::Solicitation { target, source_link: mac.map(Mac) };
        let mut bytes = Vec::new();
        asked.emit(SRC, DST, &mut bytes);
        prop_assert_eq!(neighbour::Solicitation::parse(&bytes, SRC, DST), Ok(asked));

        let [router, solicited, overriding] = flags;
        let told = neighbour::Advertisement {
            target, router, solicited, overriding, target_link: mac.map(Mac),
        };
        bytes.clear();
        told.emit(SRC, DST, &mut bytes);
        prop_assert_eq!(neighbour::Advertisement::parse(&bytes, SRC, DST), Ok(told));
    }

    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        for mut bytes in [bytes.clone(), [solicitation(None), bytes].concat()] {
            if bytes.len() >= View::LEN {
                for kind in 133..=136 {
                    (bytes[0], bytes[1]) = (kind, 0);
                    resum(&mut bytes);
                    let _ = router::Solicitation::parse(&bytes, SRC, DST);
                    let _ = router::Advertisement::parse(&bytes, SRC, DST);
                    let _ = neighbour::Solicitation::parse(&bytes, SRC, DST);
                    let _ = neighbour::Advertisement::parse(&bytes, SRC, DST);
                }
            }
            let _ = NdOptions::new(&bytes);
        }
    }
}
