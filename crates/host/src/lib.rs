//! Decisions on one host: desired and observed to acts. Pure: nothing here waits, reads or does.
//!
//! ```text
//! wanted    the newest version of every part        observed   what was seen
//!    | carrier, leg, spoof: parts spelled out,          |      pretend: acts done to it
//!    | lazy, router, dvr, uplink: and routers;          |
//!    | target, inner: which place is filled by what     |
//!    └───────────────> diff, entries <──────────────────┘
//!                         | op: every act, with the part it serves
//!                         └─> kernel carries out; outcome: what became of a part
//! names     device, namespace and table names; nobody else makes or recognises one
//! nft, nat  tables as text: of a port's filter, of a router's address translation
//! keepalived what it is told of a router that stands ready on several hosts
//! ct_helpers  which connections of a router the kernel looks into   meter  what of a router is counted
//! qos       what a port's traffic is held to   local_ip  addresses that are another port's on each host
//! secgroup  what ports may send and receive by their security groups   told  what is said of logged ports
//! announce  frames that tell who has an address
//! purge     connections that shall go: batches, what each asks for, which way is cheapest
//! gateways  where instances reach software and metadata
//! dhcp      the answers of the DHCP and router-advertisement responder
//! ```

pub mod announce;
mod carrier;
pub mod ct_helpers;
pub mod dhcp;
mod diff;
mod dvr;
mod entries;
pub mod gateways;
mod inner;
mod inside;
pub mod keepalived;
mod lazy;
mod leg;
mod local_ip;
pub mod meter;
pub mod names;
pub mod nat;
pub mod nft;
pub mod observed;
pub mod op;
mod outcome;
mod pretend;
pub mod purge;
mod qos;
mod router;
pub mod secgroup;
mod spoof;
mod target;
pub mod told;
mod uplink;
mod wanted;

pub use diff::{NOBODY, diff};
pub use observed::Observed;
pub use op::{Op, Step};
pub use outcome::{router_state, state};
pub use wanted::{Scope, Settings, Slots, Wanted};
