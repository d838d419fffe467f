//! Whole frames in, whole frames out, shown as text.
//!
//! ```text
//! network.rs  the network that all tests ask       client.rs  frames as clients send them
//! show.rs     answers as text                      golden/    the texts; `UPDATE=1` rewrites
//! v4.rs v6.rs advert.rs options.rs                 hostile.rs bytes of any kind, and the corpus
//! ```
#![expect(clippy::disallowed_methods, reason = "golden files")]

mod advert;
mod client;
mod hostile;
mod network;
mod options;
mod show;
mod v4;
mod v6;

use std::fmt::Write;
use std::path::PathBuf;

use super::Network;
use show::show;

/// Compares the answers to some frames, each under its title, with `golden/NAME.txt`.
fn golden(name: &str, cases: &[(&str, Network, Vec<u8>)]) {
    let mut text = String::new();
    for (title, network, frame) in cases {
        let answer = network.answer(frame).map_or("nothing\n".into(), |answer| show(&answer));
        write!(text, "== {title}\n{answer}\n").expect("strings take all");
    }
    compare(name, &text);
}

fn compare(name: &str, text: &str) {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.extend(["src/dhcp/tests/golden", name]);
    path.set_extension("txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).expect("golden file is writable");
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == want, "{name} differs (UPDATE=1 rewrites it):\n{text}");
}
