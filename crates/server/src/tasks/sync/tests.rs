use model::PortId;
use model::desired::{Kind, Remote};
use uuid::Uuid;

use super::*;

fn key(n: usize) -> Key {
    Key::new(Kind::Remote, Uuid::from_u128(n as u128))
}

/// A part whose size depends on its number.
fn part(n: usize) -> Part {
    let fixed_ips = (0..n % 7).map(|at| [10, 0, 0, at as u8].into()).collect();
    let id = Uuid::from_u128(n as u128);
    let mac = "fa:16:3e:00:00:01".parse().expect("a MAC");
    Part::Remote(Remote { port_id: PortId(id), network_id: id.into(), mac, fixed_ips, tunnel_ip: None })
}

/// All pages of a host with `count` keys, of which each third has no part.
fn walk(count: usize, full: bool, bytes: usize) -> (Vec<Change>, Vec<Key>, usize) {
    let (mut told, mut untold, mut pages) = (vec![], vec![], 0);
    let mut after = None;
    loop {
        let from = after.map_or(1, |key: Key| key.id.as_u128() as usize + 1);
        let keys: Vec<Key> = (from..=count).take(PAGE + 1).map(key).collect();
        let parts = (from..=count).take(PAGE).filter(|n| n % 3 != 0).map(|n| (key(n), part(n)));
        let page = Page::of(&keys, taken(&keys), parts.collect(), full, bytes);
        let used: usize = page.parts.iter().map(size).sum();
        assert!(used <= bytes, "{used} bytes on a page of {bytes}");
        told.extend(page.parts);
        untold.extend(page.untold);
        pages += 1;
        assert!(pages <= count + 1, "pages come to an end");
        match page.next {
            Some(next) => after = Some(next),
            None => return (told, untold, pages),
        }
    }
}

#[test]
fn pages_come_to_the_same_as_all_at_once() {
    for full in [true, false] {
        for count in [0, 1, 2, 3, 499, 500, 501, 1000, 1001, 1003] {
            let (all, none, pages) = walk(count, full, usize::MAX);
            let wanted = (1..=count).filter(|n| !full || n % 3 != 0).count();
            assert_eq!((all.len(), none.len(), pages), (wanted, 0, count.div_ceil(PAGE).max(1)));
            for bytes in [500, 1000, 5000].into_iter().filter(|bytes| *bytes > count) {
                let (told, untold, pages) = walk(count, full, bytes);
                assert!(told == all && untold.is_empty(), "{count} keys, pages of {bytes} bytes");
                assert!(count < 100 || pages > count / 40, "{pages} pages of {bytes} bytes");
            }
        }
    }
}

#[test]
fn a_part_larger_than_the_bus_holds_up_no_other() {
    let (told, untold, _) = walk(100, true, 300);
    assert!(!told.is_empty() && !untold.is_empty(), "{} told, {} untold", told.len(), untold.len());
    assert_eq!(told.len() + untold.len(), 67);
    assert!(
        untold
            .iter()
            .all(|key| size(&Change { key: *key, part: Some(part(key.id.as_u128() as usize)) }) > 200)
    );
}

#[test]
fn no_more_groups_are_read_than_a_page_is_likely_to_hold() {
    let some = |kind: Kind, count: usize| (0..count).map(move |n| Key::new(kind, Uuid::from_u128(n as u128)));
    let mixed = |small: usize, large: usize| -> Vec<Key> {
        some(Kind::Remote, small).chain(some(Kind::Group, large)).collect()
    };
    for (small, large, wanted) in
        [(0, 0, 0), (0, 20, 20), (0, PAGE, PAGE / LARGE), (PAGE, 9, PAGE), (PAGE - 1, 9, PAGE), (7, 3, 10)]
    {
        assert_eq!(taken(&mixed(small, large)), wanted, "{small} small, {large} large");
    }
}
