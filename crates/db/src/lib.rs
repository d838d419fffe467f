//! The door to the database.
//!
//! ```text
//! engine/   connections and transactions: rows, execute      dialect  what differs by engine
//! row       typed rows, written and read through the tables  list     query -> page of JSON
//! reader    who reads: rows found, attributes shown, facts for rules
//! network, subnet, port, router, router_agent, conntrack_helper, flavor, floatingip, port_forwarding, ndp_proxy, local_ip, log, agent, segment,
//! security_group, address_group, rbac_policy, software, software_order   facts and rows of one resource
//! l3/       routers between the API and hosts: what they are made of, what hosts were told and said
//! instance_event  what Nova has not heard yet             notification  what others have not
//! changes   the change log: which part of which host changed at which revision
//! epoch     lives of the database: when revisions told before count no longer
//! view      the rows from which a host's desired state is made
//! lock      who waits for whom among several writers         migrate  numbered migrations
//! epoch     tells one database from another
//! ```
//! SQL is the subset that SQLite and PostgreSQL share. Nothing here decides.

mod address_group;
mod agent;
mod auto_allocated_topology;
mod availability;
mod changes;
mod conntrack_helper;
mod dialect;
mod engine;
mod epoch;
mod flavor;
mod floatingip;
mod instance_event;
mod l3;
mod list;
mod local_ip;
mod lock;
mod log;
mod metering;
mod migrate;
mod ndp_proxy;
mod network;
mod network_segment_range;
mod notification;
mod port;
mod port_binding;
mod port_forwarding;
mod qos;
mod quota;
mod rbac_policy;
mod reader;
mod router;
mod router_agent;
mod row;
mod security_group;
mod segment;
mod software;
mod software_order;
mod subnet;
mod subnetpool;
mod trunk;
mod view;

pub use availability::{Fullness, SubnetFullness};
pub use changes::{Marked, group_statements};
pub use engine::{
    Cell, Db, DbError, Engine, EngineError, Options, Param, PostgresOptions, Row, SqliteOptions, Tx,
};
pub use floatingip::BetweenRow;
pub use instance_event::NotedEvent;
pub use l3::{AroundRow, RouterSaid, SaidRow, count_statements};
pub use list::Page;
pub use notification::NotedMessage;
pub use port::AddressRow;
pub use reader::{Judge, Reader, Seen, Target};
pub use router::RouterPortRow;
pub use router_agent::ROUTER_LOAD;
pub use row::Updated;
pub use security_group::GroupRow;
pub use segment::Allocated;
pub use software::PublishedRow;
pub use software_order::{BehindRow, CandidateRow};
pub use trunk::InTrunk;
pub use view::{ViewRows, ports_by_id};
