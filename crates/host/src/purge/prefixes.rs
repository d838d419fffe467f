//! Addresses and prefixes found by hash: one look per distinct length of prefix.

use std::net::IpAddr;

use ipnet::IpNet;

/// Prefixes, and numbers kept with each.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    v4: Table<u32>,
    v6: Table<u128>,
    /// What is kept, prefix by prefix.
    kept: Vec<u32>,
}

/// Open addressing, at most two thirds full. The key is a seed of the process: who chooses addresses does
/// not choose where they fall.
#[derive(Debug, Default)]
struct Table<B> {
    slots: Vec<Slot<B>>,
    /// Lengths of prefixes there are, longest first.
    lens: Vec<u8>,
    seed: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot<B> {
    bits: B,
    /// Of `kept`, from and to; none in a slot that is free.
    kept: [u32; 2],
    len: u8,
}

/// An address as a number.
trait Bits: Copy + Default + PartialEq {
    fn masked(self, len: u8) -> Self;
    fn halves(self) -> [u64; 2];
}

impl Bits for u32 {
    fn masked(self, len: u8) -> u32 {
        self & u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0)
    }

    fn halves(self) -> [u64; 2] {
        [0, self.into()]
    }
}

impl Bits for u128 {
    fn masked(self, len: u8) -> u128 {
        self & u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0)
    }

    fn halves(self) -> [u64; 2] {
        [(self >> 64) as u64, self as u64]
    }
}

impl Prefixes {
    /// Of pairs of a prefix and a number.
    pub fn new(mut pairs: Vec<(IpNet, u32)>, seed: u64) -> Prefixes {
        pairs.sort_unstable();
        pairs.dedup();
        let runs = || pairs.chunk_by(|(one, _), (other, _)| one == other);
        let count = |v4: bool| runs().filter(|run| run[0].0.addr().is_ipv4() == v4).count();
        let (mut v4, mut v6) = (Table::new(count(true), seed), Table::new(count(false), seed));
        let mut start = 0;
        for run in runs() {
            let kept = [start, start + run.len() as u32];
            match run[0].0 {
                IpNet::V4(net) => v4.insert(net.network().to_bits(), net.prefix_len(), kept),
                IpNet::V6(net) => v6.insert(net.network().to_bits(), net.prefix_len(), kept),
            }
            start = kept[1];
        }
        Prefixes { v4, v6, kept: pairs.iter().map(|(_, number)| *number).collect() }
    }

    /// What is kept with every prefix that the address is in, each in a run of its own.
    pub fn of(&self, address: IpAddr, mut each: impl FnMut(&[u32])) {
        let mut each = |[from, to]: [u32; 2]| each(&self.kept[from as usize..to as usize]);
        match address {
            IpAddr::V4(address) => self.v4.of(address.to_bits(), &mut each),
            IpAddr::V6(address) => self.v6.of(address.to_bits(), &mut each),
        }
    }
}

impl<B: Bits> Table<B> {
    fn new(prefixes: usize, seed: u64) -> Table<B> {
        // One is always free, for searches to end at.
        let slots = if prefixes == 0 { 0 } else { (prefixes + prefixes / 2 + 1).next_power_of_two() };
        Table { slots: vec![Slot::default(); slots], lens: Vec::new(), seed }
    }

    fn insert(&mut self, bits: B, len: u8, kept: [u32; 2]) {
        if let Err(at) = self.lens.binary_search_by(|known| len.cmp(known)) {
            self.lens.insert(at, len);
        }
        let mut at = self.place(bits, len);
        while !self.slots[at].is_free() {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { bits, kept, len };
    }

    fn of(&self, bits: B, each: &mut impl FnMut([u32; 2])) {
        for len in &self.lens {
            if let Some(kept) = self.find(bits.masked(*len), *len) {
                each(kept);
            }
        }
    }

    fn find(&self, bits: B, len: u8) -> Option<[u32; 2]> {
        let mut at = self.place(bits, len);
        loop {
            let slot = &self.slots[at];
            if slot.is_free() {
                return None;
            }
            if slot.bits == bits && slot.len == len {
                return Some(slot.kept);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn place(&self, bits: B, len: u8) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [high, low] = bits.halves();
        let once = fold(high ^ self.seed, low ^ ODD);
        let twice = fold(once ^ u64::from(len), self.seed.rotate_left(32) | 1);
        twice as usize & (self.slots.len() - 1)
    }
}

impl<B> Slot<B> {
    const fn is_free(&self) -> bool {
        self.kept[0] == self.kept[1]
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
            let mut all = Vec::new();
            prefixes.of(text.parse().expect("address"), |kept| all.extend(kept));
            all
        };
        assert_eq!(of("10.0.0.1"), [1, 2, 3, 4]);
        assert_eq!(of("10.0.0.2"), [2, 3, 4]);
        assert_eq!(of("11.0.0.1"), [4]);
        assert_eq!(of("2001:db8::1"), [6, 5]);
        assert_eq!(of("::ffff:10.0.0.1"), [7, 5], "families are told apart");
        Prefixes::default().of("10.0.0.1".parse().expect("address"), |_| panic!("it holds nothing"));
    }
}
