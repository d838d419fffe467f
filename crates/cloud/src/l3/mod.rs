//! Routers on hosts.
//!
//! ```text
//! schedule   which agents carry a router's centralized traffic
//! ```

pub mod schedule;
