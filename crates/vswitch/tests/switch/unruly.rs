//! Whatever comes, nothing panics, nothing exceeds its bounds, and what is traced is what happens.
#![expect(clippy::disallowed_methods, reason = "the corpus is files")]

use std::path::Path;

use proptest::prelude::*;

#[path = "../walk/mod.rs"]
mod walk;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        walk::bytes(&bytes);
    }
}

/// Stories that fuzzing found, and seeds that it begins with (`UPDATE=1` writes them).
#[test]
fn corpus() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/switch");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(&root).expect("the corpus is writable");
        for (name, story) in seeds() {
            std::fs::write(root.join(name), story).expect("the corpus is writable");
        }
    }
    let mut replayed = 0;
    for file in std::fs::read_dir(root).expect("the corpus is part of the tree") {
        let path = file.expect("readable").path();
        let opened = walk::bytes(&std::fs::read(&path).expect("readable"));
        assert!(opened > 0 || !path.ends_with("settled"), "{opened} flows");
        replayed += 1;
    }
    assert!(replayed >= seeds().len(), "{replayed} files");
}

/// An act: what, and with which bytes.
fn act(what: u8, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    [&[what, (bytes.len() / 2) as u8][..], &bytes].concat()
}

fn seeds() -> [(&'static str, Vec<u8>); 5] {
    use super::net::frames;
    use super::net::inst;
    let datagram = frames::numbered(0, 1, 1, 100);
    let segments = frames::tcp(inst(0), inst(1), false, 7, 300);
    let broadcast = [&[0xff; 6][..], &datagram[6..]].concat();
    let cold =
        [act(3, &broadcast), act(0x40, &[]), act(8, &[0]), act(3, &broadcast), act(0x81, &[0xf])].concat();
    let arrives =
        [act(10, &datagram), act(0x0b, &segments), act(0x4b, &datagram), act(0x8b, &datagram)].concat();
    let open = [act(8, &[0]), act(0x26, &segments), act(0x63, &segments), act(0x9, &datagram)].concat();
    let changes =
        [act(3, &broadcast), act(0x02, &[]), act(0x12, &[]), act(0x71, &[9]), act(0xf1, &[15])].concat();
    let back = [&datagram[6..12], &datagram[..6], &datagram[12..]].concat();
    let settled = [
        act(8, &[0]),
        act(14, &datagram),
        act(15, &back),
        act(14, &datagram),
        act(15, &back),
        act(0x80, &[]),
        act(0x71, &[9]),
    ]
    .concat();
    [("arrives", arrives), ("changes", changes), ("cold", cold), ("segments", open), ("settled", settled)]
}
