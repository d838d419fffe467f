//! The programs behind the filters: what passes is changed and leaves by another device.

use kernel::bpf::code::{Code, Function, Instruction, Op, Reg, Size, When};

use super::lay::{self, frame, note, place};
use super::{MAC_LEN, Maps};

const INDEX: i16 = -8;
/// The inner Ethernet header and the first two bytes of IP.
const HEAD: i16 = INDEX - 16;
const HASH: i16 = HEAD - 8;
const SEGMENTS: i16 = HASH - 8;
/// The outer header.
const OUTER: i16 = SEGMENTS - 56;

const GO_ON: i32 = -1;
const DROP: i32 = 2;
const BEHIND_MAC: i32 = 1;
/// To what the device receives, not to what it sends.
const RECEIVES: i32 = 1;
const IPV4: i32 = 0x0800_u16.to_be() as i32;
const IPV6: i32 = 0x86dd_u16.to_be() as i32;
const FIXED_SEGMENTS: i32 = 1 << 0;
const INNER_IPV4: i32 = 1 << 7;
const INNER_IPV6: i32 = 1 << 8;
const EPHEMERAL: i32 = 0xc000;

/// Of a port: into a tunnel, or to another port as it is.
pub(crate) fn port(maps: &Maps) -> Vec<Instruction> {
    let mut code = Code::default();
    begin(&mut code, maps);
    code.load(Size::Word, Reg::R1, Reg::R9, place::HEAD_LEN as i16).jump_if(When::Equal, Reg::R1, 0, "leave");
    load_head(&mut code, 0);
    code.copy(Reg::R1, Reg::R6).call(Function::FlowHash).store(Size::Double, Reg::Frame, HASH, Reg::R0);
    code.load(Size::Word, Reg::R2, Reg::R9, place::HEAD_LEN as i16);
    code.load(Size::Double, Reg::R4, Reg::R9, place::FLAGS as i16);
    code.copy(Reg::R1, Reg::R6).copy(Reg::R3, BEHIND_MAC).call(Function::AdjustRoom);
    code.jump_if(When::Other, Reg::R0, 0, "again");
    for at in (0..56).step_by(8) {
        code.load(Size::Double, Reg::R1, Reg::R9, place::HEAD as i16 + at);
        code.store(Size::Double, Reg::Frame, OUTER + at, Reg::R1);
    }
    // R2: the class.
    code.load(Size::Byte, Reg::R2, Reg::Frame, HEAD + 15);
    code.load(Size::Half, Reg::R1, Reg::Frame, HEAD + 12).jump_if(When::Equal, Reg::R1, IPV4, "class");
    code.set(Op::ShiftRight, Reg::R2, 4).load(Size::Byte, Reg::R1, Reg::Frame, HEAD + 14);
    code.set(Op::ShiftLeft, Reg::R1, 4).set(Op::Or, Reg::R2, Reg::R1).set(Op::And, Reg::R2, 0xff);
    code.label("class");
    code.load(Size::Word, Reg::R1, Reg::R9, place::CLASS_OF_INNER as i16).set(Op::And, Reg::R2, Reg::R1);
    code.load(Size::Word, Reg::R1, Reg::R9, place::CLASS as i16).set(Op::Or, Reg::R2, Reg::R1);
    code.store(Size::Byte, Reg::Frame, OUTER + 15, Reg::R2);
    // R3: the packet's length.
    code.copy(Reg::R3, Reg::R8).load(Size::Word, Reg::R1, Reg::R9, place::HEAD_LEN as i16);
    code.set(Op::Add, Reg::R3, Reg::R1).set(Op::Sub, Reg::R3, MAC_LEN);
    code.copy(Reg::R1, Reg::R3).swap16(Reg::R1).store(Size::Half, Reg::Frame, OUTER + 16, Reg::R1);
    code.load(Size::Word, Reg::R1, Reg::R9, place::SUM as i16);
    code.set(Op::Add, Reg::R1, Reg::R2).set(Op::Add, Reg::R1, Reg::R3);
    for _ in 0..2 {
        code.copy(Reg::R2, Reg::R1).set(Op::ShiftRight, Reg::R2, 16);
        code.set(Op::And, Reg::R1, 0xffff).set(Op::Add, Reg::R1, Reg::R2);
    }
    code.set(Op::Xor, Reg::R1, 0xffff).swap16(Reg::R1).store(Size::Half, Reg::Frame, OUTER + 24, Reg::R1);
    code.load(Size::Word, Reg::R1, Reg::R9, place::DIFFERS as i16).load(
        Size::Double,
        Reg::R2,
        Reg::Frame,
        HASH,
    );
    code.jump_if(When::Equal, Reg::R1, lay::DIFFERS_UDP as i32, "udp");
    code.jump_if(When::Other, Reg::R1, lay::DIFFERS_FLOW_ID as i32, "write");
    code.store(Size::Byte, Reg::Frame, OUTER + 41, Reg::R2).jump("write");
    code.label("udp");
    code.set(Op::Or, Reg::R2, EPHEMERAL).swap16(Reg::R2).store(Size::Half, Reg::Frame, OUTER + 34, Reg::R2);
    code.set(Op::Sub, Reg::R3, 20).swap16(Reg::R3).store(Size::Half, Reg::Frame, OUTER + 38, Reg::R3);
    code.label("write");
    code.load(Size::Word, Reg::R4, Reg::R9, place::HEAD_LEN as i16);
    code.jump_if(When::Below, Reg::R4, lay::GRE_HEAD_LEN as i32, "drop");
    code.jump_if(When::Above, Reg::R4, lay::UDP_HEAD_LEN as i32, "drop");
    code.copy(Reg::R1, Reg::R6).copy(Reg::R2, 0).stack(Reg::R3, OUTER).copy(Reg::R5, 0);
    code.call(Function::StoreBytes).jump_if(When::Other, Reg::R0, 0, "drop");
    code.load(Size::Word, Reg::R2, Reg::R9, place::HEAD_LEN as i16);
    store_mac(&mut code);
    end(&mut code);
    code.finish()
}

