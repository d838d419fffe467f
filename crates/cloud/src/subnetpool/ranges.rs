//! Ranges of addresses: what is left of some without others.

use ipnet::IpNet;

/// As few ranges as say the same, in order.
pub fn compact(ranges: &[IpNet]) -> Vec<IpNet> {
    let mut compact = IpNet::aggregate(&ranges.to_vec());
    compact.sort_unstable();
    compact
}

pub fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// What is left of the ranges without those that are taken, in order.
pub fn without(ranges: &[IpNet], taken: &[IpNet]) -> Vec<IpNet> {
    let mut left = Vec::new();
    for range in ranges {
        let inside: Vec<IpNet> = taken.iter().filter(|taken| overlap(range, taken)).copied().collect();
        split(*range, &inside, &mut left);
    }
    left
}

/// Halves a range until each part is taken whole or not at all.
fn split(range: IpNet, taken: &[IpNet], left: &mut Vec<IpNet>) {
    if taken.is_empty() {
        left.push(range);
        return;
    }
    if taken.iter().any(|taken| taken.contains(&range)) {
        return;
    }
    for half in range.subnets(range.prefix_len() + 1).into_iter().flatten() {
        let inside: Vec<IpNet> = taken.iter().filter(|taken| overlap(&half, taken)).copied().collect();
        split(half, &inside, left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().expect("a range")).collect()
    }

    #[test]
    fn what_is_taken_leaves_the_rest() {
        let whole = nets(&["10.0.0.0/22"]);
        assert_eq!(without(&whole, &[]), whole);
        assert_eq!(without(&whole, &nets(&["10.0.0.0/24"])), nets(&["10.0.1.0/24", "10.0.2.0/23"]));
        assert_eq!(without(&whole, &nets(&["10.0.0.0/8"])), nets(&[]));
        assert_eq!(without(&whole, &nets(&["10.9.0.0/24", "2001:db8::/64"])), whole);
        let holes = without(&whole, &nets(&["10.0.1.0/24", "10.0.3.0/24"]));
        assert_eq!(holes, nets(&["10.0.0.0/24", "10.0.2.0/24"]));
        assert_eq!(compact(&nets(&["10.0.1.0/24", "10.0.0.0/24", "10.0.0.0/25"])), nets(&["10.0.0.0/23"]));
    }
}
