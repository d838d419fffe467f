//! Why a configuration cannot be carried out. What was before stays in force.

use wire::Mac;

/// What is wrong, and with which of the names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("{name} is a port and an underlay")]
    PortAndUnderlay { name: String },
    #[error("port {port} is in network {network}, which is not there")]
    NoNetwork { port: String, network: String },
    #[error("network {network} travels by tunnel {tunnel}, which is not there")]
    NoTunnel { network: String, tunnel: String },
    #[error("{mac} of network {network} is at {place}, which is not in the network")]
    NoPlace { network: String, mac: Mac, place: String },
    #[error("{mac} of network {network} is not the address of one station")]
    NotUnicastMac { network: String, mac: Mac },
    #[error("tunnel {tunnel} carries number {vni} for networks {one} and {other}")]
    SameVni { tunnel: String, vni: u32, one: String, other: String },
    #[error("tunnels {one} and {other} have the same type and ends")]
    SameEnds { one: String, other: String },
    #[error("UDP port {port} is of tunnels of two types")]
    SameUdpPort { port: u16 },
    #[error("tunnel {tunnel}: {what}")]
    BadTunnel { tunnel: String, what: BadTunnel },
    #[error("{count} {what} are more than {limit}")]
    TooMany { what: &'static str, count: usize, limit: usize },
}

/// What is wrong with one tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTunnel {
    #[error("its ends are of different families")]
    Families,
    #[error("an end is not the address of one machine")]
    NotUnicast,
    #[error("its ends are the same")]
    ToItself,
    #[error("a TTL or UDP port of zero")]
    Zero,
    #[error("a DSCP above 63")]
    Dscp,
    #[error("only GENEVE has options, of whole words, and at most 96 bytes in all")]
    Options,
    #[error("NVGRE has no UDP port and no checksum")]
    NotUdp,
}
