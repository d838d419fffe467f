//! What is told of a logged port's packets: the line, and who wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::desired::{Direction, Kind, Log, Part};
use model::{LogId, PortId};

use crate::names::{Told, parse_log_prefix};
use crate::wanted::Wanted;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// Logs named in one line.
const IDS: usize = 8;

/// Ports of which something is told, and who wants it.
pub type Logs = BTreeMap<PortId, BTreeSet<Log>>;

/// The logged ports among a host's parts.
pub fn logs(want: &Wanted) -> Logs {
    let ports = want.of_kind(Kind::Port).filter_map(|part| match part {
        Part::Port(port) if !port.logs.is_empty() => Some((port.id, port.logs.clone())),
        _ => None,
    });
    ports.collect()
}

/// What is said of a packet that the kernel told of, a line for each project that wants it. `prefix` is what
/// it said with the packet, `bytes` begin with the network header and may end anywhere.
pub fn lines(logs: &Logs, prefix: &str, bytes: &[u8]) -> Vec<String> {
    let Some((told, direction, port)) = parse_log_prefix(prefix) else { return vec![] };
    let wants = |log: &&Log| if told == Told::Accept { log.accept } else { log.drop };
    let mut by_project: BTreeMap<&str, Vec<LogId>> = BTreeMap::new();
    for log in logs.get(&port).into_iter().flatten().filter(wants) {
        by_project.entry(&log.project_id).or_default().push(log.id);
    }
    let action = if told == Told::Accept { "ACCEPT" } else { "DROP" };
    let way = if direction == Direction::Ingress { "ingress" } else { "egress" };
    let packet = packet(bytes);
    let line = |(project, ids): (&str, Vec<LogId>)| {
        let more = if ids.len() > IDS { ",..." } else { "" };
        let ids: Vec<String> = ids.iter().take(IDS).map(ToString::to_string).collect();
        format!(
            "action={action} direction={way} project_id={project} log_resource_ids=[{}{more}] port_id={port} {packet}",
            ids.join(",")
        )
    };
    by_project.into_iter().map(line).collect()
}

/// What a packet is, as far as it can be read.
fn packet(bytes: &[u8]) -> String {
    let read = match bytes.first().map(|first| first >> 4) {
        Some(4) => v4(bytes),
        Some(6) => v6(bytes),
        _ => None,
    };
    let Some((src, dst, protocol, rest)) = read else { return "packet=unreadable".to_owned() };
    let mut text = format!("src={src} dst={dst} protocol={protocol}");
    let pair = |at: usize| rest.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let more = match protocol {
        TCP | UDP | SCTP => pair(0).zip(pair(2)).map(|(from, to)| format!(" sport={from} dport={to}")),
        ICMP | ICMPV6 => rest.first_chunk::<2>().map(|[kind, code]| format!(" type={kind} code={code}")),
        _ => None,
    };
    let _ = write!(text, "{}", more.unwrap_or_default());
    text
}

type Read<'a> = (IpAddr, IpAddr, u8, &'a [u8]);

/// RFC 791; of a fragment behind the first no ports are read.
fn v4(bytes: &[u8]) -> Option<Read<'_>> {
    let header = bytes.first_chunk::<20>()?;
    let address = |at: usize| Ipv4Addr::from([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let is_first = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
    let behind = bytes.get(usize::from(header[0] & 0x0f) * 4..).filter(|_| is_first);
    Some((address(12).into(), address(16).into(), header[9], behind.unwrap_or_default()))
}

/// RFC 8200; what stands behind other headers is not looked for.
fn v6(bytes: &[u8]) -> Option<Read<'_>> {
    let header = bytes.first_chunk::<40>()?;
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&header[at..at + 16]);
        Ipv6Addr::from(octets)
    };
    Some((address(8).into(), address(24).into(), header[6], &bytes[40..]))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::names::log_prefix;

    const PORT: PortId = PortId(Uuid::from_u128(7));

    fn log(number: u128, project: &str, accept: bool, drop: bool) -> Log {
        Log { id: Uuid::from_u128(number).into(), project_id: project.into(), accept, drop }
    }

    fn syn() -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        bytes.extend([0x1f, 0x90, 0, 80, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn who_wants_it_is_told_what_happened() {
        let logs = Logs::from([(
            PORT,
            [log(1, "a", true, true), log(2, "b", false, true), log(3, "a", true, false)].into(),
        )]);
        let prefix = |told| log_prefix(told, Direction::Ingress, PORT);
        let dropped = lines(&logs, &prefix(Told::Drop), &syn());
        assert_eq!(dropped.len(), 2, "a line for each project");
        assert_eq!(
            dropped[0],
            "action=DROP direction=ingress project_id=a \
             log_resource_ids=[00000000-0000-0000-0000-000000000001] port_id=00000000-0000-0000-0000-000000000007 \
             src=10.0.0.1 dst=10.0.0.2 protocol=6 sport=8080 dport=80"
        );
        let accepted = lines(&logs, &prefix(Told::Accept), &syn());
        assert_eq!(accepted.len(), 1);
        assert!(accepted[0].contains("000000000001,00000000-0000-0000-0000-000000000003]"), "{accepted:?}");
        let other = log_prefix(Told::Drop, Direction::Ingress, PortId(Uuid::from_u128(8)));
        assert_eq!(lines(&logs, &other, &syn()), Vec::<String>::new(), "nobody wants it any more");
        assert_eq!(lines(&logs, "somebody else's", &syn()), Vec::<String>::new());
    }

    #[test]
    fn packets_are_read_as_far_as_they_go() {
        let whole = syn();
        for length in 0..whole.len() {
            let text = packet(&whole[..length]);
            assert_eq!(text == "packet=unreadable", length < 20, "{length}: {text}");
        }
        let mut fragment = whole.clone();
        fragment[7] = 1;
        assert_eq!(packet(&fragment), "src=10.0.0.1 dst=10.0.0.2 protocol=6");
        let mut long = whole.clone();
        long[0] = 0x4f;
        assert_eq!(
            packet(&long),
            "src=10.0.0.1 dst=10.0.0.2 protocol=6",
            "a header that ends behind the bytes"
        );
        let mut six = vec![0x60, 0, 0, 0, 0, 8, 58, 64];
        six.extend([0; 31]);
        six.extend([1, 128, 0]);
        assert_eq!(packet(&six), "src=:: dst=::1 protocol=58 type=128 code=0");
        assert_eq!(packet(&six[..39]), "packet=unreadable");
    }
}
