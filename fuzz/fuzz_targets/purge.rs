//! What others write to ctpurge: messages of its socket, and what the kernel shows of connections.
#![no_main]

#[path = "../../crates/kernel/tests/corpus/walk.rs"]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    walk::bytes(bytes);
});
