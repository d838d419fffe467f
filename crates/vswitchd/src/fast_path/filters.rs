//! The filters: whether a frame takes the slow path, which is through our sockets.
//!
//! Both say so to the program behind them, which the kernel asks next, about the same frame, on the same processor.

use kernel::bpf::code::{Code, Function, Instruction, Op, Reg, Size, When};
use kernel::packet;

use super::lay::{self, frame, key, note, place};
use super::{MAC_LEN, Maps};

const KEY: i16 = -(key::LEN as i16);
const INDEX: i16 = KEY - 8;
/// The frame's first 34 bytes: Ethernet, IPv4.
const HEAD: i16 = INDEX - 40;
/// A UDP header, or a byte of TCP's.
const UDP: i16 = HEAD - 8;
/// Tunnel header, inner Ethernet, and the first bytes of inner IP.
const INNER: i16 = UDP - 32;

const HEAD_LEN: i32 = 34;
const INNER_LEN: i32 = 30;
const ALL: i32 = -1;
/// Shorter segments are not believed, as in the switch.
const LEAST_SEGMENT: i32 = 48;
/// With all that is put before it a frame is no longer than IPv4 can say.
const LONGEST: i32 = 65_535 - lay::UDP_HEAD_LEN as i32;
const IPV4: i32 = 0x0800_u16.to_be() as i32;
const IPV6: i32 = 0x86dd_u16.to_be() as i32;
const TCP: i32 = 6;
const UDP_PROTOCOL: i32 = 17;
const GRE: i32 = 47;
const FRAGMENT: i32 = 0x3fff_u16.to_be() as i32;

/// Of a port: all but what passes.
pub(crate) fn port(maps: &Maps) -> Vec<Instruction> {
    let mut code = Code::default();
    begin(&mut code, maps);
    load(&mut code, 0, HEAD, HEAD_LEN);
    macs(&mut code, HEAD);
    find(&mut code, maps);
    fits(&mut code);
    pass(&mut code);
    code.label("slow path").copy(Reg::R0, ALL).exit();
    code.finish()
}

