//! The least that an operation can cost: its bare database work, with the rows that the server wrote.
//!
//! No API, no parsing, no decision, no HTTP: one prepared statement per table, one transaction per
//! operation. `sqlite` and `postgres` do it in an empty database that has our tables. `routers`, with
//! its `netlink` and `table`, is the bare work of the kernel for the routers of a host; `conntrack` the
//! least that deleting connections can cost.

pub mod conntrack;
mod netlink;
pub mod postgres;
pub mod routers;
pub mod sqlite;
mod table;

use std::collections::BTreeMap;

use crate::api::Work;

/// CPU time of one operation, in ms.
pub type Floor = BTreeMap<Work, f64>;

/// Rows on a page of the list.
const PAGE: usize = 1000;
const LISTS: usize = 50;
