//! A table of address translation, of about the size of a router's.

use nix::libc;

use super::netlink::Batch;

const SUBSYSTEM: u16 = 10;
const INET: u8 = libc::NFPROTO_INET as u8;
const NAME: &str = "floor";

/// Kind, name, hook and priority of the chains.
const CHAINS: [(&str, &str, u32, i32); 4] = [
    ("nat", "prerouting", 0, -100),
    ("nat", "postrouting", 4, 100),
    ("filter", "input", 1, 0),
    ("filter", "forward", 2, 0),
];
const RULES: usize = 3;

/// One transaction.
pub fn translation(outside: &str) -> Batch {
    let batch = Batch::default().request(16, 0, &[0, 0, 0, SUBSYSTEM as u8]);
    let batch = request(batch, 0).text(1, NAME);
    let batch = ["floating", "fixed"].into_iter().zip(1..).fold(batch, map);
    let batch = CHAINS.into_iter().fold(batch, |batch, (kind, name, hook, priority)| {
        let batch = request(batch, 3)
            .text(1, NAME)
            .text(3, name)
            .text(7, kind)
            .be(5, 1)
            .nest(4, |data| data.be(1, hook).be(2, priority as u32));
        (0..RULES).fold(batch, |batch, _| rule(batch, name, hook, outside))
    });
    batch.request(17, libc::NLM_F_ACK, &[0, 0, 0, SUBSYSTEM as u8])
}

fn request(batch: Batch, what: u16) -> Batch {
    let flags = libc::NLM_F_CREATE | if what == 6 { libc::NLM_F_APPEND } else { 0 };
    batch.request(SUBSYSTEM << 8 | what, flags, &[INET, 0, 0, 0])
}

/// Addresses to addresses, one pair of them.
fn map(batch: Batch, (name, id): (&str, u32)) -> Batch {
    const ADDRESS: u32 = 7;
    let batch = request(batch, 9).text(1, NAME).text(2, name).be(3, 8);
    let batch = batch.be(4, ADDRESS).be(5, 4).be(6, ADDRESS).be(7, 4).be(10, id);
    request(batch, 12).text(1, NAME).text(2, name).be(4, id).nest(3, |list| {
        list.nest(1, |one| {
            one.nest(1, |key| key.attr(1, &[10, 1, 0, 5])).nest(2, |to| to.attr(1, &[10, 1, 0, 6]))
        })
    })
}

/// What leaves by a device: translated at the ways in and out, let pass elsewhere.
fn rule(batch: Batch, chain: &str, hook: u32, outside: &str) -> Batch {
    let mut device = outside.as_bytes().to_vec();
    device.resize(libc::IFNAMSIZ, 0);
    // The name of the device that a packet came from, or goes to.
    let side = if hook == 4 { 7 } else { 6 };
    request(batch, 6).text(1, NAME).text(2, chain).nest(4, |list| {
        let list = expression(list, "meta", |data| data.be(2, side).be(1, 1));
        let list = expression(list, "cmp", |data| data.be(1, 1).be(2, 0).nest(3, |to| to.attr(1, &device)));
        match hook {
            0 | 4 => {
                let list =
                    expression(list, "immediate", |d| d.be(1, 1).nest(2, |v| v.attr(1, &[203, 0, 113, 2])));
                let family = libc::NFPROTO_IPV4 as u32;
                expression(list, "nat", |data| data.be(1, u32::from(hook == 0)).be(2, family).be(3, 1))
            }
            _ => expression(list, "immediate", |d| d.be(1, 0).nest(2, |v| v.nest(2, |code| code.be(1, 1)))),
        }
    })
}

fn expression(list: Batch, name: &str, fill: impl FnOnce(Batch) -> Batch) -> Batch {
    list.nest(1, |one| one.text(1, name).nest(2, fill))
}
