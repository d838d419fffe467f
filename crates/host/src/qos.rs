//! What a port's traffic is held to: rules of its own table, before those that judge who it says to be.
//!
//! What is over a limit is dropped, as a policer does: nothing waits here. A limit counts bytes, and a
//! frame that the instance left to be cut later counts as it came: the burst always lets one of those
//! pass.

use model::desired::{Limit, Packets, Qos};

use crate::nft::{Chain, EGRESS, Ether, Match, Rule, Verdict};

/// The largest frame before it is cut into segments, and its header.
const LARGEST_FRAME: u64 = 65_536 + 18;
/// The kernel counts in nanoseconds and cannot tell more apart; no port is that fast.
const FASTEST: u64 = 10_000_000_000;

/// Rules for what the port sends.
pub(crate) fn sent(qos: Option<&Qos>) -> Vec<Rule> {
    let Some(qos) = qos else { return vec![] };
    let limits = [qos.egress.and_then(over), qos.egress_packets.and_then(over_packets)];
    let mut rules: Vec<Rule> = limits.into_iter().flatten().collect();
    if let Some(mark) = qos.dscp {
        let marked = |ether| Rule { matches: vec![Match::EtherType(ether)], verdict: Verdict::SetDscp(mark) };
        rules.extend([Ether::Ip, Ether::Ip6].map(marked));
    }
    rules
}

/// The chain of what the port gets; none where that is unlimited.
pub(crate) fn got(qos: Option<&Qos>) -> Option<Chain> {
    let qos = qos?;
    let limits = [qos.ingress.and_then(over), qos.ingress_packets.and_then(over_packets)];
    let rules: Vec<Rule> = limits.into_iter().flatten().collect();
    (!rules.is_empty()).then(|| Chain { name: EGRESS.to_owned(), rules })
}

fn over(limit: Limit) -> Option<Rule> {
    let (rate, burst) = bytes(limit)?;
    Some(Rule { matches: vec![Match::Over { rate, burst }], verdict: Verdict::Drop })
}

/// Bytes a second, and at once.
pub(crate) fn bytes(limit: Limit) -> Option<(u64, u32)> {
    let bytes = |kbits: u32| u64::from(kbits) * 1000 / 8;
    let rate = bytes(limit.kbps);
    if rate == 0 || rate > FASTEST {
        return None;
    }
    let burst = match limit.burst_kbits {
        // Enough for TCP to fill the rate.
        0 => rate * 4 / 5,
        said => bytes(said),
    };
    Some((rate, u32::try_from(burst.max(LARGEST_FRAME)).unwrap_or(u32::MAX)))
}

/// The kernel counts what is over in nanoseconds of each packet, and cannot tell more than that apart.
const MOST_PACKETS: u64 = 100_000_000;

fn over_packets(limit: Packets) -> Option<Rule> {
    let (rate, burst) = packets(limit)?;
    Some(Rule { matches: vec![Match::OverPackets { rate, burst }], verdict: Verdict::Drop })
}

/// Packets a second, and at once.
pub(crate) fn packets(limit: Packets) -> Option<(u64, u32)> {
    let packets = |thousands: u32| u64::from(thousands) * 1000;
    let rate = packets(limit.kpps);
    if rate == 0 || rate > MOST_PACKETS {
        return None;
    }
    let burst = match limit.burst_kpackets {
        // A tenth of a second.
        0 => rate / 10,
        said => packets(said),
    };
    Some((rate, u32::try_from(burst).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_counted_in_thousands() {
        for (kpps, burst_kpackets, expected) in [
            (1, 0, Some((1000, 100))),
            (1, 2, Some((1000, 2000))),
            (50_000, 0, Some((50_000_000, 5_000_000))),
            (0, 5, None),
            (i32::MAX as u32, 0, None),
        ] {
            let found = over_packets(Packets { kpps, burst_kpackets }).map(|rule| rule.matches);
            let expected = expected.map(|(rate, burst)| vec![Match::OverPackets { rate, burst }]);
            assert_eq!(found, expected, "{kpps} {burst_kpackets}");
        }
    }

    #[test]
    fn limits_are_bytes_and_let_one_large_frame_pass() {
        for (kbps, burst_kbits, expected) in [
            (8000, 8000, Some((1_000_000, 1_000_000))),
            (8000, 0, Some((1_000_000, 800_000))),
            (8, 1, Some((1000, 65_554))),
            (72_000_000, 0, Some((9_000_000_000, u32::MAX))),
            (i32::MAX as u32, 0, None),
        ] {
            let rule = over(Limit { kbps, burst_kbits });
            let found = rule.map(|rule| match rule.matches[..] {
                [Match::Over { rate, burst }] => (rate, burst),
                _ => panic!("{rule:?}"),
            });
            assert_eq!(found, expected, "{kbps} {burst_kbits}");
        }
    }
}