/// Of an underlay: what the classic filter takes, but for what passes.
pub(crate) fn underlay(maps: &Maps, classic: &[packet::Instruction]) -> Vec<Instruction> {
    let mut code = Code::default();
    begin(&mut code, maps);
    // For this machine, and nobody else.
    code.load(Size::Word, Reg::R1, Reg::R6, frame::KIND).jump_if(When::Other, Reg::R1, 0, "slow path");
    load(&mut code, 0, HEAD, HEAD_LEN);
    code.load(Size::Half, Reg::R1, Reg::Frame, HEAD + 12).jump_if(When::Other, Reg::R1, IPV4, "slow path");
    code.load(Size::Byte, Reg::R1, Reg::Frame, HEAD + 14).jump_if(When::Other, Reg::R1, 0x45, "slow path");
    code.load(Size::Half, Reg::R1, Reg::Frame, HEAD + 20).jump_if(
        When::AnyBit,
        Reg::R1,
        FRAGMENT,
        "slow path",
    );
    // R8: the packet's length, which is the frame's.
    code.load(Size::Half, Reg::R8, Reg::Frame, HEAD + 16).swap16(Reg::R8);
    code.load(Size::Word, Reg::R1, Reg::R6, frame::LEN).set(Op::Sub, Reg::R1, MAC_LEN);
    code.jump_if(When::Other, Reg::R1, Reg::R8, "slow path");
    code.load(Size::Byte, Reg::R1, Reg::Frame, HEAD + 23);
    // R9: where tunnel headers begin.
    code.copy(Reg::R9, HEAD_LEN).jump_if(When::Equal, Reg::R1, GRE, "tunnel");
    code.jump_if(When::Other, Reg::R1, UDP_PROTOCOL, "slow path");
    load(&mut code, HEAD_LEN, UDP, 8);
    code.load(Size::Half, Reg::R1, Reg::Frame, UDP + 4).swap16(Reg::R1).set(Op::Add, Reg::R1, 20);
    code.jump_if(When::Other, Reg::R1, Reg::R8, "slow path");
    // A checksum is the switch's to look at.
    code.load(Size::Half, Reg::R1, Reg::Frame, UDP + 6).jump_if(When::Other, Reg::R1, 0, "slow path");
    code.load(Size::Half, Reg::R1, Reg::Frame, UDP + 2);
    code.store(Size::Half, Reg::Frame, KEY + key::PORT as i16, Reg::R1);
    code.copy(Reg::R9, HEAD_LEN + 8);
    code.label("tunnel");
    code.copy(Reg::R1, Reg::R6).copy(Reg::R2, Reg::R9).stack(Reg::R3, INNER).copy(Reg::R4, INNER_LEN);
    code.call(Function::LoadBytes).jump_if(When::Other, Reg::R0, 0, "slow path");
    // The inner packet is the rest: one, and nothing behind it.
    code.set(Op::Add, Reg::R9, 8).set(Op::Sub, Reg::R8, Reg::R9);
    code.load(Size::Half, Reg::R1, Reg::Frame, INNER + 20);
    code.jump_if(When::Equal, Reg::R1, IPV4, "inner ipv4").jump_if(When::Other, Reg::R1, IPV6, "slow path");
    code.load(Size::Half, Reg::R1, Reg::Frame, INNER + 26).swap16(Reg::R1).set(Op::Add, Reg::R1, 40);
    code.load(Size::Byte, Reg::R2, Reg::Frame, INNER + 23).set(Op::ShiftRight, Reg::R2, 4);
    code.jump("inner");
    code.label("inner ipv4");
    code.load(Size::Half, Reg::R1, Reg::Frame, INNER + 24).swap16(Reg::R1);
    code.load(Size::Byte, Reg::R2, Reg::Frame, INNER + 23);
    code.label("inner");
    code.jump_if(When::Other, Reg::R1, Reg::R8, "slow path");
    // What the outer header says of congestion, the inner one says as well.
    code.load(Size::Byte, Reg::R1, Reg::Frame, HEAD + 15).set(Op::Xor, Reg::R1, Reg::R2);
    code.jump_if(When::AnyBit, Reg::R1, 3, "slow path");
    halves(&mut code, HEAD + 26, key::SOURCE, 2);
    halves(&mut code, HEAD + 30, key::DESTINATION, 2);
    halves(&mut code, HEAD + 6, key::OUTER_MAC, 3);
    // NVGRE's FlowID is any.
    code.load(Size::Byte, Reg::R1, Reg::Frame, HEAD + 23).jump_if(When::Other, Reg::R1, GRE, "number");
    code.store(Size::Byte, Reg::Frame, INNER + 7, 0);
    code.label("number");
    code.load(Size::Word, Reg::R1, Reg::Frame, INNER).load(Size::Word, Reg::R2, Reg::Frame, INNER + 4);
    code.store(Size::Word, Reg::Frame, KEY + key::TUNNEL as i16, Reg::R1);
    code.store(Size::Word, Reg::Frame, KEY + key::TUNNEL as i16 + 4, Reg::R2);
    macs(&mut code, INNER + 8);
    find(&mut code, maps);
    pass(&mut code);
    code.label("slow path");
    translate(&mut code, classic);
    code.finish()
}

/// R6: the frame. R7: the note to the program behind, which says nothing yet.
fn begin(code: &mut Code, maps: &Maps) {
    code.copy(Reg::R6, Reg::R1).store(Size::Word, Reg::Frame, INDEX, 0);
    code.map(Reg::R1, &maps.note).stack(Reg::R2, INDEX).call(Function::MapLookup);
    code.jump_if(When::Other, Reg::R0, 0, "noted").copy(Reg::R0, ALL).exit().label("noted");
    code.copy(Reg::R7, Reg::R0).load(Size::Word, Reg::R1, Reg::R6, frame::DEVICE);
    code.store(Size::Word, Reg::R7, note::PLACE, 0).store(Size::Word, Reg::R7, note::DEVICE, Reg::R1);
    for at in (0..key::LEN as i16).step_by(8) {
        code.store(Size::Double, Reg::Frame, KEY + at, 0);
    }
    code.store(Size::Word, Reg::Frame, KEY + key::DEVICE as i16, Reg::R1);
    // Not counted: those behind it shall come the same way, again, and not before it.
    code.load(Size::Word, Reg::R1, Reg::R6, frame::MARK);
    code.jump_if(When::Equal, Reg::R1, lay::AGAIN, "slow path");
    code.load(Size::Word, Reg::R1, Reg::R6, frame::TAGGED).jump_if(When::Other, Reg::R1, 0, "slow path");
}

