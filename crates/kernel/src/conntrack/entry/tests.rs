//! The parser on what requests build, and on what nobody should.

use model::purge::Icmp;
use proptest::prelude::*;

use super::*;
use crate::conntrack::Insert;
use crate::conntrack::request;
use crate::netlink::message::HEADER;

fn connection(v4: bool, protocol: u8, zone: u16) -> Connection {
    let address = |n: u8| -> IpAddr {
        if v4 { [10, 0, 0, n].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(n)].into() }
    };
    let mut original = Tuple::ports(protocol, (address(1), 1000), (address(2), 53));
    let mut reply = Tuple::ports(protocol, (address(3), 5353), (address(1), 1000));
    if Tuple::is_icmp(protocol) {
        for (tuple, kind) in [(&mut original, 8), (&mut reply, 0)] {
            (tuple.source_port, tuple.destination_port) = (0, 0);
            tuple.icmp = Some(Icmp { kind, code: 0, id: 7 });
        }
    }
    Connection { zone, original, reply }
}

/// What a dump shows looks like what makes an entry.
fn payload(connection: Connection) -> Vec<u8> {
    request::insert(Vec::new(), &Insert { connection, timeout_s: 9 }).finish(1, 0)[HEADER..].to_vec()
}

#[test]
fn what_is_built_is_read() {
    for (v4, protocol) in
        [(true, 6), (true, 17), (true, 1), (true, 132), (false, 17), (false, 58), (true, 47)]
    {
        for zone in [0, 5, 65535] {
            let connection = connection(v4, protocol, zone);
            let bytes = payload(connection);
            let found = parse(&bytes).expect("reads");
            assert_eq!(found.connection, connection);
            assert_eq!(i32::from(found.family), if v4 { libc::AF_INET } else { libc::AF_INET6 });
        }
    }
}

/// In zones of networks, which are ours to mark.
#[test]
fn what_is_known_the_wrong_way_round_is_turned() {
    for (zone, mark, turned) in [(5, TURNED, true), (5, TURNED + 1, false), (0, TURNED, false)] {
        let connection = connection(true, 6, zone);
        let message = request::insert(Vec::new(), &Insert { connection, timeout_s: 9 });
        let bytes = message.attr_be32(MARK, mark).finish(1, 0)[HEADER..].to_vec();
        let found = parse(&bytes).expect("reads");
        let (first, second) = (found.connection.original, found.connection.reply);
        let read = if turned { (second, first) } else { (first, second) };
        assert_eq!(read, (connection.original, connection.reply), "{zone}, {mark}");
        // It is named as the kernel knows it.
        assert_eq!(tuple(found.original).expect("a tuple").0, connection.original);
    }
}

#[test]
fn a_torn_entry_is_told_and_never_half_read() {
    let whole = payload(connection(true, 6, 9));
    let complete = parse(&whole).expect("reads").connection;
    for len in 0..whole.len() {
        if let Ok(found) = parse(&whole[..len]) {
            // Both tuples come first; only what follows may be missing.
            assert_eq!(
                (found.connection.original, found.connection.reply),
                (complete.original, complete.reply)
            );
        }
    }
    assert_eq!(parse(&[]).err(), Some(Malformed::Short));
    assert_eq!(parse(&[9, 0, 0, 0]).err(), Some(Malformed::Family));
    assert_eq!(parse(&[2, 0, 0, 0]).err(), Some(Malformed::Lacks("original tuple")));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes: Vec<u8>, as_v4: bool) {
        let _ = parse(&bytes);
        if let Some(family) = bytes.first_mut() {
            *family = if as_v4 { 2 } else { 10 };
        }
        let _ = parse(&bytes);
    }

    #[test]
    fn any_change_is_read_or_refused(at: prop::sample::Index, byte: u8, len: prop::sample::Index) {
        let mut bytes = payload(connection(false, 132, 3));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(len.index(bytes.len()) + 1);
        let _ = parse(&bytes);
    }
}
