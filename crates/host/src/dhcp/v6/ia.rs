//! Which addresses go into which identity association (RFC 8415 sections 18.3 and 21.4).
//!
//! No binding is remembered: a port's addresses are known, and each goes to the association that
//! names it, else to the first one. So every message of a client finds the same answer.

use std::net::Ipv6Addr;

use dhcproto::v6::{DhcpOption, DhcpOptions, IAAddr, IANA, IAPD, IATA, Status, StatusCode};

use super::message::{Ia, IaKind};
use crate::dhcp::LEASE_S;

/// What the client wants to know of its associations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// Which addresses could it have, or has it now?
    Assign,
    /// Which of the addresses it has may it keep?
    Extend,
    /// May it give them back?
    Release,
}

/// The answer to each association, in their order. `own` are the client's addresses; `on_link`
/// tells whether an address could be anyone's here.
pub(super) fn answers(
    question: Question,
    ias: &[Ia],
    own: &[Ipv6Addr],
    on_link: impl Fn(Ipv6Addr) -> bool,
) -> Vec<DhcpOption> {
    let addresses = ias.iter().filter(|ia| ia.kind == IaKind::Na);
    let named = |ip: &Ipv6Addr| addresses.clone().any(|ia| ia.addresses.contains(ip));
    let mut unnamed: Vec<Ipv6Addr> = own.iter().copied().filter(|ip| !named(ip)).collect();
    let mut given: Vec<Ipv6Addr> = Vec::new();
    let mut out = Vec::new();
    for ia in ias {
        let mut mine: Vec<Ipv6Addr> = Vec::new();
        if ia.kind == IaKind::Na {
            mine.extend(own.iter().filter(|ip| ia.addresses.contains(ip) && !given.contains(ip)));
            mine.append(&mut unnamed);
            given.extend(&mine);
        }
        out.extend(answer(question, ia, &mine, &on_link));
    }
    out
}

/// True if some association has an address in it.
pub(super) fn assigns(answers: &[DhcpOption]) -> bool {
    answers.iter().any(|option| match option {
        DhcpOption::IANA(ia) => ia.opts.iter().any(|inner| matches!(inner, DhcpOption::IAAddr(_))),
        _ => false,
    })
}

fn answer(
    question: Question,
    ia: &Ia,
    mine: &[Ipv6Addr],
    on_link: impl Fn(Ipv6Addr) -> bool,
) -> Option<DhcpOption> {
    let foreign = || ia.addresses.iter().filter(|ip| !mine.contains(ip));
    let none_to_give = match ia.kind {
        IaKind::Pd => Status::NoPrefixAvail,
        IaKind::Na | IaKind::Ta => Status::NoAddrsAvail,
    };
    let inner = match question {
        Question::Assign if foreign().any(|ip| !on_link(*ip)) => vec![status(Status::NotOnLink)],
        Question::Assign if mine.is_empty() => vec![status(none_to_give)],
        Question::Assign => mine.iter().map(|ip| address(*ip, LEASE_S)).collect(),
        Question::Extend if mine.is_empty() && ia.addresses.is_empty() => {
            vec![status(Status::NoBinding)]
        }
        // Lifetimes of zero take an address away from its client.
        Question::Extend => {
            let kept = mine.iter().map(|ip| address(*ip, LEASE_S));
            kept.chain(foreign().map(|ip| address(*ip, 0))).collect()
        }
        Question::Release if ia.addresses.iter().all(|ip| mine.contains(ip)) => return None,
        Question::Release => vec![status(Status::NoBinding)],
    };
    Some(association(ia, inner.into_iter().collect()))
}

/// An association with renewal and rebinding at half and four fifths (section 21.4).
fn association(ia: &Ia, opts: DhcpOptions) -> DhcpOption {
    let (id, t1, t2) = (ia.id, LEASE_S / 2, LEASE_S / 5 * 4);
    match ia.kind {
        IaKind::Na => DhcpOption::IANA(IANA { id, t1, t2, opts }),
        IaKind::Ta => DhcpOption::IATA(IATA { id, opts }),
        IaKind::Pd => DhcpOption::IAPD(IAPD { id, t1, t2, opts }),
    }
}

fn address(addr: Ipv6Addr, life_s: u32) -> DhcpOption {
    DhcpOption::IAAddr(IAAddr {
        addr,
        preferred_life: life_s,
        valid_life: life_s,
        opts: DhcpOptions::default(),
    })
}

pub(super) fn status(status: Status) -> DhcpOption {
    DhcpOption::StatusCode(StatusCode { status, msg: String::new() })
}
