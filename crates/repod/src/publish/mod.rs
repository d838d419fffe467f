//! What is wanted becomes indexes.
//!
//! ```text
//! wanted     what the server says           state    what is published: versions and shelves, one document
//! shelf      who sees which packages of a kind        build    a shelf's indexes; pages that did not change are kept
//! publisher  one change at a time: build, then replace the document; readers have the one before until then
//! ```
//!
//! Indexes are files named by their sum, written before the document that names them. So a crash at any
//! moment leaves what was before, or what is new; what nobody names is swept.

mod build;
mod publisher;
mod shelf;
mod state;
mod wanted;

pub use publisher::{Outcome, Publisher};
pub use shelf::{IndexFile, Kind, Scope, Shelf};
pub use state::{ALL, Card, Entry, Published};
pub use wanted::{Change, Version, Wanted, is_project};
