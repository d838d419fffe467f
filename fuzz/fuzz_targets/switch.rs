//! A story of frames, time and configurations to the virtual switch, whole.
#![no_main]

#[path = "../../crates/vswitch/tests/walk/mod.rs"]
mod walk;

libfuzzer_sys::fuzz_target!(|story: &[u8]| {
    walk::bytes(story);
});
