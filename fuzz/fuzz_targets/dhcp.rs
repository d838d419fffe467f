//! Any frame to the DHCP responder of a network with everything. Checksums and the lengths around a
//! message are made right first, since fuzzing would not guess them.
#![no_main]

use std::sync::LazyLock;

use host::dhcp::{self, Network}; // `network` names it by `crate::dhcp`

#[allow(dead_code)]
#[path = "../../crates/host/src/dhcp/tests/network.rs"]
mod network;

static NETWORKS: LazyLock<[Network; 2]> = LazyLock::new(|| {
    let extra = ["tag:ipxe,67=x", "66=y", "router=", "200=z", "6:59=url", "6:domain-search=a.b"];
    [network::network(), network::network_with(&extra)]
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut frame = bytes.to_vec();
    for repaired in [false, true] {
        if repaired && repair(&mut frame).is_none() {
            return;
        }
        for network in NETWORKS.iter() {
            if let Some(answer) = network.answer(&frame) {
                assert!(answer.len() <= 14 + 1450);
            }
        }
    }
});

/// From Alice, with right lengths and checksums.
fn repair(frame: &mut [u8]) -> Option<()> {
    frame.get_mut(6..12)?.copy_from_slice(&network::ALICE.0);
    let len = u16::try_from(frame.len()).ok()?.checked_sub(14)?;
    match *frame.get(12..14)? {
        [8, 0] => {
            frame.get_mut(28 + 14 + 28..28 + 14 + 34)?.copy_from_slice(&network::ALICE.0);
            (frame[14], frame[24], frame[25]) = (0x45, 0, 0);
            frame[16..18].copy_from_slice(&len.to_be_bytes());
            frame[38..40].copy_from_slice(&(len - 20).to_be_bytes());
            let sum = wire::checksum::of(&frame[14..34]);
            frame[24..26].copy_from_slice(&sum.to_be_bytes());
        }
        [0x86, 0xdd] => {
            let payload_len = len.checked_sub(40)?;
            frame[14] = 0x60;
            frame[18..20].copy_from_slice(&payload_len.to_be_bytes());
            if frame[20] == 58 {
                frame.get_mut(56..58)?.fill(0);
                let [src, dst] = [22, 38].map(|at| {
                    let octets: [u8; 16] = frame[at..at + 16].try_into().expect("16 bytes");
                    octets.into()
                });
                let sum = wire::checksum::Sum::ipv6(src, dst, 58, usize::from(payload_len));
                let sum = sum.with(&frame[54..]).finish();
                frame[56..58].copy_from_slice(&sum.to_be_bytes());
            } else {
                frame.get_mut(58..60)?.copy_from_slice(&payload_len.to_be_bytes());
            }
        }
        _ => return None,
    }
    Some(())
}
