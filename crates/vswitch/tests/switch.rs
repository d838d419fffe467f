//! Two or three switches, the machines they run on and a link between them, in virtual time.

#[path = "switch/net/mod.rs"]
mod net;

#[path = "switch/bounds.rs"]
mod bounds;
#[path = "switch/cells.rs"]
mod cells;
#[path = "switch/configuration.rs"]
mod configuration;
#[path = "switch/fast_path.rs"]
mod fast_path;
#[path = "switch/forwarding.rs"]
mod forwarding;
#[path = "switch/moves.rs"]
mod moves;
#[path = "switch/outer.rs"]
mod outer;
#[path = "switch/segments.rs"]
mod segments;
#[path = "switch/unruly.rs"]
mod unruly;
