//! What of an underlay's frames the kernel lets through to us: questions and answers about MACs, and tunnels.

use kernel::packet::Instruction;

pub(crate) const LOAD_HALF: u16 = 0x28;
pub(crate) const LOAD_BYTE: u16 = 0x30;
pub(crate) const LOAD_WORD: u16 = 0x20;
/// X = 4 * (low half of the byte): the length of an IPv4 header.
pub(crate) const LOAD_HEADER_LENGTH: u16 = 0xb1;
pub(crate) const LOAD_HALF_BEHIND: u16 = 0x48;
pub(crate) const EQUAL: u16 = 0x15;
pub(crate) const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;
/// A word beside the frame: whether it had a tag.
const TAGGED: u32 = 0xffff_f000 + 48;

const ETHERTYPE: u32 = 12;
const IP: u32 = 14;
const ARP: u32 = 0x0806;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const UDP: u32 = 17;
const GRE: u32 = 47;
const ICMPV6: u32 = 58;
const SOLICITATION: u32 = 135;
const ADVERTISEMENT: u32 = 136;

const MAX_PORTS: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Next,
    Take,
    Drop,
    At(&'static str),
}

enum Line {
    Label(&'static str),
    Load(u16, u32),
    Test(u16, u32, To, To),
}

/// Takes tunnels to these UDP ports, and GRE if there is any.
pub(crate) fn underlay(ports: &[u16], gre: bool) -> Vec<Instruction> {
    use Line::{Label, Load, Test};
    use To::{At, Drop, Next, Take};
    let gre_to = if gre { Take } else { Drop };
    // More than the program reaches past: all of UDP passes, and the switch judges.
    let (ports, rest) = if ports.len() > MAX_PORTS { (&[][..], Take) } else { (ports, Drop) };
    let to_ports = |lines: &mut Vec<Line>| {
        lines.extend(ports.iter().map(|port| Test(EQUAL, (*port).into(), Take, Next)));
        lines.push(Test(EQUAL, 0, rest, rest));
    };
    let mut lines = vec![
        Load(LOAD_WORD, TAGGED),
        Test(EQUAL, 0, Next, Drop),
        Load(LOAD_HALF, ETHERTYPE),
        Test(EQUAL, ARP, Take, Next),
        Test(EQUAL, IPV6, At("ipv6"), Next),
        Test(EQUAL, IPV4, Next, Drop),
        // A later fragment has no ports.
        Load(LOAD_HALF, IP + 6),
        Test(ANY_BIT, 0x1fff, Drop, Next),
        Load(LOAD_BYTE, IP + 9),
        Test(EQUAL, GRE, gre_to, Next),
        Test(EQUAL, UDP, Next, Drop),
        Load(LOAD_HEADER_LENGTH, IP),
        Load(LOAD_HALF_BEHIND, IP + 2),
    ];
    to_ports(&mut lines);
    lines.extend([
        Label("ipv6"),
        Load(LOAD_BYTE, IP + 6),
        Test(EQUAL, GRE, gre_to, Next),
        Test(EQUAL, ICMPV6, At("icmpv6"), Next),
        Test(EQUAL, UDP, Next, Drop),
        Load(LOAD_HALF, IP + 40 + 2),
    ]);
    to_ports(&mut lines);
    lines.extend([
        Label("icmpv6"),
        Load(LOAD_BYTE, IP + 40),
        Test(EQUAL, SOLICITATION, Take, Next),
        Test(EQUAL, ADVERTISEMENT, Take, Drop),
    ]);
    assemble(&lines)
}

/// Behind the lines stand the two ends: drop, take.
fn assemble(lines: &[Line]) -> Vec<Instruction> {
    let count = lines.iter().filter(|line| !matches!(line, Line::Label(_))).count();
    let place = |label: &str| {
        let before = lines.iter().take_while(|line| !matches!(line, Line::Label(at) if *at == label));
        before.filter(|line| !matches!(line, Line::Label(_))).count()
    };
    let mut program: Vec<Instruction> = Vec::with_capacity(count + 2);
    for line in lines {
        let at = program.len();
        // MAX_PORTS keeps all within reach.
        let jump = |to: To| {
            let target = match to {
                To::Next => at + 1,
                To::Drop => count,
                To::Take => count + 1,
                To::At(label) => place(label),
            };
            (target - at - 1) as u8
        };
        let of = |code, value, jump_true, jump_false| Instruction { code, jump_true, jump_false, value };
        match line {
            Line::Label(_) => {}
            Line::Load(code, value) => program.push(of(*code, *value, 0, 0)),
            Line::Test(code, value, yes, no) => program.push(of(*code, *value, jump(*yes), jump(*no))),
        }
    }
    let end = |value| Instruction { code: RETURN, jump_true: 0, jump_false: 0, value };
    program.extend([end(0), end(u32::MAX)]);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the kernel runs it.
    fn takes(program: &[Instruction], frame: &[u8]) -> bool {
        let (mut a, mut x, mut at) = (0u32, 0u32, 0);
        let get = |from: u32, len: usize| -> Option<u32> {
            let bytes = frame.get(from as usize..from as usize + len)?;
            Some(bytes.iter().fold(0, |all, byte| all << 8 | u32::from(*byte)))
        };
        loop {
            let i = program[at];
            at += 1;
            let loaded = match i.code {
                LOAD_WORD => Some(0),
                LOAD_HALF => get(i.value, 2),
                LOAD_BYTE => get(i.value, 1),
                LOAD_HALF_BEHIND => get(x + i.value, 2),
                LOAD_HEADER_LENGTH => {
                    let Some(byte) = get(i.value, 1) else { return false };
                    x = 4 * (byte & 0xf);
                    continue;
                }
                EQUAL | ANY_BIT => {
                    let yes = if i.code == EQUAL { a == i.value } else { a & i.value != 0 };
                    at += usize::from(if yes { i.jump_true } else { i.jump_false });
                    continue;
                }
                _ => return i.value > 0,
            };
            match loaded {
                Some(value) => a = value,
                None => return false,
            }
        }
    }

    fn ipv4(protocol: u8, port: u16) -> Vec<u8> {
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14] = 0x45;
        frame[23] = protocol;
        frame[36..38].copy_from_slice(&port.to_be_bytes());
        frame
    }

