//! Several frames laid in one: how they are cut apart, and how runs of them are joined.

mod cut;
mod layout;
mod merge;

pub use cut::{Cut, cut};
pub use layout::Layout;
pub use merge::Run;

use crate::inner::Inner;
use crate::{Frame, Pool};

/// The frames that one stands for, each in a buffer of its own with nothing left to do: for a device that
/// cannot cut it. None if it is not what it says.
pub fn apart(frame: &Frame, pool: &mut Pool) -> Vec<Frame> {
    let mut frames = Vec::new();
    let Some(segments) = &frame.offload.segments else { return frames };
    let Ok(inner) = Inner::of(frame.bytes()) else { return frames };
    let Ok(mut cut) = cut(frame.bytes(), &inner, segments) else { return frames };
    while let Some(len) = cut.next_len() {
        let mut one = pool.take(len);
        one.room();
        one.fill(len);
        cut.next_into(one.bytes_mut());
        frames.push(one);
    }
    frames
}

#[cfg(test)]
mod tests {
    use wire::checksum::Sum;
    use wire::{Ethernet, Ipv4, Mac, Udp};

    use super::*;
    use crate::{Checksum, Offload, SegmentKind, Segments};

    #[test]
    fn a_frame_of_datagrams_comes_apart_whole_and_right() {
        let payload: Vec<u8> = (0..3500u32).map(|n| n as u8).collect();
        let mut bytes = vec![0; 42];
        let (src, dst) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let ethernet = Ethernet { dst: Mac([2; 6]), src: Mac([4; 6]), ethertype: 0x0800 };
        ethernet.emit(bytes[..14].first_chunk_mut().expect("14"));
        let ip = Ipv4 { src, dst, protocol: 17, ttl: 64, payload_len: (8 + payload.len()) as u16 };
        ip.emit(bytes[14..34].first_chunk_mut().expect("20"));
        let udp = Udp { src_port: 50_000, dst_port: 4789 };
        udp.emit_ipv4(src, dst, &payload, bytes[34..42].first_chunk_mut().expect("8"));
        bytes.extend_from_slice(&payload);
        let mut frame = Frame::of(&bytes);
        let segments = Segments { kind: SegmentKind::Udp, size: 1000, header_len: 42, ecn: false };
        let checksum = Checksum::Partial { start: 34, offset: 6 };
        frame.offload = Offload { checksum, segments: Some(segments) };
        let frames = apart(&frame, &mut Pool::default());
        assert_eq!(frames.iter().map(Frame::len).collect::<Vec<_>>(), [1042, 1042, 1042, 542]);
        let mut joined = Vec::new();
        for frame in &frames {
            let ip = wire::ipv4::View::new(&frame.bytes()[14..]).expect("IPv4");
            assert!(ip.is_intact() && frame.offload == Offload::default());
            assert_eq!(Sum::ipv4(src, dst, 17, ip.payload().len()).with(ip.payload()).finish(), 0);
            joined.extend_from_slice(wire::udp::View::new(ip.payload()).expect("UDP").payload());
        }
        assert_eq!(joined, payload);
        frame.offload.segments = None;
        assert!(apart(&frame, &mut Pool::default()).is_empty());
    }
}
