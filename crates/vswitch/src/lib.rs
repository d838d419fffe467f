//! Decisions on one frame: which port or tunnel it leaves by, and what it looks like there.
//!
//! A [`Switch`] has no clock and no sockets. Whoever drives it hands it frames and the time, and takes
//! frames, events and the next deadline out of it.
pub use model::vswitch::{Facts, FdbEntry, Shown, Wanted};

mod event;
mod frame;
mod limits;
mod offload;
mod pool;
mod switch;
mod tick;
mod trace;
mod why;
mod wrong;

pub use event::Event;
pub use frame::Frame;
pub use limits::Limits;
pub use offload::{Checksum, Offload, SegmentKind, Segments};
pub use pool::Pool;
pub use switch::{PortNo, Switch};
pub use tick::Tick;
pub use trace::{Step, Trace};
pub use why::{Drops, Why};
pub use wrong::{BadTunnel, Wrong};
