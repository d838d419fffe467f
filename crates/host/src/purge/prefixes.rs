//! Addresses and prefixes found by hash: one look per distinct length of prefix.

use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;

/// Prefixes, and numbers kept with each.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    v4: Table,
    v6: Table,
    /// What is kept, prefix by prefix.
    kept: Vec<u32>,
}

/// Open addressing, at most half full. The key is a seed of the process: who chooses addresses does
/// not choose where they fall.
#[derive(Debug, Default)]
struct Table {
    slots: Vec<Slot>,
    /// Lengths of prefixes there are, longest first.
    lens: Vec<u8>,
    seed: u64,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    bits: u128,
    /// Of `kept`; empty in a slot that is free.
    kept: Range<u32>,
    len: u8,
}

impl Prefixes {
    /// Of pairs of a prefix and a number.
    pub fn new(mut pairs: Vec<(IpNet, u32)>, seed: u64) -> Prefixes {
        pairs.sort_unstable();
        pairs.dedup();
        let count = |v4: bool| pairs.iter().filter(|(net, _)| net.addr().is_ipv4() == v4).count();
        let (v4, v6) = (Table::new(count(true), seed), Table::new(count(false), seed));
        let mut prefixes = Prefixes { v4, v6, kept: pairs.iter().map(|(_, number)| *number).collect() };
        let mut start = 0;
        for run in pairs.chunk_by(|(one, _), (other, _)| one == other) {
            let end = start + run.len() as u32;
            let net = run[0].0;
            let table = if net.addr().is_ipv4() { &mut prefixes.v4 } else { &mut prefixes.v6 };
            table.insert(bits(net.network()), net.prefix_len(), start..end);
            start = end;
        }
        prefixes
    }

    /// What is kept with every prefix that the address is in, each in a run of its own.
    pub fn of(&self, address: IpAddr) -> impl Iterator<Item = &[u32]> {
        let table = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        let bits = bits(address);
        let found =
            table.lens.iter().filter_map(move |len| table.find(bits & mask(*len, address.is_ipv4()), *len));
        found.map(|kept| &self.kept[kept.start as usize..kept.end as usize])
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn mask(len: u8, v4: bool) -> u128 {
    let width = if v4 { 32 } else { 128 };
    let behind = width - u32::from(len);
    u128::MAX.checked_shl(behind).unwrap_or(0)
}

impl Table {
    fn new(prefixes: usize, seed: u64) -> Table {
        let slots = if prefixes == 0 { 0 } else { (prefixes * 2).next_power_of_two() };
        Table { slots: vec![Slot::default(); slots], lens: Vec::new(), seed }
    }

    fn insert(&mut self, bits: u128, len: u8, kept: Range<u32>) {
        if let Err(at) = self.lens.binary_search_by(|known| len.cmp(known)) {
            self.lens.insert(at, len);
        }
        let mut at = self.place(bits, len);
        while !self.slots[at].kept.is_empty() {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { bits, kept, len };
    }

    fn find(&self, bits: u128, len: u8) -> Option<Range<u32>> {
        let mut at = self.place(bits, len);
        loop {
            let slot = &self.slots[at];
            if slot.kept.is_empty() {
                return None;
            }
            if slot.bits == bits && slot.len == len {
                return Some(slot.kept.clone());
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn place(&self, bits: u128, len: u8) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let (high, low) = ((bits >> 64) as u64, bits as u64);
        let once = fold(high ^ self.seed, low ^ ODD);
        let twice = fold(once ^ u64::from(len), self.seed.rotate_left(32) | 1);
        twice as usize & (self.slots.len() - 1)
    }
}

/// Both halves of a product.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_all_its_prefixes() {
        let net = |text: &str| text.parse::<IpNet>().expect("prefix");
        let pairs = [
            ("10.0.0.1/32", 1),
            ("10.0.0.0/8", 2),
            ("10.0.0.0/8", 3),
            ("0.0.0.0/0", 4),
            ("::/0", 5),
            ("2001:db8::1/128", 6),
            ("::ffff:10.0.0.1/128", 7),
        ];
        let prefixes = Prefixes::new(pairs.iter().map(|(text, n)| (net(text), *n)).collect(), 77);
        let of = |text: &str| -> Vec<u32> {
            prefixes.of(text.parse().expect("address")).flatten().copied().collect()
        };
        assert_eq!(of("10.0.0.1"), [1, 2, 3, 4]);
        assert_eq!(of("10.0.0.2"), [2, 3, 4]);
        assert_eq!(of("11.0.0.1"), [4]);
        assert_eq!(of("2001:db8::1"), [6, 5]);
        assert_eq!(of("::ffff:10.0.0.1"), [7, 5], "families are told apart");
        assert_eq!(Prefixes::default().of("10.0.0.1".parse().expect("address")).count(), 0);
    }
}
