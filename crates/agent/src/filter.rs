//! Which frames DHCP and routers want to see, as classic BPF that the kernel runs.

use kernel::packet::Instruction;

/// UDP to port 67 over IPv4, UDP to port 547 and router solicitations over IPv6.
pub(crate) const FILTER: &[Instruction] = &[
    load_half(12),
    skip_unless(JEQ, 0x0800, 7),
    load_byte(23),
    skip_unless(JEQ, 17, 14),
    load_half(20),
    // Not the first fragment: no UDP header.
    Instruction { code: JSET, jump_true: 12, jump_false: 0, value: 0x1fff },
    Instruction { code: LDX_IP_HEADER, jump_true: 0, jump_false: 0, value: 14 },
    Instruction { code: LDH_INDEXED, jump_true: 0, jump_false: 0, value: 16 },
    Instruction { code: JEQ, jump_true: 8, jump_false: 9, value: 67 },
    skip_unless(JEQ, 0x86dd, 8),
    load_byte(20),
    skip_unless(JEQ, 17, 2),
    load_half(56),
    Instruction { code: JEQ, jump_true: 3, jump_false: 4, value: 547 },
    skip_unless(JEQ, 58, 3),
    load_byte(54),
    skip_unless(JEQ, 133, 1),
    Instruction { code: RETURN, jump_true: 0, jump_false: 0, value: 0x4_0000 },
    Instruction { code: RETURN, jump_true: 0, jump_false: 0, value: 0 },
];

/// Router solicitations alone.
pub(crate) const SOLICITATIONS: &[Instruction] = &[
    load_half(12),
    skip_unless(JEQ, 0x86dd, 5),
    load_byte(20),
    skip_unless(JEQ, 58, 3),
    load_byte(54),
    skip_unless(JEQ, 133, 1),
    Instruction { code: RETURN, jump_true: 0, jump_false: 0, value: 0x4_0000 },
    Instruction { code: RETURN, jump_true: 0, jump_false: 0, value: 0 },
];

const LDH_ABSOLUTE: u16 = 0x28;
const LDB_ABSOLUTE: u16 = 0x30;
const LDH_INDEXED: u16 = 0x48;
/// Four times the low four bits of a byte: the length of an IPv4 header.
const LDX_IP_HEADER: u16 = 0xb1;
const JEQ: u16 = 0x15;
const JSET: u16 = 0x45;
const RETURN: u16 = 0x06;

const fn load_half(at: u32) -> Instruction {
    Instruction { code: LDH_ABSOLUTE, jump_true: 0, jump_false: 0, value: at }
}

const fn load_byte(at: u32) -> Instruction {
    Instruction { code: LDB_ABSOLUTE, jump_true: 0, jump_false: 0, value: at }
}

/// Goes on when the value is met, else skips as many instructions.
const fn skip_unless(code: u16, value: u32, skip: u8) -> Instruction {
    Instruction { code, jump_true: 0, jump_false: skip, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel does: a load beyond the frame rejects it.
    fn takes(filter: &[Instruction], frame: &[u8]) -> bool {
        let byte = |at: usize| frame.get(at).map(|b| u32::from(*b));
        let half = |at: usize| Some(byte(at)? << 8 | byte(at + 1)?);
        let (mut a, mut x, mut at) = (0u32, 0u32, 0usize);
        loop {
            let i = filter[at];
            let value = i.value as usize;
            at += 1;
            let loaded = match i.code {
                LDH_ABSOLUTE => half(value),
                LDB_ABSOLUTE => byte(value),
                LDH_INDEXED => half(x as usize + value),
                LDX_IP_HEADER => byte(value).map(|b| 4 * (b & 0xf)),
                RETURN => return i.value != 0,
                code => {
                    let met = if code == JEQ { a == i.value } else { a & i.value != 0 };
                    at += usize::from(if met { i.jump_true } else { i.jump_false });
                    continue;
                }
            };
            let Some(loaded) = loaded else { return false };
            if i.code == LDX_IP_HEADER { x = loaded } else { a = loaded }
        }
    }

    fn v4(protocol: u8, options: usize, fragment: u16, port: u16) -> Vec<u8> {
        let mut frame = vec![0; 14 + 20 + options + 8];
        frame[12..14].copy_from_slice(&[0x08, 0x00]);
        frame[14] = 0x45 + (options / 4) as u8;
        frame[20..22].copy_from_slice(&fragment.to_be_bytes());
        frame[23] = protocol;
        frame[14 + 20 + options + 2..][..2].copy_from_slice(&port.to_be_bytes());
        frame
    }

    fn v6(next: u8, kind: u8, port: u16) -> Vec<u8> {
        let mut frame = vec![0; 14 + 40 + 8];
        frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        frame[20] = next;
        frame[54] = kind;
        frame[56..58].copy_from_slice(&port.to_be_bytes());
        frame
    }

    #[test]
    fn only_what_dhcp_answers_passes() {
        for (what, frame, want) in [
            ("DHCP", v4(17, 0, 0, 67), true),
            ("DHCP behind IP options", v4(17, 8, 0, 67), true),
            ("a later fragment", v4(17, 0, 185, 67), false),
            ("TCP", v4(6, 0, 0, 67), false),
            ("DNS", v4(17, 0, 0, 53), false),
            ("DHCPv6", v6(17, 0, 547), true),
            ("DHCPv6 to a client", v6(17, 0, 546), false),
            ("router solicitation", v6(58, 133, 0), true),
            ("router advertisement", v6(58, 134, 0), false),
            ("half a header", v4(17, 0, 0, 67)[..30].to_vec(), false),
            ("ARP", [vec![0; 12], vec![8, 6], vec![0; 28]].concat(), false),
        ] {
            assert_eq!(takes(FILTER, &frame), want, "{what}");
            assert_eq!(takes(SOLICITATIONS, &frame), what == "router solicitation", "{what}");
        }
    }
}
