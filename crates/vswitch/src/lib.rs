//! Decisions on one frame: which port or tunnel it leaves by, and what it looks like there.
//!
//! A [`Switch`] has no clock and no sockets. Whoever drives it hands it frames and the time, and takes
//! frames, events and the next deadline out of it.
//!
//! ```text
//! from an instance                                from the underlay
//!   inner      headers of the frame                 arrive     whose is it, which tunnel and network
//!   fdb        learn where it came from             neighbour/ answers, and what waited for them
//!   forward    port, tunnel, all, nobody            inner, fdb, forward
//!   routes     next hop of the tunnel
//!   too_big    does it fit?                       configure  becoming what is wanted   check  can it be?
//!   neighbour/ its MAC; else wait and ask         tunnel     ends, way, counters
//!   segment/   cut into several                   trace, shown, why   telling
//!   head       outer header, prepared             frame, pool, offload, leaving   buffers
//!   fast_path/ flows that need not come by here any longer
//! ```
//! The way of a unicast frame allocates nothing and copies nothing.

pub use model::vswitch::{Facts, FdbEntry, Shown, Wanted};

mod arrive;
mod check;
mod configure;
mod event;
mod fast_path;
mod fdb;
mod forward;
mod frame;
mod head;
mod inner;
mod keyed;
mod leaving;
mod limits;
mod named;
mod neighbour;
mod offload;
mod pool;
mod receive;
mod routes;
mod segment;
mod shown;
mod switch;
mod tick;
mod too_big;
mod trace;
mod tunnel;
mod why;
mod wrong;

pub use event::Event;
pub use fast_path::{Action, Carried, Change, Decapsulate, Encapsulate, FastFlow, FlowNo, Reach};
pub use frame::Frame;
pub use limits::Limits;
pub use offload::{Checksum, Offload, SegmentKind, Segments};
pub use pool::Pool;
pub use segment::apart;
pub use switch::{PortNo, Switch};
pub use tick::Tick;
pub use trace::{STAGES, Step, Trace};
pub use why::{Drops, Why};
pub use wrong::{BadTunnel, Wrong};
