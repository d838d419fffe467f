//! The door to the database.
//!
//! ```text
//! engine    connections and transactions: rows, execute      dialect  what differs by engine
//! row       typed rows, written and read through the tables  list     query -> page of JSON
//! network, subnet, port, agent, segment   facts and rows of one resource
//! changes   the change log: which part of which host changed at which revision
//! epoch     lives of the database: when revisions told before count no longer
//! view      the rows from which a host's desired state is made
//! migrate   numbered migrations
//! ```
//! SQL is the subset that SQLite and PostgreSQL share. Nothing here decides.

mod agent;
mod changes;
mod dialect;
mod engine;
mod epoch;
mod list;
mod migrate;
mod network;
mod port;
mod row;
mod segment;
mod subnet;
mod view;

pub use changes::Marked;
pub use engine::{Cell, Db, DbError, Options, Param, Row, Tx};
pub use list::{Page, Scope};
pub use port::AddressRow;
pub use row::Updated;
pub use segment::Allocated;
pub use view::ViewRows;
