//! Replays the corpus of purges: seeds (`UPDATE=1` writes them), and whatever fuzzing found; and each seed
//! with bytes changed.

mod walk;

use std::path::Path;

use proptest::prelude::*;

fn attr(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = (value.len() as u16 + 4).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A tuple: addresses, protocol, and what else tells it.
fn tuple(kind: u16, ends: [&[u8]; 2], protocol: u8, numbers: &[(u16, &[u8])]) -> Vec<u8> {
    let first = if ends[0].len() == 4 { 1 } else { 3 };
    let addresses = [attr(first, ends[0]), attr(first + 1, ends[1])].concat();
    let mut told = attr(1, &[protocol]);
    told.extend(numbers.iter().flat_map(|(kind, value)| attr(*kind, value)));
    attr(kind | 0x8000, &[attr(1 | 0x8000, &addresses), attr(2 | 0x8000, &told)].concat())
}

fn entry(v4: bool, protocol: u8, numbers: &[(u16, &[u8])]) -> Vec<u8> {
    let one: &[u8] = if v4 { &[10, 0, 0, 1] } else { &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] };
    let two: &[u8] = if v4 { &[10, 0, 0, 2] } else { &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2] };
    let mut bytes = vec![if v4 { 2 } else { 10 }, 0, 0, 0];
    bytes.extend(tuple(1, [one, two], protocol, numbers));
    bytes.extend(tuple(2, [two, one], protocol, numbers));
    bytes.extend(attr(18, &[0, 5]));
    bytes.extend(attr(12, &[1, 2, 3, 4]));
    bytes
}

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    const ID: &str = r#""id":"6f1e3a52-8d0c-4b6e-9a53-0f1b2c3d4e5f","reason":"rule_removed""#;
    let udp = entry(true, 17, &[(2, &[0, 80]), (3, &[0, 80])]);
    let icmp6 = entry(false, 58, &[(7, &[0, 9]), (8, &[128]), (9, &[0])]);
    let with =
        |what: &str, entry: &[u8]| [format!("{{{ID},\"what\":{what}}}").as_bytes(), &[0], entry].concat();
    let pairs = r#"{"pairs":{"zone":5,"removed":["10.0.0.1","fd00::/64"],"peers":{"of":["10.0.0.2","fd00::2"]},"began":"removed","service":{"protocol":17,"ports":{"from":79,"to":81}}}}"#;
    let tuples = r#"{"tuples":{"zone":5,"tuples":[{"protocol":58,"source":"fd00::1","destination":"fd00::2","icmp":{"type":128,"id":9}}]}}"#;
    let two = format!(
        "{{\"submit\":{{\"jobs\":[{{{ID},\"what\":{{\"zone\":5}}}},{{{ID},\"what\":{pairs},\"place\":{{\"netns\":\"snat-6f1e3a52-8d0c-4b6e-9a53-0f1b2c3d4e5f\"}}}}]}}}}"
    );
    vec![
        ("entry_udp", udp.clone()),
        ("entry_icmpv6", icmp6.clone()),
        ("pairs", with(pairs, &udp)),
        ("tuples", with(tuples, &icmp6)),
        ("zone", with(r#"{"zone":5}"#, &udp)),
        ("any_peer", with(r#"{"pairs":{"removed":["10.0.0.0/8"],"service":{"protocol":17}}}"#, &udp)),
        ("submit", [two.as_bytes(), &[0], &icmp6].concat()),
        ("hello", br#"{"hello":{"version":1}}"#.to_vec()),
    ]
}

#[test]
fn corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/purge");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(&folder).expect("corpus is writable");
        for (name, bytes) in seeds() {
            std::fs::write(folder.join(name), bytes).expect("corpus is writable");
        }
    }
    let files = std::fs::read_dir(folder).expect("the corpus is part of the tree");
    let (mut replayed, mut whole) = (0, 0);
    for file in files {
        let bytes = std::fs::read(file.expect("readable").path()).expect("readable");
        whole += usize::from(walk::bytes(&bytes));
        replayed += 1;
    }
    assert!(replayed >= seeds().len() && whole >= 5, "{replayed} files, {whole} of jobs and entries");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn seeds_with_changes(
        seed: prop::sample::Index,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        len: prop::sample::Index,
        cut: bool,
    ) {
        let all = seeds();
        let mut bytes = all[seed.index(all.len())].1.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cut {
            bytes.truncate(len.index(bytes.len()));
        }
        walk::bytes(&bytes);
    }
}
