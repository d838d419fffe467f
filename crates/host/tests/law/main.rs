//! The laws of diff, from any start: apply, and a second diff is empty; part by part comes to the
//! same as all at once; what is not ours stays as it is.

mod start;
mod want;

use std::collections::BTreeSet;

use host::observed::Observed;
use host::{Scope, Wanted, diff};
use model::desired::Part;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_second_diff_is_empty(want in want::parts().prop_map(want::want), seen in start::observed()) {
        let now = apply(&want, seen, &Scope::All);
        let again = diff(&want, &now, &Scope::All);
        prop_assert!(again.is_empty(), "{again:#?}\n{now:#?}");
    }

    #[test]
    fn by_parts_comes_to_the_same_as_all_at_once(
        before in want::parts(),
        after in want::parts(),
        order in any::<u64>(),
    ) {
        one_by_one(before, after, order)?;
    }

    #[test]
    fn routers_by_parts_come_to_the_same_as_all_at_once(
        before in want::routed(),
        after in want::routed(),
        order in any::<u64>(),
    ) {
        one_by_one(before, after, order)?;
    }

    #[test]
    fn looking_at_one_part_again_changes_nothing(parts in prop_oneof![want::parts(), want::routed()]) {
        let want = want::want(parts);
        let now = apply(&want, start::bare(), &Scope::All);
        for key in want.keys() {
            let again = diff(&want, &now, &want.scope(&BTreeSet::from([key]), &[]));
            prop_assert!(again.is_empty(), "{key}: {again:#?}\n{now:#?}");
        }
    }

    #[test]
    fn groups_by_parts_come_to_the_same_as_all_at_once(
        before in want::grouped(),
        after in want::grouped(),
        order in any::<u64>(),
    ) {
        one_by_one(before, after, order)?;
    }

    #[test]
    fn many_changes_in_one_scope_come_to_the_same(
        before in want::parts(),
        after in want::parts(),
    ) {
        let mut want = want::want(before.clone());
        let now = apply(&want, start::bare(), &Scope::All);
        let (mut keys, mut old) = (BTreeSet::new(), Vec::new());
        for (key, part) in want::changes(&before, &after, 0) {
            keys.insert(key);
            old.extend(match part {
                Some(part) => want.put(part),
                None => want.remove(key),
            });
        }
        let scope = want.scope(&keys, &old);
        let now = apply(&want, now, &scope);
        let left = diff(&want, &now, &Scope::All);
        prop_assert!(left.is_empty(), "{left:#?}\n{now:#?}");
    }

    #[test]
    fn what_was_half_made_is_taken_away(
        parts in prop_oneof![want::parts(), want::routed()],
        done in any::<prop::sample::Index>(),
    ) {
        let want = want::want(parts);
        let mut now = start::bare();
        let steps = diff(&want, &now, &Scope::All);
        for step in steps.iter().take(done.index(steps.len() + 1)) {
            now.pretend(&step.op);
        }
        let nothing = want::want(want::Parts::default());
        let now = apply(&nothing, now, &Scope::All);
        prop_assert_eq!(start::shape(&now), start::shape(&start::bare()));
    }

    #[test]
    fn what_is_not_ours_stays(want in want::parts().prop_map(want::want), seen in start::observed()) {
        let foreign = start::foreign(&want, &seen);
        let now = apply(&want, seen, &Scope::All);
        for (name, link) in foreign {
            prop_assert_eq!(now.links.get(&name), Some(&link), "{}", name);
        }
    }
}

fn one_by_one(before: want::Parts, after: want::Parts, order: u64) -> Result<(), TestCaseError> {
    let mut want = want::want(before.clone());
    let mut now = apply(&want, start::bare(), &Scope::All);
    for (key, part) in want::changes(&before, &after, order) {
        let old = match part {
            Some(part) => want.put(part),
            None => want.remove(key),
        };
        let old: Vec<Part> = old.into_iter().collect();
        let scope = want.scope(&BTreeSet::from([key]), &old);
        now = apply(&want, now, &scope);
    }
    let left = diff(&want, &now, &Scope::All);
    prop_assert!(left.is_empty(), "{left:#?}\n{now:#?}");
    let all = apply(&want::want(after), start::bare(), &Scope::All);
    prop_assert_eq!(start::shape(&now), start::shape(&all));
    Ok(())
}

fn apply(want: &Wanted, mut now: Observed, scope: &Scope) -> Observed {
    for step in diff(want, &now, scope) {
        now.pretend(&step.op);
    }
    now
}
