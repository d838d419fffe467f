//! IP protocols by name (IANA's numbers), as firewalls spell them.

const NAMES: [(&str, u8); 25] = [
    ("ah", 51),
    ("dccp", 33),
    ("egp", 8),
    ("esp", 50),
    ("gre", 47),
    ("hopopt", 0),
    ("icmp", 1),
    ("icmpv6", 58),
    ("igmp", 2),
    ("ip", 0),
    ("ipip", 4),
    ("ipv6-encap", 41),
    ("ipv6-frag", 44),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("ipv6-route", 43),
    ("ospf", 89),
    ("pgm", 113),
    ("rsvp", 46),
    ("sctp", 132),
    ("tcp", 6),
    ("udp", 17),
    ("udplite", 136),
    ("vrrp", 112),
];

/// Stands for every protocol.
pub const ANY: &str = "any";
pub const ICMP: u8 = 1;
pub const ICMPV6: u8 = 58;
/// Protocols whose packets have ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
pub const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];
/// Protocols of IPv6 alone.
pub const OF_IPV6: [u8; 6] = [41, 43, 44, 58, 59, 60];

/// The number of a protocol, said by its name in lower case or as a number.
pub fn number(text: &str) -> Option<u8> {
    let named = NAMES.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    named.or_else(|| text.parse().ok())
}

pub fn is_name(text: &str) -> bool {
    NAMES.iter().any(|(name, _)| *name == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_meet() {
        for (text, want) in
            [("tcp", Some(6)), ("6", Some(6)), ("icmpv6", Some(58)), ("256", None), ("TCP", None), ("", None)]
        {
            assert_eq!(number(text), want, "{text}");
        }
        assert!(is_name("vrrp") && !is_name("112") && !is_name(ANY));
    }
}
