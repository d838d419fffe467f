//! Programs of the kernel's virtual machine, written line by line.
//!
//! Opcodes, registers and functions are those of the kernel's `Documentation/bpf/standardization/instruction-set.rst`
//! and `include/uapi/linux/bpf.h`. Jumps name labels; [`Code::finish`] says which is missing.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;

use super::Map;

/// One instruction, as the kernel takes it.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    code: u8,
    /// Source in the upper half, destination in the lower.
    registers: u8,
    offset: i16,
    value: i32,
}

/// A register. `R0` is what a call returns, `R1` to `R5` are its arguments and lost by it, `R6` to `R9` stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reg {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    /// Where the stack of 512 bytes ends.
    Frame,
}

/// How much is loaded or stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

/// What becomes of a register by a second one or a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    Add = 0x00,
    Sub = 0x10,
    Or = 0x40,
    And = 0x50,
    ShiftLeft = 0x60,
    ShiftRight = 0x70,
    Xor = 0xa0,
    Set = 0xb0,
}

/// When a jump is made; numbers have no sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    Equal = 0x10,
    Above = 0x20,
    AnyBit = 0x40,
    Other = 0x50,
    Below = 0xa0,
}

/// A function of the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Function {
    MapLookup = 1,
    StoreBytes = 9,
    Redirect = 23,
    LoadBytes = 26,
    FlowHash = 34,
    AdjustRoom = 50,
}

/// A number or a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum From {
    Value(i32),
    Reg(Reg),
}

impl std::convert::From<i32> for From {
    fn from(value: i32) -> From {
        From::Value(value)
    }
}

impl std::convert::From<Reg> for From {
    fn from(reg: Reg) -> From {
        From::Reg(reg)
    }
}

const LOAD: u8 = 0x61 & !0x18;
const STORE_VALUE: u8 = 0x62 & !0x18;
const STORE: u8 = 0x63 & !0x18;
const ATOMIC: u8 = 0xc3;
const OF_PACKET: u8 = 0x20;
const OF_PACKET_BEHIND: u8 = 0x40;
const LOAD_MAP: u8 = 0x18;
const MAP_BY_DESCRIPTOR: u8 = 1;
const WIDE: u8 = 0x07;
const FROM_REG: u8 = 0x08;
const JUMP: u8 = 0x05;
const TO_BIG_ENDIAN: u8 = 0xdc;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

/// A program in the making.
#[derive(Default)]
pub struct Code {
    lines: Vec<Instruction>,
    labels: BTreeMap<&'static str, usize>,
    jumps: Vec<(usize, &'static str)>,
}

impl Code {
    fn push(&mut self, code: u8, to: Reg, from: Reg, offset: i16, value: i32) -> &mut Code {
        let registers = (from as u8) << 4 | to as u8;
        self.lines.push(Instruction { code, registers, offset, value });
        self
    }

    /// `to` becomes `to` and `from`, by an operation on 64 bits.
    pub fn set(&mut self, op: Op, to: Reg, from: impl Into<From>) -> &mut Code {
        match from.into() {
            From::Value(value) => self.push(op as u8 | WIDE, to, Reg::R0, 0, value),
            From::Reg(from) => self.push(op as u8 | WIDE | FROM_REG, to, from, 0, 0),
        }
    }

    pub fn copy(&mut self, to: Reg, from: impl Into<From>) -> &mut Code {
        self.set(Op::Set, to, from)
    }

    /// An address on the stack, so many bytes before its end.
    pub fn stack(&mut self, to: Reg, at: i16) -> &mut Code {
        self.copy(to, Reg::Frame).set(Op::Add, to, i32::from(at))
    }

    pub fn load(&mut self, size: Size, to: Reg, from: Reg, at: i16) -> &mut Code {
        self.push(LOAD | size as u8, to, from, at, 0)
    }

    pub fn store(&mut self, size: Size, to: Reg, at: i16, from: impl Into<From>) -> &mut Code {
        match from.into() {
            From::Value(value) => self.push(STORE_VALUE | size as u8, to, Reg::R0, at, value),
            From::Reg(from) => self.push(STORE | size as u8, to, from, at, 0),
        }
    }

