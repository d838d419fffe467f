//! Clouds on one machine: hosts and guests as network namespaces, in one process.
//!
//! ```text
//! place    namespaces and the links between them      guest   what runs inside an instance
//! cloud    server, agents and a client around them    client  HTTP as any tool speaks it
//! lone     a server without hosts      simulated  hosts without a kernel
//! postgres a database server of a test's own        engines  the same test on both engines
//! demo/    what `neutrino demo` shows                 wait    the only place that waits
//! ```
//! Traffic stays inside namespaces that are made here; everything made is removed again, also
//! what a killed run left behind.

pub mod client;
pub mod cloud;
pub mod demo;
mod engines;
pub mod guest;
pub mod lone;
pub mod place;
pub mod postgres;
pub mod simulated;
pub mod wait;

pub use client::Client;
pub use cloud::{Cloud, Plan};
pub use db::Engine;
pub use guest::Guest;
pub use lone::{Home, Lone};
pub use place::Place;
pub use postgres::Postgres;