fn load(code: &mut Code, at: i32, to: i16, bytes: i32) {
    code.copy(Reg::R1, Reg::R6).copy(Reg::R2, at).stack(Reg::R3, to).copy(Reg::R4, bytes);
    code.call(Function::LoadBytes).jump_if(When::Other, Reg::R0, 0, "slow path");
}

/// Both inner MACs, into the key.
fn macs(code: &mut Code, from: i16) {
    for at in [0, 4, 8] {
        code.load(Size::Word, Reg::R1, Reg::Frame, from + at);
        code.store(Size::Word, Reg::Frame, KEY + key::MACS as i16 + at, Reg::R1);
    }
}

/// What does not lie at a multiple of four.
fn halves(code: &mut Code, from: i16, to: usize, count: i16) {
    for at in 0..count {
        code.load(Size::Half, Reg::R1, Reg::Frame, from + 2 * at);
        code.store(Size::Half, Reg::Frame, KEY + to as i16 + 2 * at, Reg::R1);
    }
}

/// R8: the flow's number. R9: its place.
fn find(code: &mut Code, maps: &Maps) {
    code.map(Reg::R1, &maps.flows).stack(Reg::R2, KEY).call(Function::MapLookup);
    code.jump_if(When::Equal, Reg::R0, 0, "slow path").load(Size::Word, Reg::R8, Reg::R0, 0);
    code.store(Size::Word, Reg::Frame, INDEX, Reg::R8);
    code.map(Reg::R1, &maps.places).stack(Reg::R2, INDEX).call(Function::MapLookup);
    code.jump_if(When::Equal, Reg::R0, 0, "slow path").copy(Reg::R9, Reg::R0);
    code.set(Op::Add, Reg::R8, 1);
}

/// A frame, or each of its segments, is not too long for the flow.
fn fits(code: &mut Code) {
    // The kernel puts headers only before IP.
    code.load(Size::Half, Reg::R1, Reg::Frame, HEAD + 12).jump_if(When::Equal, Reg::R1, IPV4, "ip");
    code.jump_if(When::Other, Reg::R1, IPV6, "counted").label("ip");
    code.load(Size::Word, Reg::R1, Reg::R6, frame::LEN).jump_if(When::Above, Reg::R1, LONGEST, "counted");
    code.load(Size::Word, Reg::R2, Reg::R6, frame::SEGMENT_LEN).jump_if(When::Equal, Reg::R2, 0, "length");
    code.jump_if(When::Below, Reg::R2, LEAST_SEGMENT, "counted");
    // Where TCP's header is: the place is kept beside, for all registers are taken.
    code.load(Size::Half, Reg::R1, Reg::Frame, HEAD + 12);
    code.jump_if(When::Equal, Reg::R1, IPV4, "ipv4").jump_if(When::Other, Reg::R1, IPV6, "counted");
    code.load(Size::Byte, Reg::R1, Reg::Frame, HEAD + 20).jump_if(When::Other, Reg::R1, TCP, "counted");
    code.copy(Reg::R2, MAC_LEN + 40).jump("tcp");
    code.label("ipv4");
    code.load(Size::Byte, Reg::R1, Reg::Frame, HEAD + 23).jump_if(When::Other, Reg::R1, TCP, "counted");
    code.load(Size::Byte, Reg::R2, Reg::Frame, HEAD + 14).set(Op::And, Reg::R2, 0x0f);
    code.set(Op::ShiftLeft, Reg::R2, 2).set(Op::Add, Reg::R2, MAC_LEN);
    code.label("tcp");
    code.store(Size::Double, Reg::Frame, INNER, Reg::R2);
    code.set(Op::Add, Reg::R2, 12);
    code.copy(Reg::R1, Reg::R6).stack(Reg::R3, UDP).copy(Reg::R4, 1).call(Function::LoadBytes);
    code.jump_if(When::Other, Reg::R0, 0, "counted");
    code.load(Size::Byte, Reg::R1, Reg::Frame, UDP).set(Op::ShiftRight, Reg::R1, 4).set(
        Op::ShiftLeft,
        Reg::R1,
        2,
    );
    code.load(Size::Double, Reg::R2, Reg::Frame, INNER).set(Op::Add, Reg::R1, Reg::R2);
    code.load(Size::Word, Reg::R2, Reg::R6, frame::SEGMENT_LEN).set(Op::Add, Reg::R1, Reg::R2);
    code.label("length");
    code.load(Size::Word, Reg::R2, Reg::R9, place::ROOM as i16).jump_if(
        When::Above,
        Reg::R1,
        Reg::R2,
        "counted",
    );
}

