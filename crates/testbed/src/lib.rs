//! Clouds on one machine: hosts and guests as network namespaces, in one process.
//!
//! ```text
//! place    namespaces and the links between them      guest   what runs inside an instance
//! cloud    server, agents and a client around them    client  HTTP as any tool speaks it
//! groups   security groups
//! routing  routers, floating IPs      outside  an external network and the world behind it
//! lone     a server without hosts      simulated  hosts without a kernel
//! authority  certificates
//! keystone/ a real Keystone         python   where its programs are
//! postgres a database server of a test's own        engines  the same test on both engines
//! nats     a nats-server of a test's own              wires   the same test over every kind of bus
//! crowd    many simulated hosts                       counting   a bus that counts
//! talk     TCP and UDP between namespaces
//! program  ours, as a process of its own              draw    numbers from a seed
//! ctpurge  who forgets connections of a host          process what /proc says of use
//! tracked  connections in a host's table           switched/  two hosts with a switch each
//! depot    a software repository                      gateways both of a host, with tenants and a repository
//! road     gateways and a repository of a cloud     rooted  instances with a root of their own
//! demo/    what `neutrino demo` shows                 wait    the only place that waits
//! ```
//! Traffic stays inside namespaces that are made here; everything made is removed again, also
//! what a killed run left behind.

pub mod authority;
pub mod card;
pub mod client;
pub mod cloud;
pub mod counting;
pub mod crowd;
pub mod ctpurge;
pub mod demo;
pub mod depot;
pub mod draw;
mod engines;
pub mod gateways;
pub mod groups;
mod guest;
pub mod keystone;
pub mod lone;
pub mod monitor;
pub mod nats;
pub mod outside;
pub mod place;
pub mod postgres;
pub mod process;
pub mod program;
pub mod python;
pub mod road;
pub mod rooted;
pub mod routing;
pub mod simulated;
pub mod software;
pub mod switched;
pub mod talk;
pub mod tracked;
pub mod wait;
pub mod wires;

pub use authority::Authority;
pub use client::Client;
pub use cloud::{Cloud, Plan};
pub use db::Engine;
pub use draw::Draw;
pub use guest::Guest;
pub use keystone::Keystone;
pub use lone::{Home, Lone};
pub use place::Place;
pub use postgres::Postgres;
pub use program::Program;
