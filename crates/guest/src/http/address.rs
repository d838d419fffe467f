//! Where a gateway is: a number, never a name.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

const PORT: u16 = 8080;
const V4: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe);

/// `http://169.254.169.254:8080`, `http://[fe80::a9fe:a9fe%eth0]:8080`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    ip: IpAddr,
    /// Of a link-local address.
    device: Option<String>,
    port: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a gateway is http://ADDRESS:PORT or http://[ADDRESS%DEVICE]:PORT, by number and without a path")]
pub struct NoAddress;

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Address, NoAddress> {
        let rest = text.strip_prefix("http://").ok_or(NoAddress)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, device, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(NoAddress)?;
                let (host, device) = match host.split_once('%') {
                    Some((host, device)) => (host, Some(device.to_owned())),
                    None => (host, None),
                };
                (IpAddr::V6(host.parse().map_err(|_| NoAddress)?), device, port)
            }
            None => {
                let end = rest.find(':').unwrap_or(rest.len());
                (IpAddr::V4(rest[..end].parse().map_err(|_| NoAddress)?), None, &rest[end..])
            }
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| NoAddress)?,
            None if port.is_empty() => 80,
            None => return Err(NoAddress),
        };
        let named = device.as_deref().is_none_or(is_device);
        if named { Ok(Address { ip: host, device, port }) } else { Err(NoAddress) }
    }
}

/// As the host line of a request has it, where devices have no place.
impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", SocketAddr::new(self.ip, self.port))
    }
}

impl Address {
    /// Where a gateway of ours is, on this machine's devices.
    pub fn usual() -> Vec<Address> {
        let on = |ip, device| Address { ip, device, port: PORT };
        let mut all = vec![on(V4.into(), None)];
        all.extend(devices().into_iter().map(|device| on(V6.into(), Some(device))));
        all
    }

    pub fn socket(&self) -> io::Result<SocketAddr> {
        let (IpAddr::V6(ip), Some(device)) = (self.ip, &self.device) else {
            return Ok(SocketAddr::new(self.ip, self.port));
        };
        let index = nix::net::if_::if_nametoindex(device.as_str()).map_err(io::Error::from)?;
        Ok(SocketAddrV6::new(ip, self.port, 0, index).into())
    }
}

fn is_device(name: &str) -> bool {
    (1..16).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

/// Network cards, in the order of their numbers.
fn devices() -> Vec<String> {
    let Ok(all) = nix::net::if_::if_nameindex() else { return Vec::new() };
    let names = all.iter().filter_map(|device| device.name().to_str().ok().map(str::to_owned));
    names.filter(|name| name != "lo" && is_device(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_numbers() {
        for (text, shown) in [
            ("http://169.254.169.254:8080", "169.254.169.254:8080"),
            ("http://10.0.0.1", "10.0.0.1:80"),
            ("http://10.0.0.1:81/", "10.0.0.1:81"),
            ("http://[fe80::a9fe:a9fe%eth0]:8080", "[fe80::a9fe:a9fe]:8080"),
            ("http://[::1]", "[::1]:80"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
        }
        for text in [
            "169.254.169.254:8080",
            "https://10.0.0.1",
            "http://example.org",
            "http://10.0.0.1/x",
            "http://10.0.0.1:",
            "http://10.0.0.1:99999",
            "http://[::1",
            "http://[::1]x",
            "http://[::1%]:80",
            "http://[::1%a/b]:80",
            "http://",
        ] {
            assert_eq!(text.parse::<Address>(), Err(NoAddress), "{text}");
        }
    }
}