/// It passes when all that took the slow path before it has left.
fn pass(code: &mut Code) {
    code.load(Size::Word, Reg::R1, Reg::R9, place::STATE as i16);
    code.jump_if(When::Equal, Reg::R1, lay::OPEN as i32, "open");
    code.jump_if(When::Other, Reg::R1, lay::HELD as i32, "counted");
    code.copy(Reg::R1, 1).count(Reg::R9, place::OVERRUN as i16, Reg::R1).copy(Reg::R0, 0).exit();
    code.label("open");
    code.load(Size::Double, Reg::R1, Reg::R9, place::WENT as i16);
    code.load(Size::Double, Reg::R2, Reg::R9, place::LEFT as i16);
    code.jump_if(When::Other, Reg::R1, Reg::R2, "counted");
    code.store(Size::Word, Reg::R7, note::PLACE, Reg::R8).copy(Reg::R0, 0).exit();
    code.label("counted");
    code.set(Op::Or, Reg::R8, lay::SLOW_PATH).store(Size::Word, Reg::R7, note::PLACE, Reg::R8);
}

/// A program for the older machine, for this one. Of what that machine can do, what [`crate::filter`] uses.
fn translate(code: &mut Code, classic: &[packet::Instruction]) {
    const LABELS: usize = 512;
    static NAMES: std::sync::LazyLock<Vec<String>> =
        std::sync::LazyLock::new(|| (0..LABELS).map(|at| format!("classic {at}")).collect());
    let name = |at: usize| -> &'static str { NAMES.get(at).map_or("beyond", String::as_str) };
    for (at, line) in classic.iter().enumerate() {
        code.label(name(at));
        let packet::Instruction { code: what, jump_true, jump_false, value } = *line;
        let (yes, no) = (name(at + 1 + usize::from(jump_true)), name(at + 1 + usize::from(jump_false)));
        let value = value as i32;
        match what {
            crate::filter::LOAD_WORD => code.load(Size::Word, Reg::R0, Reg::R6, frame::TAGGED),
            crate::filter::LOAD_HALF => code.of_packet(Size::Half, value),
            crate::filter::LOAD_BYTE => code.of_packet(Size::Byte, value),
            crate::filter::LOAD_HEADER_LENGTH => code
                .of_packet(Size::Byte, value)
                .set(Op::And, Reg::R0, 0x0f)
                .set(Op::ShiftLeft, Reg::R0, 2)
                .copy(Reg::R8, Reg::R0),
            crate::filter::LOAD_HALF_BEHIND => code.of_packet_behind(Size::Half, Reg::R8, value),
            crate::filter::EQUAL => code.jump_if(When::Equal, Reg::R0, value, yes).jump(no),
            crate::filter::ANY_BIT => code.jump_if(When::AnyBit, Reg::R0, value, yes).jump(no),
            _ => code.copy(Reg::R0, value).exit(),
        };
    }
}
