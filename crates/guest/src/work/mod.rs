//! One order after another, each in its order.
//!
//! ```text
//! worker   what there is to do, and what was done     plan  an order's words to files; no
//! order    downloading, installing, telling           failure  why one ends, or is tried again later
//! ```
//! Whatever is killed whenever: what became of an order is kept before the next step begins, a file is taken up
//! where it was, and an installation that was begun is looked at before it is done again.

mod failure;
mod order;
mod plan;
mod worker;

pub use worker::Worker;
