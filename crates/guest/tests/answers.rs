//! Any bytes as an answer: it is read or refused, and never longer than what came. What fuzzing found stays found.

use std::io::Read;

use guest::http::{Body, Framing, read_head};
use proptest::prelude::*;

/// The body, if there is a head that can be read.
fn read(bytes: &[u8]) -> Option<(u16, std::io::Result<Vec<u8>>)> {
    let mut from = bytes;
    let head = read_head(&mut from, || false).ok()?;
    let mut body = Vec::new();
    let read = Body::new(from, head.framing).read_to_end(&mut body);
    assert!(body.len() <= from.len());
    Some((head.status, read.map(|_| body)))
}

#[test]
fn the_corpus_of_the_fuzz_target() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/answer");
    let files = std::fs::read_dir(corpus).expect("the corpus").map(|entry| entry.expect("a file").path());
    let fine = files.filter(
        |file| matches!(read(&std::fs::read(file).expect("reads")), Some((_, Ok(body))) if !body.is_empty()),
    );
    assert_eq!(fine.count(), 3);
}

proptest! {
    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        let _ = read(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &bytes[..]].concat());
        let _ = read(&bytes);
    }

    #[test]
    fn chunks_of_any_sizes_are_put_together(parts in proptest::collection::vec("[a-z]{1,40}", 0..8)) {
        let mut text = String::new();
        for part in &parts {
            text += &format!("{:x};note\r\n{part}\r\n", part.len());
        }
        text += "0\r\n\r\nmore";
        let mut body = String::new();
        Body::new(text.as_bytes(), Framing::Chunked).read_to_string(&mut body).expect("reads");
        prop_assert_eq!(body, parts.concat());
    }
}
