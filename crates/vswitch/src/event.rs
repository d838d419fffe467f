//! What the switch tells whoever drives it.

use std::net::IpAddr;

use wire::Mac;

/// Something happened to a neighbour. `link` is the kernel's number of the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// It answered: worth writing into the kernel's table.
    Resolved { link: u32, ip: IpAddr, mac: Mac },
    /// It said nothing for its whole lifetime, or no tunnel needs it: what was written is to be taken back.
    Lost { link: u32, ip: IpAddr, mac: Mac },
    /// It is at another MAC than before. A `Resolved` follows.
    Moved { link: u32, ip: IpAddr, from: Mac, to: Mac },
}