    fn ipv6(next: u8, port: u16) -> Vec<u8> {
        let mut frame = vec![0; 80];
        frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        frame[20] = next;
        frame[56..58].copy_from_slice(&port.to_be_bytes());
        frame
    }

    #[test]
    fn tunnels_and_questions_pass_and_nothing_else() {
        let program = underlay(&[4789, 6081], false);
        for port in [4789, 6081] {
            assert!(takes(&program, &ipv4(17, port)) && takes(&program, &ipv6(17, port)));
        }
        assert!(!takes(&program, &ipv4(17, 53)) && !takes(&program, &ipv6(17, 53)));
        assert!(!takes(&program, &ipv4(6, 4789)) && !takes(&program, &ipv6(6, 4789)));
        assert!(!takes(&program, &ipv4(47, 0)) && !takes(&program, &ipv6(47, 0)));
        let with_gre = underlay(&[], true);
        assert!(takes(&with_gre, &ipv4(47, 0)) && takes(&with_gre, &ipv6(47, 0)));
        assert!(!takes(&with_gre, &ipv4(17, 4789)));
        let mut later = ipv4(17, 4789);
        later[21] = 1;
        assert!(!takes(&program, &later));
        let mut arp = vec![0; 42];
        arp[12..14].copy_from_slice(&[8, 6]);
        assert!(takes(&program, &arp));
        for (kind, good) in [(135, true), (136, true), (134, false), (128, false)] {
            let mut nd = ipv6(58, 0);
            nd[54] = kind;
            assert_eq!(takes(&program, &nd), good, "{kind}");
        }
        let mut long = ipv4(17, 0);
        long[14] = 0x46;
        long[40..42].copy_from_slice(&4789u16.to_be_bytes());
        assert!(takes(&program, &long));
        assert!(!takes(&program, &[0; 10]));
    }

    #[test]
    fn as_many_ports_as_there_may_be_are_within_reach() {
        let ports: Vec<u16> = (1..=MAX_PORTS as u16).collect();
        let program = underlay(&ports, true);
        assert!(
            ports.iter().all(|port| takes(&program, &ipv4(17, *port)) && takes(&program, &ipv6(17, *port)))
        );
        assert!(takes(&program, &ipv4(47, 0)) && !takes(&program, &ipv4(17, 999)));
    }
}
