//! What this host makes of a router: which of its pieces, and what it says of it.
//!
//! Whether a router takes its place at all is [`model::lazy`]'s to decide, alike here and on the
//! server. A lazy router is one of which nothing is wanted: loading and unloading are one diff.

use model::desired::Router;
use model::lazy::{Load, load};
use model::report::{HaState, RouterState};

/// Which pieces of a router stand on this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pieces {
    /// All of it in one namespace: a router that is not distributed.
    pub whole: bool,
    /// The share of a distributed router that every host of its instances has.
    pub distributed: bool,
    /// The centralized share of a distributed router, in a namespace of its own.
    pub centralized: bool,
}

/// The pieces that this host is asked for.
pub fn pieces(router: &Router) -> Pieces {
    if load(router) == Load::Lazy {
        return Pieces::default();
    }
    if !router.distributed {
        return Pieces { whole: router.central, ..Pieces::default() };
    }
    Pieces {
        whole: false,
        distributed: router.central || router.serves_here,
        centralized: router.central && router.gateway.is_some(),
    }
}

/// What the host says of the router; `ha` is what was seen of one that stands ready elsewhere too.
pub fn state(router: &Router, ha: Option<HaState>) -> RouterState {
    let load = load(router);
    let standby = load == Load::Lazy;
    RouterState { load, ha: if standby { Some(HaState::Standby) } else { ha } }
}