/// Of an underlay: out of a tunnel, to a port.
pub(crate) fn underlay(maps: &Maps) -> Vec<Instruction> {
    let mut code = Code::default();
    begin(&mut code, maps);
    code.load(Size::Word, Reg::R2, Reg::R9, place::HEAD_LEN as i16);
    code.copy(Reg::R1, Reg::R6).stack(Reg::R3, HEAD).copy(Reg::R4, MAC_LEN).call(Function::LoadBytes);
    code.jump_if(When::Other, Reg::R0, 0, "again");
    code.copy(Reg::R4, FIXED_SEGMENTS | INNER_IPV4);
    code.load(Size::Half, Reg::R1, Reg::Frame, HEAD + 12).jump_if(When::Other, Reg::R1, IPV6, "strip");
    code.copy(Reg::R4, FIXED_SEGMENTS | INNER_IPV6);
    code.label("strip");
    code.load(Size::Word, Reg::R1, Reg::R9, place::HEAD_LEN as i16);
    code.copy(Reg::R2, 0).set(Op::Sub, Reg::R2, Reg::R1);
    code.copy(Reg::R1, Reg::R6).copy(Reg::R3, BEHIND_MAC).call(Function::AdjustRoom);
    code.jump_if(When::Other, Reg::R0, 0, "again");
    code.copy(Reg::R2, 0);
    store_mac(&mut code);
    // What the port shows is what the instance sent.
    code.load(Size::Word, Reg::R1, Reg::R9, place::HEAD_LEN as i16).set(Op::Sub, Reg::R8, Reg::R1);
    end(&mut code);
    code.finish()
}

/// R6: the frame. R8: its length. R9: the place of its flow. Who takes the slow path is counted here: by now it waits at
/// our socket.
fn begin(code: &mut Code, maps: &Maps) {
    code.copy(Reg::R6, Reg::R1).store(Size::Word, Reg::Frame, INDEX, 0);
    code.map(Reg::R1, &maps.note).stack(Reg::R2, INDEX).call(Function::MapLookup);
    code.jump_if(When::Equal, Reg::R0, 0, "go on");
    code.load(Size::Word, Reg::R8, Reg::R0, note::PLACE).load(Size::Word, Reg::R1, Reg::R0, note::DEVICE);
    code.store(Size::Word, Reg::R0, note::PLACE, 0).jump_if(When::Equal, Reg::R8, 0, "go on");
    code.load(Size::Word, Reg::R2, Reg::R6, frame::DEVICE).jump_if(When::Other, Reg::R1, Reg::R2, "go on");
    code.copy(Reg::R1, Reg::R8).set(Op::And, Reg::R1, i32::MAX).set(Op::Sub, Reg::R1, 1);
    code.store(Size::Word, Reg::Frame, INDEX, Reg::R1);
    code.map(Reg::R1, &maps.places).stack(Reg::R2, INDEX).call(Function::MapLookup);
    code.jump_if(When::Equal, Reg::R0, 0, "go on").copy(Reg::R9, Reg::R0);
    code.set(Op::ShiftRight, Reg::R8, 31).jump_if(When::Equal, Reg::R8, 0, "passes");
    code.copy(Reg::R1, 1).count(Reg::R9, place::WENT as i16, Reg::R1);
    code.label("go on").copy(Reg::R0, GO_ON).exit();
    code.label("passes").load(Size::Word, Reg::R8, Reg::R6, frame::LEN);
    code.load(Size::Word, Reg::R1, Reg::R6, frame::SEGMENTS).jump_if(When::Other, Reg::R1, 0, "segments");
    code.copy(Reg::R1, 1).label("segments").store(Size::Double, Reg::Frame, SEGMENTS, Reg::R1);
}

fn load_head(code: &mut Code, at: i32) {
    code.copy(Reg::R1, Reg::R6).copy(Reg::R2, at).stack(Reg::R3, HEAD).copy(Reg::R4, MAC_LEN + 2);
    code.call(Function::LoadBytes).jump_if(When::Other, Reg::R0, 0, "again");
}

/// Writes the inner Ethernet header where R2 says.
fn store_mac(code: &mut Code) {
    code.copy(Reg::R1, Reg::R6).stack(Reg::R3, HEAD).copy(Reg::R4, MAC_LEN).copy(Reg::R5, 0);
    code.call(Function::StoreBytes).jump_if(When::Other, Reg::R0, 0, "drop");
}

fn end(code: &mut Code) {
    code.label("leave");
    code.load(Size::Double, Reg::R1, Reg::Frame, SEGMENTS);
    code.count(Reg::R9, place::FRAMES as i16, Reg::R1).count(Reg::R9, place::BYTES as i16, Reg::R8);
    code.load(Size::Word, Reg::R1, Reg::R9, place::OUT as i16)
        .copy(Reg::R2, 0)
        .call(Function::Redirect)
        .exit();
    code.label("drop").copy(Reg::R1, 1).count(Reg::R9, place::OVERRUN as i16, Reg::R1);
    code.copy(Reg::R0, DROP).exit();
    // As if it came just now, to our socket.
    code.label("again");
    code.copy(Reg::R1, lay::AGAIN).store(Size::Word, Reg::R6, frame::MARK, Reg::R1);
    code.load(Size::Word, Reg::R1, Reg::R6, frame::DEVICE)
        .copy(Reg::R2, RECEIVES)
        .call(Function::Redirect)
        .exit();
}
