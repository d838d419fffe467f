//! Addresses and packet formats: bytes to typed headers and back.
//!
//! Each format has two layers. A `View` over bytes checks lengths once and gives fields and payload
//! without copying; a small typed value (`Arp`, `Udp`, ...) is what the rest of the house works
//! with. `parse` says why it failed, `emit` cannot fail. Views check what must hold for the fields
//! to be where the format puts them; checksums are asked for by name, since offload leaves some
//! unfinished.
//!
//! Owns byte offsets and nothing else; what a frame means is decided in `host`, `cloud` and `vswitch`.

pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod geneve;
pub mod gre;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
mod mac;
pub mod tcp;
pub mod udp;
pub mod vlan;
mod vni;
pub mod vxlan;

pub use arp::Arp;
pub use ethernet::Ethernet;
pub use geneve::Geneve;
pub use gre::Nvgre;
pub use ipv4::Ipv4;
pub use ipv6::Ipv6;
pub use mac::Mac;
pub use udp::Udp;
pub use vlan::Vlan;
pub use vni::Vni;
pub use vxlan::Vxlan;

/// Why bytes could not be read as the format they claim to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Fewer bytes than the format, or a length in it, needs.
    #[error("too short: {got} bytes where {need} are needed")]
    Short { need: usize, got: usize },
    /// A field holds a value the format does not allow.
    #[error("field {0} holds a value the format does not allow")]
    Field(&'static str),
}

/// Bytes `at..at + N` of a view whose length was checked when it was made.
fn take<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// Fails unless there are `need` bytes.
const fn need(bytes: &[u8], need: usize) -> Result<(), Malformed> {
    if bytes.len() < need { Err(Malformed::Short { need, got: bytes.len() }) } else { Ok(()) }
}
