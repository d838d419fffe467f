//! Subnet pools: what they hold, and what is taken from them.
//!
//! ```text
//! pool      create and update of one       scope     which address scope it may be in
//! allocate  a range for a subnet           ranges    arithmetic on ranges
//! ```

mod allocate;
mod pool;
mod ranges;
mod scope;

pub use allocate::{Taken, Wanted, allocate, check_network};
pub use pool::{add, create, onboard, remove, update};
pub use scope::{ScopeFacts, check_scope};
