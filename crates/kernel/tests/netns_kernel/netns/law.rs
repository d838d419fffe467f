//! The laws of diff, with the kernel in place of `pretend`.

use std::collections::BTreeSet;

use host::meter::Count;
use host::{Observed, Scope, Wanted, diff};
use kernel::Kernel;
use model::desired::{Network, Part, Port, Router, Segment, Trunked};
use proptest::prelude::*;

use crate::netns::place::Place;
use crate::netns::want::{self, Parts};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is wanted after whatever was: the kernel is brought there, and what it then shows
    /// is what `pretend` said it would.
    #[test]
    fn a_second_diff_is_empty(before in want::parts(), after in want::parts()) {
        one_by_the_other(before, after);
    }

    /// As above, with little but routers.
    #[test]
    fn a_second_diff_is_empty_for_routers(before in want::routed(), after in want::routed()) {
        one_by_the_other(before, after);
    }

    /// As above, with little but groups and ports that have them.
    #[test]
    fn a_second_diff_is_empty_for_groups(before in want::grouped(), after in want::grouped()) {
        one_by_the_other(before, after);
    }
}

fn one_by_the_other(before: Parts, after: Parts) {
    let Some(place) = Place::with_devices() else { return };
    let (before, after) = (without_vlan(before), without_vlan(after));
    block_on(async {
        settle(&place.kernel, &want::want(before.clone()), &Scope::All).await;
        let mut want = want::want(before.clone());
        let (mut keys, mut old) = (BTreeSet::new(), Vec::new());
        for (key, part) in want::changes(&before, &after, 1) {
            keys.insert(key);
            old.extend(match part {
                Some(part) => want.put(part),
                None => want.remove(key),
            });
        }
        let scope = want.scope(&keys, &old);
        settle(&place.kernel, &want, &scope).await;
        let left = diff(&want, &place.kernel.observe(&Scope::All).await.expect("seen"), &Scope::All);
        assert!(left.is_empty(), "by parts left {left:#?}");
    });
}

/// Applies, and checks that the kernel did what was pretended.
async fn settle(kernel: &Kernel, want: &Wanted, scope: &Scope) {
    let mut pretended = kernel.observe(scope).await.expect("seen");
    let steps = diff(want, &pretended, scope);
    steps.iter().for_each(|step| pretended.pretend(&step.op));
    let failed = kernel.apply(steps.clone()).await.expect("thread lives");
    assert!(failed.is_empty(), "{failed:#?}\nof {steps:#?}");
    let now = kernel.observe(scope).await.expect("seen");
    let again = diff(want, &now, scope);
    assert!(again.is_empty(), "second diff {again:#?}\nafter {steps:#?}\non {now:#?}");
    if *scope == Scope::All {
        assert_eq!(shape(&now), shape(&pretended), "after {steps:#?}");
    }
}

/// What `pretend` cannot know: what was counted, indexes, inodes, MACs that the kernel chose, loopbacks.
fn shape(seen: &Observed) -> Observed {
    let mut shape = seen.clone();
    for link in shape.links.values_mut() {
        (link.index, link.mac) = (0, wire::Mac::ZERO);
    }
    // The tests' namespaces differ in what they begin with.
    shape.filter.bridged = None;
    shape.tables.values_mut().for_each(|mark| mark.index = 0);
    for namespace in shape.namespaces.values_mut() {
        namespace.id = 0;
        namespace.links.remove("lo");
        // Settings that nobody asked for are seen as well.
        namespace.sysctls.clear();
        namespace.links.values_mut().for_each(|link| link.index = 0);
        let counts = namespace.meters.iter_mut().flat_map(|meters| meters.counts.values_mut());
        counts.for_each(|count| *count = Count { born_us: 0, packets: 0, bytes: 0 });
    }
    shape
}

/// Not every kernel has VLAN devices.
fn without_vlan(parts: Parts) -> Parts {
    let plain = |part| match part {
        Part::Network(Network { id, mtu_bytes, segment: Segment::Vlan { .. }, peers, roaming }) => {
            Part::Network(Network { id, mtu_bytes, segment: Segment::Local, peers, roaming })
        }
        Part::Port(port) => {
            let trunk = port.trunk.clone().filter(|trunk| !matches!(trunk, Trunked::Tagged { .. }));
            Part::Port(Port { trunk, ..port })
        }
        // Processes have tests of their own.
        Part::Router(router) => Part::Router(Router { ha: None, ..router }),
        part => part,
    };
    parts.into_iter().map(|(key, part)| (key, plain(part))).collect()
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("runtime").block_on(test);
}
