//! Any bytes as a package: facts or a reason. What facts say fits into paths and indexes.
#![no_main]

use repo::index::{Place, Sum, deb, rpm::Index};
use repo::{Sha256, read};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(facts) = read(bytes, bytes.len() as u64) else { return };
    assert!(!facts.file_name().contains('/'));
    let sum = Sum { sha256: Sha256([0; 32]), size: bytes.len() as u64 };
    let place = Place { path: "pool/x", sum, since: 0 };
    let paragraph = deb::paragraph(&facts, &place);
    // One paragraph: an empty line ends it, and is nowhere else.
    assert!(paragraph.is_empty() || paragraph.find("\n\n") == Some(paragraph.len() - 2));
    for index in Index::ALL {
        let text = index.package(&facts, &place);
        assert_eq!(text.matches("<package ").count(), usize::from(!text.is_empty()));
    }
});
