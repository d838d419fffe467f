//! Connections that shall be forgotten: how jobs become batches, and what a batch asks for.
//!
//! ```text
//! jobs of one place ──plan──> batches ──matcher──> "this connection goes, for these jobs"
//! connection   an entry as the tables show it; the definition of what a job asks for
//! prefixes     sets of addresses and prefixes, found by hash
//! way          by which of four ways a batch is cheapest; learns costs
//! pace         when to rest, and how long
//! ```
//! Nothing here reads a table; `kernel` does, and `agent` drives it.

mod connection;
mod matcher;
mod pace;
mod plan;
mod prefixes;
mod way;

pub use connection::{Connection, asks};
pub use matcher::Matcher;
pub use pace::Pace;
pub use plan::{Batch, JobNo, Numbers, Plan, Rule, Work};
pub use way::{Measured, Way, choose, guess, learn};

#[cfg(test)]
mod tests;
