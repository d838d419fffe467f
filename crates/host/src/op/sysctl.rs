//! The settings of a namespace that are ours to make: a closed list.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One setting, printed as its path below `/proc/sys`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Sysctl {
    Ipv4Forward,
    /// Of all devices at once; a device that forwards takes no router advertisements by itself.
    Ipv6Forward,
    Ipv4NonlocalBind,
    Ipv6NonlocalBind,
    /// The stricter of a device's and that of all counts.
    RpFilter(Of),
    ArpIgnore(Of),
    ArpAnnounce(Of),
    ProxyArp(Of),
    /// How long, at most, an answer for another waits to be given.
    ProxyDelay(Of),
    /// Answers for addresses elsewhere that it is told of.
    ProxyNdp(Of),
    SendRedirects(Of),
    AcceptRa(Of),
    AcceptDad(Of),
    /// 1: no link-local address of the kernel's making.
    AddrGenMode(Of),
    DisableIpv6(Of),
}

/// Whose setting.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Of {
    All,
    /// Of devices that are yet to come.
    Default,
    Device(String),
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} is no setting of ours")]
pub struct UnknownSysctl(String);

type Make = fn(Of) -> Sysctl;

/// Settings of the namespace as a whole.
const PLAIN: [(&str, Sysctl); 4] = [
    ("net/ipv4/ip_forward", Sysctl::Ipv4Forward),
    ("net/ipv6/conf/all/forwarding", Sysctl::Ipv6Forward),
    ("net/ipv4/ip_nonlocal_bind", Sysctl::Ipv4NonlocalBind),
    ("net/ipv6/ip_nonlocal_bind", Sysctl::Ipv6NonlocalBind),
];

/// Settings of devices: what stands before and behind the device's name.
const OF_DEVICES: [(&str, &str, Make); 11] = [
    (IPV4, "rp_filter", Sysctl::RpFilter),
    (IPV4, "arp_ignore", Sysctl::ArpIgnore),
    (IPV4, "arp_announce", Sysctl::ArpAnnounce),
    (IPV4, "proxy_arp", Sysctl::ProxyArp),
    (NEIGHBOURS, "proxy_delay", Sysctl::ProxyDelay),
    (IPV4, "send_redirects", Sysctl::SendRedirects),
    (IPV6, "proxy_ndp", Sysctl::ProxyNdp),
    (IPV6, "accept_ra", Sysctl::AcceptRa),
    (IPV6, "accept_dad", Sysctl::AcceptDad),
    (IPV6, "addr_gen_mode", Sysctl::AddrGenMode),
    (IPV6, "disable_ipv6", Sysctl::DisableIpv6),
];

const IPV4: &str = "net/ipv4/conf/";
const IPV6: &str = "net/ipv6/conf/";
const NEIGHBOURS: &str = "net/ipv4/neigh/";

impl Sysctl {
    /// Whose setting it is; `None` of one of the namespace as a whole.
    pub const fn of(&self) -> Option<&Of> {
        match self {
            Sysctl::Ipv4Forward
            | Sysctl::Ipv6Forward
            | Sysctl::Ipv4NonlocalBind
            | Sysctl::Ipv6NonlocalBind => None,
            Sysctl::RpFilter(of)
            | Sysctl::ArpIgnore(of)
            | Sysctl::ArpAnnounce(of)
            | Sysctl::ProxyArp(of)
            | Sysctl::ProxyDelay(of)
            | Sysctl::ProxyNdp(of)
            | Sysctl::SendRedirects(of)
            | Sysctl::AcceptRa(of)
            | Sysctl::AcceptDad(of)
            | Sysctl::AddrGenMode(of)
            | Sysctl::DisableIpv6(of) => Some(of),
        }
    }

    /// All settings of the namespace as a whole.
    pub fn plain() -> impl Iterator<Item = Sysctl> {
        PLAIN.into_iter().map(|(_, plain)| plain)
    }

    /// All settings of a device.
    pub fn of_devices(of: &Of) -> impl Iterator<Item = Sysctl> + use<> {
        let of = of.clone();
        OF_DEVICES.into_iter().map(move |(_, _, make)| make(of.clone()))
    }

    pub fn is_ipv6(&self) -> bool {
        self.to_string().starts_with("net/ipv6/")
    }
}

impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((path, _)) = PLAIN.iter().find(|(_, plain)| plain == self) {
            return f.write_str(path);
        }
        let Some(of) = self.of() else { return Ok(()) };
        let row = OF_DEVICES.iter().find(|(_, _, make)| make(of.clone()) == *self);
        row.map_or(Ok(()), |(before, behind, _)| write!(f, "{before}{of}/{behind}"))
    }
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Of::All => "all",
            Of::Default => "default",
            Of::Device(device) => device,
        })
    }
}

impl FromStr for Sysctl {
    type Err = UnknownSysctl;

    fn from_str(path: &str) -> Result<Sysctl, UnknownSysctl> {
        if let Some((_, plain)) = PLAIN.iter().find(|(known, _)| *known == path) {
            return Ok(plain.clone());
        }
        let found = OF_DEVICES.iter().find_map(|(before, behind, make)| {
            let (device, name) = path.strip_prefix(before)?.split_once('/')?;
            (name == *behind && is_device(device)).then(|| make(Of::from(device)))
        });
        found.ok_or_else(|| UnknownSysctl(path.to_owned()))
    }
}

/// Nothing that leads elsewhere in the tree of settings.
fn is_device(name: &str) -> bool {
    !name.is_empty() && !name.contains("..") && name != "."
}

impl From<&str> for Of {
    fn from(name: &str) -> Of {
        match name {
            "all" => Of::All,
            "default" => Of::Default,
            device => Of::Device(device.to_owned()),
        }
    }
}

impl From<Sysctl> for String {
    fn from(name: Sysctl) -> String {
        name.to_string()
    }
}

impl TryFrom<String> for Sysctl {
    type Error = UnknownSysctl;

    fn try_from(path: String) -> Result<Sysctl, UnknownSysctl> {
        path.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_is_read_as_it_is_printed() {
        let of = [Of::All, Of::Default, Of::Device("qr-1".into())];
        let devices = OF_DEVICES.iter().flat_map(|(_, _, make)| of.iter().map(|of| make(of.clone())));
        for name in PLAIN.iter().map(|(_, plain)| plain.clone()).chain(devices) {
            assert_eq!(name.to_string().parse(), Ok(name.clone()), "{name}");
        }
        assert_eq!(Sysctl::RpFilter(Of::All).to_string(), "net/ipv4/conf/all/rp_filter");
        assert!(Sysctl::AcceptRa(Of::Default).is_ipv6());
    }

    #[test]
    fn what_is_not_on_the_list_is_refused() {
        for path in [
            "kernel/panic",
            "net/ipv4/conf/all/forwarding",
            "net/ipv4/conf/../rp_filter",
            "net/ipv4/conf//rp_filter",
        ] {
            assert!(path.parse::<Sysctl>().is_err(), "{path}");
        }
    }
}
