//! DHCPv4, DHCPv6 and router advertisements of one network: frames in, frames out.
//!
//! ```text
//!                    +-- v4/        DISCOVER, REQUEST, INFORM        (RFC 2131) --+
//! frame -> network --+-- v6/        SOLICIT, REQUEST, RENEW, ...     (RFC 8415) --+-> frame
//!                    +-- advert.rs  router solicitation              (RFC 4861) --+
//!              ^
//!       router.rs   the same advertisements of a router's leg, which routes
//!       subnet.rs   what is said about a subnet
//!        lease.rs   a port, its addresses and its extra options, ready to be told
//!      options.rs   `extra_dhcp_opts`: dnsmasq's names, values typed per option (value.rs)
//!        frame.rs   headers around an answer
//! ```
//! A pure responder: no clock, no sockets, no state besides what the server asked for. Leases never
//! expire here, since every port's addresses are decided when the port is made. Pacing (tenants may
//! ask as often as they like), the timer of unsolicited advertisements, and sockets belong to the
//! agent.
//!
//! Messages are written by `dhcproto`, and read by it as far as their fixed headers go. Options are
//! read by code of our own: tenants choose those bytes, and that decoder stops silently at the first
//! option it cannot read, asserts on some lengths, and recurses as deep as the sender likes.

mod advert;
pub(crate) mod frame;
mod lease;
mod network;
mod options;
mod router;
mod subnet;
mod v4;
mod v6;
mod value;

#[cfg(test)]
mod tests;

pub use network::Network;
pub use options::unknown_options;
pub use router::RouterLeg;

/// How long what we tell is valid; Neutron's default (`dhcp_lease_duration`).
const LEASE_S: u32 = 86_400;
