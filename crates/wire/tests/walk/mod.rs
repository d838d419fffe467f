//! One frame through all parsers. Whatever the bytes, no parser panics, and what was parsed comes
//! out of `emit` as it went in. Shared with the fuzz target.

use wire::ethernet::ethertype;
use wire::icmpv6::{NdOption, neighbour, router};
use wire::{
    Arp, Ethernet, Geneve, Ipv4, Ipv6, Nvgre, Udp, Vlan, Vxlan, ethernet, geneve, icmpv4, icmpv6, ipv4, ipv6,
    tcp, udp,
};

pub fn frame(bytes: &[u8]) {
    // Each parser as if its format began here, whatever the type fields say.
    arp(bytes);
    let _ = (Ipv4::parse(bytes), Ipv6::parse(bytes), Udp::parse(bytes));
    let _ = icmpv6::NdOptions::new(bytes);
    let _ = icmpv4::TooBig::parse(bytes);
    if let Ok(view) = tcp::View::new(bytes) {
        assert_eq!(view.header_len() + view.payload().len(), bytes.len());
    }
    tunnels(bytes);

    let Ok(view) = ethernet::View::new(bytes) else { return };
    let header = Ethernet::parse(bytes).expect("as long as the view");
    let mut out = [0; Ethernet::LEN];
    header.emit(&mut out);
    assert_eq!(out, bytes[..Ethernet::LEN]);
    match view.ethertype() {
        ethertype::ARP => arp(view.payload()),
        ethertype::IPV4 => packet4(view.payload()),
        ethertype::IPV6 => packet6(view.payload()),
        _ => {}
    }
}

/// Headers of tunnels, and tags. What reserved bits were is not kept.
fn tunnels(bytes: &[u8]) {
    let mut out = [0; 8];
    if let Ok(header) = Vxlan::parse(bytes) {
        header.emit(&mut out);
        assert_eq!(Vxlan::parse(&out), Ok(header));
    }
    if let Ok(header) = Nvgre::parse(bytes) {
        header.emit(&mut out);
        assert_eq!(out, bytes[..8]);
    }
    if let Ok(view) = geneve::View::new(bytes) {
        let header = Geneve::parse(bytes).expect("as the view");
        let mut all = vec![0; 8];
        header.emit(all.first_chunk_mut().expect("8 bytes"));
        for option in view.options() {
            option.emit(&mut all).expect("as it came");
        }
        assert_eq!(Geneve::parse(&all), Ok(header));
        assert_eq!(all.len() + view.payload().len(), bytes.len());
    }
    if let Ok(tag) = Vlan::parse(bytes) {
        let mut out = [0; 4];
        tag.emit(&mut out);
        assert_eq!(out, bytes[..4]);
    }
}

fn arp(bytes: &[u8]) {
    if let Ok(arp) = Arp::parse(bytes) {
        let mut out = [0; Arp::LEN];
        arp.emit(&mut out);
        assert_eq!(out, bytes[..Arp::LEN]);
    }
}

fn packet4(bytes: &[u8]) {
    let Ok(packet) = ipv4::View::new(bytes) else { return };
    let _ = (packet.is_intact(), packet.is_fragment(), packet.ttl());
    if let Ok(header) = Ipv4::parse(bytes) {
        let mut out = vec![0; Ipv4::LEN + usize::from(header.payload_len)];
        header.emit(out.first_chunk_mut().expect("20 bytes"));
        assert_eq!(Ipv4::parse(&out), Ok(header));
    }
    let _ = udp::View::new(packet.payload()).map(udp::View::payload);
}

fn packet6(bytes: &[u8]) {
    let Ok(packet) = ipv6::View::new(bytes) else { return };
    let (src, dst) = (packet.src(), packet.dst());
    let _ = udp::View::new(packet.payload()).map(udp::View::payload);
    // Fuzzing would not guess a checksum.
    let mut message = packet.payload().to_vec();
    if message.len() < icmpv6::View::LEN {
        return;
    }
    message[2..4].fill(0);
    let len = message.len();
    let sum = wire::checksum::Sum::ipv6(src, dst, 58, len).with(&message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());

    let mut out = Vec::new();
    if let Ok(asked) = router::Solicitation::parse(&message, src, dst) {
        asked.emit(src, dst, &mut out);
        assert_eq!(router::Solicitation::parse(&out, src, dst), Ok(asked));
    }
    if let Ok((told, options)) = router::Advertisement::parse(&message, src, dst) {
        let options: Vec<NdOption<'_>> = options.map(|option| option.expect("checked")).collect();
        out.clear();
        told.emit(&options, src, dst, &mut out);
        let (again, options_again) = router::Advertisement::parse(&out, src, dst).expect("ours");
        assert_eq!(again, told);
        assert!(options_again.map(|option| option.expect("ours")).eq(options));
    }
    if let Ok(asked) = neighbour::Solicitation::parse(&message, src, dst) {
        out.clear();
        asked.emit(src, dst, &mut out);
        assert_eq!(neighbour::Solicitation::parse(&out, src, dst), Ok(asked));
    }
    if let Ok(told) = neighbour::Advertisement::parse(&message, src, dst) {
        out.clear();
        told.emit(src, dst, &mut out);
        assert_eq!(neighbour::Advertisement::parse(&out, src, dst), Ok(told));
    }
}
