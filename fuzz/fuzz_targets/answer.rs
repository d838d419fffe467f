//! Any bytes as an answer of a gateway to the guest program, as keys and as a signature: none is endless, and none
//! is trusted.
#![no_main]

use std::io::Read;

use guest::http::{Body, read_head};
use repo::sign::Keyring;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut from = bytes;
    if let Ok(head) = read_head(&mut from, || false) {
        let left = from.len();
        let mut body = Vec::new();
        let _ = Body::new(from, head.framing).read_to_end(&mut body);
        assert!(body.len() <= left);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(ring) = Keyring::read(text) {
        assert!(ring.check(b"bytes", text).is_err());
    }
});
