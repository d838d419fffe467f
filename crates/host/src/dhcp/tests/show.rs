//! Answers as text, checksums checked, read by `dhcproto` and not by our own readers.

use std::fmt::Write;

use dhcproto::{Decodable, v4, v6};
use wire::checksum::Sum;
use wire::ethernet::{self, ethertype};
use wire::icmpv6::router::Advertisement;
use wire::{ipv4, ipv6, udp};

pub fn show(frame: &[u8]) -> String {
    let frame = ethernet::View::new(frame).expect("a frame");
    let mut text = format!("{} > {}\n", frame.src(), frame.dst());
    match frame.ethertype() {
        ethertype::IPV4 => show4(ipv4::View::new(frame.payload()).expect("IPv4"), &mut text),
        ethertype::IPV6 => show6(ipv6::View::new(frame.payload()).expect("IPv6"), &mut text),
        other => panic!("ethertype {other:x}"),
    }
    .expect("strings take all");
    text
}

fn show4(packet: ipv4::View<'_>, text: &mut String) -> std::fmt::Result {
    let (src, dst, whole) = (packet.src(), packet.dst(), packet.payload());
    assert!(packet.is_intact() && !packet.is_fragment());
    assert_eq!(Sum::ipv4(src, dst, 17, whole.len()).with(whole).finish(), 0, "UDP checksum");
    let udp = udp::View::new(whole).expect("UDP");
    let (from, to) = (udp.src_port(), udp.dst_port());
    assert!(udp.payload().len() >= 300, "BOOTP's least length");
    let message = v4::Message::from_bytes(udp.payload()).expect("DHCPv4");
    writeln!(text, "{src}:{from} > {dst}:{to} ttl {}", packet.ttl())?;
    writeln!(
        text,
        "{:?} xid {:x} secs {} flags {:04x} ciaddr {} yiaddr {} siaddr {}",
        message.opcode(),
        message.xid(),
        message.secs(),
        u16::from(message.flags()),
        message.ciaddr(),
        message.yiaddr(),
        message.siaddr()
    )?;
    for (name, field) in [("sname", message.sname()), ("file", message.fname())] {
        if let Some(field) = field {
            writeln!(text, "{name} {}", field.escape_ascii())?;
        }
    }
    message.opts().iter().try_for_each(|(code, option)| writeln!(text, "  {} {option:?}", u8::from(*code)))
}

fn show6(packet: ipv6::View<'_>, text: &mut String) -> std::fmt::Result {
    let (src, dst, whole) = (packet.src(), packet.dst(), packet.payload());
    if packet.next_header() == 58 {
        writeln!(text, "{src} > {dst} hop limit {}", packet.hop_limit())?;
        let (head, mut options) = Advertisement::parse(whole, src, dst).expect("an RA");
        writeln!(text, "{head:?}")?;
        return options.try_for_each(|option| writeln!(text, "  {:?}", option.expect("checked")));
    }
    assert_eq!(Sum::ipv6(src, dst, 17, whole.len()).with(whole).finish(), 0, "UDP checksum");
    let udp = udp::View::new(whole).expect("UDP");
    writeln!(text, "[{src}]:{} > [{dst}]:{}", udp.src_port(), udp.dst_port())?;
    let message = v6::Message::from_bytes(udp.payload()).expect("DHCPv6");
    writeln!(text, "{:?} xid {:x}", message.msg_type(), message.xid_num())?;
    message.opts().iter().try_for_each(|option| show_option6(option, 1, text))
}

fn show_option6(option: &v6::DhcpOption, depth: usize, text: &mut String) -> std::fmt::Result {
    use v6::DhcpOption::{IAAddr, IANA, IAPD, IATA, StatusCode};
    write!(text, "{:width$}", "", width = 2 * depth)?;
    let inner = match option {
        IANA(ia) => {
            writeln!(text, "IA_NA {} t1 {} t2 {}", ia.id, ia.t1, ia.t2)?;
            &ia.opts
        }
        IATA(ia) => {
            writeln!(text, "IA_TA {}", ia.id)?;
            &ia.opts
        }
        IAPD(ia) => {
            writeln!(text, "IA_PD {}", ia.id)?;
            &ia.opts
        }
        IAAddr(a) => {
            return writeln!(text, "{} preferred {} valid {}", a.addr, a.preferred_life, a.valid_life);
        }
        StatusCode(code) => return writeln!(text, "{:?}", code.status),
        other => return writeln!(text, "{other:?}"),
    };
    inner.iter().try_for_each(|option| show_option6(option, depth + 1, text))
}
