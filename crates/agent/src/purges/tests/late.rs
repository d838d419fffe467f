//! Ports that are late, and others of the same job.

use super::*;

/// Three ports of one job, about an address each, and what came of it when some are late.
fn shared(
    alone: &mut Alone,
    causes: BTreeSet<Key>,
    unrevoked: Option<PortId>,
    amiss: &BTreeSet<Key>,
) -> Purges {
    let mut purges = alone.open();
    let ports = [1, 2, 3].map(|n| filtered(n, [10, 0, 0, n as u8]));
    let nets = ports.iter().map(|port| port.fixed_ips[0]).collect();
    let What::Pairs(pairs) = due(1).what else { panic!("not pairs") };
    let what = What::Pairs(Pairs { removed: nets, ..pairs });
    let of = ports.iter().map(|port| port.id).collect();
    for port in ports {
        alone.wanted.put(Part::Port(port));
    }
    purges.note(vec![Due { what, ports: of, causes, ..due(1) }], &mut alone.wanted);
    purges.unrevoked.extend(unrevoked);
    purges.hand_over(amiss, &alone.wanted);
    purges
}

#[tokio::test]
async fn who_is_late_holds_nobody_up() {
    let port = |n| filtered(n, [0; 4]).id;
    let key = |n| Key::new(Kind::Port, port(n).0);
    let group: BTreeSet<Key> = due(1).causes;
    let of = |purges: &Purges, is_sent: bool| {
        let some = purges.waiting.iter().filter(|(id, _)| purges.sent.contains(*id) == is_sent);
        let some =
            some.map(|(_, entry)| (entry.ports.len(), entry.job.what.weight(), entry.causes.len() + 1));
        some.collect::<Vec<_>>()
    };
    let mut alone = Alone::new();
    // They came together, and one is not in place.
    let mut purges = shared(&mut alone, [1, 2, 3].map(key).into(), None, &[key(2)].into());
    assert_eq!((of(&purges, true), of(&purges, false)), (vec![(2, 2, 2)], vec![(1, 1, 1)]));
    assert!(purges.failures().concat().contains(&key(2).to_string()), "{:?}", purges.failures());
    let sent = purges.sent.iter().copied().collect::<Vec<_>>();
    assert_eq!(purges.hear(done(&sent), &mut alone.wanted), [port(1), port(3)].into());
    purges.hand_over(&[key(2)].into(), &alone.wanted);
    assert!(purges.sent.is_empty() && purges.waiting.len() == 1);
    // As an agent finds it that comes after.
    drop(purges);
    let mut purges = alone.open();
    purges.hand_over(&BTreeSet::new(), &alone.wanted);
    assert_eq!((of(&purges, true), purges.failures()), (vec![(1, 1, 1)], vec![]));
    let sent = purges.sent.iter().copied().collect::<Vec<_>>();
    assert_eq!(purges.hear(done(&sent), &mut alone.wanted), [port(2)].into());
    // Something of a port is amiss, and it is revoked; another is not.
    let purges = shared(&mut alone, group.clone(), Some(port(3)), &[key(2)].into());
    assert_eq!((of(&purges, true), of(&purges, false)), (vec![(2, 2, 1)], vec![(1, 1, 1)]));
    drop(purges);
    alone = Alone::new();
    // The cause itself, of one port or of all.
    for (causes, amiss) in [(group.clone(), group), ([key(2)].into(), [key(2)].into())] {
        let purges = shared(&mut alone, causes, None, &amiss);
        assert_eq!((of(&purges, true), of(&purges, false)), (vec![], vec![(3, 3, 1)]));
        drop(purges);
        alone = Alone::new();
    }
}

#[tokio::test]
async fn ports_that_could_not_be_revoked_are_known() {
    let mut alone = Alone::new();
    let mut purges = alone.open();
    let key = Key::new(Kind::Port, due(1).ports.first().expect("one").0);
    let elements = vec![(Item::Device("tap1".to_owned()), Value::None)];
    let steps = [Step { key, needs: None, op: Op::AddElements { at: Set::Revoked.at(), elements } }];
    let error = kernel::KernelError::Skipped { act: String::new() };
    purges.tried(&steps, &[kernel::Failed { index: 0, key, error }]);
    assert_eq!(purges.unrevoked, due(1).ports);
    purges.tried(&steps, &[]);
    assert!(purges.unrevoked.is_empty());
}
