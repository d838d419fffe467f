//! Bytes of any kind, and those that fuzzing found.

use std::path::PathBuf;

use proptest::prelude::*;

use super::client::{Ask6, ask4, ask6, client_id, ia, opt6, router_solicitation, server_id};
use super::network::{ALICE, link_local, network, network_with};
use crate::dhcp::Network;

/// One valid frame of each kind.
fn valid() -> Vec<(&'static str, Vec<u8>)> {
    let list: &[u8] = &[55, 6, 1, 3, 6, 15, 26, 121];
    let own = "2001:db8:3::5";
    let v6 = |kind, options: &[Vec<u8>]| {
        Ask6::frame(&ask6(kind, &[&[client_id(), server_id()][..], options].concat()))
    };
    vec![
        ("v4-discover", ask4(1, &[list, &[61, 7, 1, 2, 3, 4, 5, 6, 7], &[57, 2, 5, 0]]).frame()),
        ("v4-inform", ask4(8, &[list]).renewing([10, 0, 0, 5]).frame()),
        ("v4-renew", ask4(3, &[list]).renewing([10, 0, 0, 5]).frame()),
        ("v4-request", ask4(3, &[&[50, 4, 10, 0, 0, 5, 54, 4, 10, 0, 0, 2], list]).frame()),
        ("v6-confirm", ask6(4, &[client_id(), ia(3, 1, &[own])]).frame()),
        ("v6-information", ask6(11, &[opt6(6, &[0, 23, 0, 24])]).frame()),
        ("v6-release", v6(8, &[ia(3, 1, &[own])])),
        ("v6-renew", v6(5, &[ia(3, 1, &[own, "2001:db8:3::9"]), ia(25, 2, &[])])),
        ("v6-solicit", ask6(1, &[client_id(), ia(3, 1, &[]), opt6(14, &[])]).frame()),
        ("nd-solicit", router_solicitation(ALICE, link_local(ALICE), wire::ipv6::ALL_ROUTERS, 255)),
    ]
}

fn networks() -> [Network; 2] {
    let extra = ["tag:ipxe,67=x", "66=y", "router=", "200=z", "6:59=url", "6:domain-search=a.b"];
    [network(), network_with(&extra)]
}

/// Asks, and checks what must hold for any answer.
fn ask(network: &Network, frame: &[u8]) -> Option<Vec<u8>> {
    let answer = network.answer(frame);
    if let Some(answer) = &answer {
        assert!(answer.len() <= 14 + 1450, "{} bytes to {frame:02x?}", answer.len());
        super::show(answer);
    }
    answer
}

#[test]
fn valid_frames_are_answered() {
    for (name, frame) in valid() {
        for network in networks() {
            assert!(ask(&network, &frame).is_some(), "{name}");
        }
    }
}

#[test]
fn every_cut_and_every_byte_changed() {
    for (_, frame) in valid() {
        for network in networks() {
            for len in 0..frame.len() {
                assert_eq!(ask(&network, &frame[..len]), None, "{len} of {frame:02x?}");
            }
            for at in 0..frame.len() {
                for value in [0, 1, 0x7f, 0xff, !frame[at]] {
                    let mut changed = frame.clone();
                    changed[at] = value;
                    ask(&network, &changed);
                }
            }
        }
    }
}

/// What fuzzing found, and a seed for it of every kind (`UPDATE=1` writes the seeds).
#[test]
fn corpus() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/dhcp");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(&folder).expect("corpus is writable");
        for (name, frame) in valid() {
            std::fs::write(folder.join(name), frame).expect("corpus is writable");
        }
    }
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus is part of the tree")
        .map(|file| file.expect("readable").path())
        .collect();
    files.sort();
    assert!(files.len() >= valid().len(), "{files:?}");
    for file in files {
        let frame = std::fs::read(&file).expect("readable");
        for network in networks() {
            ask(&network, &frame);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(frame: Vec<u8>) {
        for network in networks() {
            ask(&network, &frame);
        }
    }

    /// Any bytes where a message is expected.
    #[test]
    fn any_message(kind: u8, body in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut asked4 = ask4(kind % 10, &[]);
        asked4.options.pop();
        asked4.options.extend(&body);
        for network in networks() {
            ask(&network, &asked4.frame());
            ask(&network, &ask6(kind % 14, std::slice::from_ref(&body)).frame());
        }
    }

    /// Options that are whole, of any kind and content.
    #[test]
    fn any_options(
        kind in 0u8..14,
        options in proptest::collection::vec(
            (prop_oneof![0u16..30, any::<u16>()], proptest::collection::vec(any::<u8>(), 0..40)),
            0..12,
        ),
    ) {
        let four: Vec<Vec<u8>> = options
            .iter()
            .map(|(code, value)| [&[*code as u8, value.len() as u8], &value[..]].concat())
            .collect();
        let four: Vec<&[u8]> = four.iter().map(Vec::as_slice).collect();
        let six: Vec<Vec<u8>> = options.iter().map(|(code, value)| opt6(*code, value)).collect();
        for network in networks() {
            ask(&network, &ask4(kind, &four).frame());
            ask(&network, &ask6(kind, &six).frame());
            ask(&network, &ask6(kind, &[&[client_id()][..], &six].concat()).frame());
        }
    }

    /// Valid frames with a few bytes changed, and cut or continued.
    #[test]
    fn mutations(
        which: prop::sample::Index,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut: prop::sample::Index,
        tail: Vec<u8>,
    ) {
        let mut frame = which.get(&valid()).1.clone();
        for (at, value) in changes {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        frame.truncate(cut.index(frame.len() + 1));
        frame.extend(tail);
        for network in networks() {
            ask(&network, &frame);
        }
    }
}
