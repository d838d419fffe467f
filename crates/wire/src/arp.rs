//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use crate::{Mac, Malformed, need, take};

/// Hardware type Ethernet, protocol type IPv4, and the lengths of both addresses.
const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// A whole ARP packet of the one kind there is.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(&'a [u8]);

impl<'a> View<'a> {
    /// Bytes behind the packet are padding.
    pub fn new(bytes: &'a [u8]) -> Result<View<'a>, Malformed> {
        need(bytes, Arp::LEN)?;
        if bytes[..6] != ETHERNET_IPV4 {
            return Err(Malformed::Field("hardware or protocol"));
        }
        Ok(View(bytes))
    }

    pub fn operation(self) -> u16 {
        u16::from_be_bytes(take(self.0, 6))
    }

    pub fn sender_mac(self) -> Mac {
        Mac(take(self.0, 8))
    }

    pub fn sender_ip(self) -> Ipv4Addr {
        take::<4>(self.0, 14).into()
    }

    pub fn target_mac(self) -> Mac {
        Mac(take(self.0, 18))
    }

    pub fn target_ip(self) -> Ipv4Addr {
        take::<4>(self.0, 24).into()
    }
}

/// Asking or answering.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    Request,
    Reply,
}

/// An ARP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    pub operation: Operation,
    pub sender_mac: Mac,
    pub sender_ip: Ipv4Addr,
    pub target_mac: Mac,
    pub target_ip: Ipv4Addr,
}

impl Arp {
    pub const LEN: usize = 28;

    pub fn parse(bytes: &[u8]) -> Result<Arp, Malformed> {
        let view = View::new(bytes)?;
        let operation = match view.operation() {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return Err(Malformed::Field("operation")),
        };
        Ok(Arp {
            operation,
            sender_mac: view.sender_mac(),
            sender_ip: view.sender_ip(),
            target_mac: view.target_mac(),
            target_ip: view.target_ip(),
        })
    }

    pub fn emit(&self, out: &mut [u8; Arp::LEN]) {
        out[0..6].copy_from_slice(&ETHERNET_IPV4);
        out[6] = 0;
        out[7] = match self.operation {
            Operation::Request => 1,
            Operation::Reply => 2,
        };
        out[8..14].copy_from_slice(&self.sender_mac.0);
        out[14..18].copy_from_slice(&self.sender_ip.octets());
        out[18..24].copy_from_slice(&self.target_mac.0);
        out[24..28].copy_from_slice(&self.target_ip.octets());
    }

    /// The reply that tells the asker that `mac` has the address it asked for.
    pub fn reply(&self, mac: Mac) -> Arp {
        Arp {
            operation: Operation::Reply,
            sender_mac: mac,
            sender_ip: self.target_ip,
            target_mac: self.sender_mac,
            target_ip: self.sender_ip,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refusals() {
        let asked = Arp {
            operation: Operation::Request,
            sender_mac: Mac([2; 6]),
            sender_ip: Ipv4Addr::new(10, 0, 0, 5),
            target_mac: Mac::ZERO,
            target_ip: Ipv4Addr::new(10, 0, 0, 1),
        };
        let mut good = [0; Arp::LEN];
        asked.emit(&mut good);
        for (at, value, want) in [
            (1, 6, "hardware or protocol"),
            (2, 0x86, "hardware or protocol"),
            (4, 8, "hardware or protocol"),
            (5, 16, "hardware or protocol"),
            (7, 3, "operation"),
            (6, 1, "operation"),
        ] {
            let mut bad = good;
            bad[at] = value;
            assert_eq!(Arp::parse(&bad), Err(Malformed::Field(want)), "byte {at}");
        }
        assert_eq!(Arp::parse(&good[..27]), Err(Malformed::Short { need: 28, got: 27 }));
        let answer = asked.reply(Mac([4; 6]));
        assert_eq!(answer.target_mac, asked.sender_mac);
        assert_eq!(answer.sender_ip, asked.target_ip);
    }

    proptest! {
        #[test]
        fn round_trip(reply: bool, macs: [[u8; 6]; 2], ips: [[u8; 4]; 2]) {
            let arp = Arp {
                operation: if reply { Operation::Reply } else { Operation::Request },
                sender_mac: Mac(macs[0]),
                sender_ip: ips[0].into(),
                target_mac: Mac(macs[1]),
                target_ip: ips[1].into(),
            };
            let mut bytes = [0; Arp::LEN];
            arp.emit(&mut bytes);
            prop_assert_eq!(Arp::parse(&bytes), Ok(arp));
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let _ = Arp::parse(&bytes);
        }
    }
}
