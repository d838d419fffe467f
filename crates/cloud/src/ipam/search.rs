//! A free address in pools that may be huge and nearly full.
//!
//! The caller asks for a window, looks up which of its addresses are held, and hands them in,
//! until an address is found or there are no more windows. A pool with room costs one window.

use std::net::IpAddr;

use model::SubnetId;
use model::api::subnet::Subnet;

use crate::Stamp;
use crate::ipam::number::{address, number};

/// Addresses in one window.
const WINDOW: u128 = 128;

#[derive(Debug, Clone)]
pub struct Search {
    pub subnet: SubnetId,
    like: IpAddr,
    /// Stretches yet to be looked at, both ends included, the next one last.
    stretches: Vec<(u128, u128)>,
    window: Option<(u128, u128)>,
}

impl Search {
    /// Begins anywhere in the first pool, and goes round.
    pub fn random(subnet: &Subnet, stamp: &mut Stamp) -> Search {
        let mut search = Search::lowest(subnet);
        if let Some((first, last)) = search.stretches.pop() {
            let start = first + stamp.below(last - first + 1);
            if start > first {
                search.stretches.push((first, start - 1));
            }
            search.stretches.push((start, last));
        }
        search
    }

    /// Takes the lowest address that is free.
    pub fn lowest(subnet: &Subnet) -> Search {
        let stretch = |pool: &model::api::subnet::Pool| (number(pool.start), number(pool.end));
        let stretches = subnet.allocation_pools.iter().rev().map(stretch).collect();
        Search { subnet: subnet.id, like: subnet.cidr.addr(), stretches, window: None }
    }

    /// The next addresses to look up, both ends included.
    pub fn window(&mut self) -> Option<(IpAddr, IpAddr)> {
        let (first, last) = self.stretches.pop()?;
        let end = last.min(first.saturating_add(WINDOW - 1));
        if end < last {
            self.stretches.push((end + 1, last));
        }
        self.window = Some((first, end));
        Some((address(first, self.like), address(end, self.like)))
    }

    /// The first address of the window that is not among those held (in order).
    pub fn free(&self, held: &[IpAddr]) -> Option<IpAddr> {
        let (first, last) = self.window?;
        let mut candidate = first;
        for ip in held {
            if number(*ip) != candidate {
                break;
            }
            candidate += 1;
        }
        (candidate <= last).then(|| address(candidate, self.like))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipam::plan::tests::a_subnet;

    fn find(mut search: Search, held: &[&str]) -> Option<String> {
        let held: Vec<IpAddr> = held.iter().map(|ip| ip.parse().unwrap()).collect();
        while let Some((from, to)) = search.window() {
            let within: Vec<IpAddr> = held.iter().copied().filter(|ip| (from..=to).contains(ip)).collect();
            if let Some(ip) = search.free(&within) {
                return Some(ip.to_string());
            }
        }
        None
    }

    #[test]
    fn the_lowest_free_address() {
        let subnet = a_subnet("10.0.0.0/29");
        assert_eq!(find(Search::lowest(&subnet), &[]).as_deref(), Some("10.0.0.2"));
        assert_eq!(find(Search::lowest(&subnet), &["10.0.0.2", "10.0.0.4"]).as_deref(), Some("10.0.0.3"));
    }

    #[test]
    fn any_free_address_is_found_and_none_when_full() {
        let subnet = a_subnet("10.0.0.0/29");
        let all = ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"];
        for seed in 0..50 {
            let mut stamp = Stamp::new(0, String::new(), seed);
            let search = Search::random(&subnet, &mut stamp);
            assert_eq!(find(search.clone(), &all), None);
            assert_eq!(find(search, &all[1..]).as_deref(), Some("10.0.0.2"), "seed {seed}");
        }
    }

    #[test]
    fn a_large_pool_is_walked_to_its_end() {
        let subnet = a_subnet("10.0.0.0/22");
        let held: Vec<String> = (2..1022).map(|n| format!("10.0.{}.{}", n / 256, n % 256)).collect();
        let held: Vec<&str> = held.iter().map(String::as_str).collect();
        assert_eq!(find(Search::lowest(&subnet), &held).as_deref(), Some("10.0.3.254"));
    }
}
