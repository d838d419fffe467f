//! A set of addresses and prefixes of both families.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MAX_ADDRESSES;

/// Written as a list of texts: `"10.0.0.1"`, `"2001:db8::/64"`. A single address is a prefix of full
/// length; bits behind a prefix do not count.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Addresses(BTreeSet<IpNet>);

impl Addresses {
    pub fn insert(&mut self, net: IpNet) {
        self.0.insert(net.trunc());
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In order, without those that are there twice.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &IpNet> {
        self.0.iter()
    }

    /// Those from one to another in order, both included.
    pub fn between(&self, first: &IpNet, last: &IpNet) -> impl Iterator<Item = &IpNet> {
        self.0.range(*first..=*last)
    }

    /// By looking at each: the definition that faster ways are held to.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }
}

impl FromIterator<IpNet> for Addresses {
    fn from_iter<T: IntoIterator<Item = IpNet>>(nets: T) -> Addresses {
        Addresses(nets.into_iter().map(|net| net.trunc()).collect())
    }
}

impl FromIterator<IpAddr> for Addresses {
    fn from_iter<T: IntoIterator<Item = IpAddr>>(addresses: T) -> Addresses {
        addresses.into_iter().map(IpNet::from).collect()
    }
}

impl<T: Into<IpNet>, const N: usize> From<[T; N]> for Addresses {
    fn from(nets: [T; N]) -> Addresses {
        nets.into_iter().map(Into::into).collect()
    }
}

struct Shown<'a>(&'a IpNet);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.prefix_len() == self.0.max_prefix_len() {
            true => self.0.addr().fmt(f),
            false => self.0.fmt(f),
        }
    }
}

impl Serialize for Addresses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|net| Shown(net).to_string()))
    }
}

/// Reads `"10.0.0.1"` and `"10.0.0.0/24"`.
pub(super) fn parse(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(address.into()),
        Err(_) => text.parse::<IpNet>().ok().map(|net| net.trunc()),
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Addresses, D::Error> {
        deserializer.deserialize_seq(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Addresses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX_ADDRESSES} addresses or prefixes, such as [\"10.0.0.1\"]")
    }

    /// Stops at the limit, before more is kept.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Addresses, A::Error> {
        let mut all = Addresses::default();
        while let Some(text) = list.next_element::<std::borrow::Cow<'de, str>>()? {
            let wrong = || serde::de::Error::custom(format_args!("'{text:.60}' is not an address or prefix"));
            all.insert(parse(&text).ok_or_else(wrong)?);
            if all.len() > MAX_ADDRESSES {
                return Err(serde::de::Error::invalid_length(all.len(), &self));
            }
        }
        Ok(all)
    }
}