    /// Adds to 64 bits in memory, whoever else does.
    pub fn count(&mut self, to: Reg, at: i16, from: Reg) -> &mut Code {
        self.push(ATOMIC | Size::Double as u8, to, from, at, 0)
    }

    /// The lower 16 bits, from the machine's order to the network's or back.
    pub fn swap16(&mut self, reg: Reg) -> &mut Code {
        self.push(TO_BIG_ENDIAN, reg, Reg::R0, 0, 16)
    }

    /// Bytes of the packet into `R0`; a packet without them ends the program with 0. The packet is `R6`'s.
    pub fn of_packet(&mut self, size: Size, at: i32) -> &mut Code {
        self.push(OF_PACKET | size as u8, Reg::R0, Reg::R0, 0, at)
    }

    /// The same, so many bytes behind what a register says.
    pub fn of_packet_behind(&mut self, size: Size, from: Reg, at: i32) -> &mut Code {
        self.push(OF_PACKET_BEHIND | size as u8, Reg::R0, from, 0, at)
    }

    pub fn map(&mut self, to: Reg, map: &impl AsMap) -> &mut Code {
        let descriptor = map.as_map().fd.as_raw_fd();
        self.lines.push(Instruction {
            code: LOAD_MAP,
            registers: MAP_BY_DESCRIPTOR << 4 | to as u8,
            offset: 0,
            value: descriptor,
        });
        self.push(0, Reg::R0, Reg::R0, 0, 0)
    }

    pub fn call(&mut self, function: Function) -> &mut Code {
        self.push(CALL, Reg::R0, Reg::R0, 0, function as i32)
    }

    pub fn exit(&mut self) -> &mut Code {
        self.push(EXIT, Reg::R0, Reg::R0, 0, 0)
    }

    pub fn label(&mut self, label: &'static str) -> &mut Code {
        self.labels.insert(label, self.lines.len());
        self
    }

    pub fn jump(&mut self, label: &'static str) -> &mut Code {
        self.jumps.push((self.lines.len(), label));
        self.push(JUMP, Reg::R0, Reg::R0, 0, 0)
    }

    pub fn jump_if(&mut self, when: When, reg: Reg, from: impl Into<From>, label: &'static str) -> &mut Code {
        self.jumps.push((self.lines.len(), label));
        match from.into() {
            From::Value(value) => self.push(JUMP | when as u8, reg, Reg::R0, 0, value),
            From::Reg(from) => self.push(JUMP | when as u8 | FROM_REG, reg, from, 0, 0),
        }
    }

    /// All its instructions, with every jump knowing where to.
    ///
    /// # Panics
    /// When a jump names a label that is nowhere, or one too far away: a mistake of whoever wrote the program.
    pub fn finish(&self) -> Vec<Instruction> {
        let mut lines = self.lines.clone();
        for (at, label) in &self.jumps {
            let to = self.labels.get(label).unwrap_or_else(|| panic!("there is no label {label}"));
            let away = *to as i64 - *at as i64 - 1;
            lines[*at].offset = i16::try_from(away).expect("a jump within reach");
        }
        lines
    }
}

/// What has a map.
pub trait AsMap {
    fn as_map(&self) -> &Map;
}

impl AsMap for Map {
    fn as_map(&self) -> &Map {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the tables of the instruction set.
    #[test]
    fn lines_are_as_the_kernel_numbers_them() {
        let mut code = Code::default();
        code.copy(Reg::R6, Reg::R1)
            .load(Size::Half, Reg::R2, Reg::R6, 4)
            .store(Size::Word, Reg::Frame, -8, 7)
            .count(Reg::R9, 16, Reg::R2)
            .jump_if(When::Equal, Reg::R2, 5, "end")
            .set(Op::And, Reg::R2, 0xff)
            .label("end")
            .exit();
        let bytes: Vec<(u8, u8, i16, i32)> =
            code.finish().iter().map(|i| (i.code, i.registers, i.offset, i.value)).collect();
        let wanted = [
            (0xbf, 0x16, 0, 0),
            (0x69, 0x62, 4, 0),
            (0x62, 0x0a, -8, 7),
            (0xdb, 0x29, 16, 0),
            (0x15, 0x02, 1, 5),
            (0x57, 0x02, 0, 0xff),
            (0x95, 0x00, 0, 0),
        ];
        assert_eq!(bytes, wanted);
    }
}
