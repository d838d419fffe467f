//! Validators: what a converted value must be.
//!
//! ```text
//! single   text, numbers, addresses      several   lists and objects, which are made of them
//! software what files of software say of themselves
//! ```

mod several;
mod single;
mod software;

use serde_json::Value;
use uuid::Uuid;

use crate::api::flavor::SERVICE_TYPES;
use crate::api::trunk::check_subports;
use crate::api::{Invalid, InvalidKind};
use several::{
    address_pairs, dhcp_options, fixed_ips, gateway_info, hints, host_route, list, object, pools, segments,
    unique, zone_hints,
};
use single::{cidr, dns, ip, is_default, mac, name, port, port_range, service_type, text, uuid, values};

/// The most `allowed_address_pairs` of one port.
pub const MAX_ADDRESS_PAIRS: usize = 10;
/// The most entries of any other list in a request: each costs a look-up or a comparison.
pub const MAX_LIST: usize = 200;

/// A validator. Names ending in `OrNull` also pass null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    None,
    /// JSON text of at most so many characters.
    Text(usize),
    TextOrNull(usize),
    /// Text that is printable and has no blanks at its ends.
    Name(usize),
    /// The same, and not empty.
    FilledName(usize),
    NameOrNull(usize),
    /// Text that is not `default`, however it is written.
    NameNotDefault(usize),
    Values(&'static [Option<&'static str>]),
    IpVersion,
    NonNegative,
    /// A number from the first to the last.
    Range(i64, i64),
    /// One of these.
    Numbers(&'static [i64]),
    Uuid,
    UuidOrNull,
    UuidList,
    MacOrNull,
    Ip,
    IpOrNull,
    /// A number of a TCP or UDP port.
    PortOrNull,
    /// One port, or the first and last of several: `80:89`.
    PortRangeOrNull,
    CidrOrNull,
    SubnetPoolIdOrNull,
    FixedIps,
    Pools,
    HostRoutes,
    GatewayInfo,
    NameServers,
    AddressPairs,
    Segments,
    ZoneHints,
    DnsHost(usize),
    DnsDomain(usize),
    UniqueTexts(usize),
    ServiceTypes,
    DictOrNull,
    DhcpOptions,
    Hints,
    /// Prefixes, each with its length.
    Prefixes,
    /// What a file of software says of itself; null where that is to be seen.
    Software(SoftwareWord),
    /// The same, none of them twice.
    UniquePrefixes,
    SubPorts,
    /// What a flavor can be of.
    ServicePlugin,
    /// A project's id, or `*` for all of them.
    TargetProject,
}

pub use software::SoftwareWord;
use software::software;

type Checked = Result<(), String>;

/// Checks a value; may rewrite inner parts that have converters of their own.
pub fn check(name: &str, how: Check, value: &mut Value) -> Result<(), Invalid> {
    match how {
        Check::AddressPairs => return address_pairs(value),
        Check::GatewayInfo => return gateway_info(value),
        _ => {}
    }
    verdict(how, value).map_err(|why| {
        let message = format!("Invalid input for {name}: {why}.");
        let kind = match (how, &*value) {
            // The reference judges these inside the plug-in, or with types of their own.
            (Check::DhcpOptions | Check::TargetProject, _) | (Check::CidrOrNull, Value::String(_)) => {
                InvalidKind::Input
            }
            (Check::NameNotDefault(_), Value::String(text)) if is_default(text) => InvalidKind::NamedDefault,
            (Check::ServicePlugin, _) => InvalidKind::ServicePlugin,
            (Check::ServiceTypes, Value::Array(list)) if list.iter().all(Value::is_string) => {
                InvalidKind::ServiceType
            }
            (Check::ServiceTypes, Value::Array(_)) => InvalidKind::ServiceTypeNotText,
            _ => InvalidKind::Request,
        };
        Invalid { kind, message }
    })
}

fn verdict(how: Check, value: &mut Value) -> Checked {
    let or_null = matches!(
        how,
        Check::TextOrNull(_)
            | Check::NameOrNull(_)
            | Check::UuidOrNull
            | Check::MacOrNull
            | Check::IpOrNull
            | Check::PortOrNull
            | Check::PortRangeOrNull
            | Check::CidrOrNull
            | Check::SubnetPoolIdOrNull
            | Check::DictOrNull
            | Check::DhcpOptions
            | Check::Hints
            | Check::Pools
    );
    if or_null && value.is_null() {
        return Ok(());
    }
    match how {
        Check::None => Ok(()),
        Check::Text(max) | Check::TextOrNull(max) => text(value, max).map(drop),
        Check::Name(max) | Check::NameOrNull(max) => name(value, max),
        Check::FilledName(_) if value == "" => Err("a name must not be empty".into()),
        Check::FilledName(max) => name(value, max),
        Check::NameNotDefault(max) => match text(value, max)? {
            name if is_default(&name) => Err("every project has a default group already".into()),
            _ => Ok(()),
        },
        Check::Values(allowed) => values(value, allowed),
        Check::IpVersion => match value.as_i64() {
            Some(4 | 6) => Ok(()),
            _ => Err(format!("{value} is not 4 or 6")),
        },
        Check::NonNegative => match value.as_i64() {
            Some(n) if n >= 0 => Ok(()),
            _ => Err(format!("{value} must be 0 or more")),
        },
        Check::Range(first, last) => match value.as_i64() {
            Some(n) if (first..=last).contains(&n) => Ok(()),
            _ => Err(format!("{value} is not from {first} to {last}")),
        },
        Check::Numbers(known) => match value.as_i64() {
            Some(n) if known.contains(&n) => Ok(()),
            _ => Err(format!("{value} is not one of {known:?}")),
        },
        Check::Uuid | Check::UuidOrNull => uuid(value),
        Check::UuidList => unique(value, "UUID", |item| uuid(item).map(|()| item.to_string())),
        Check::MacOrNull => mac(value),
        Check::Ip | Check::IpOrNull => ip(value).map(drop),
        Check::PortOrNull => port(value),
        Check::PortRangeOrNull => port_range(value),
        Check::CidrOrNull => cidr(value).map(drop),
        Check::SubnetPoolIdOrNull => match value.as_str() {
            Some("prefix_delegation") => Ok(()),
            _ => uuid(value),
        },
        Check::FixedIps => fixed_ips(value),
        Check::Pools => pools(value),
        Check::HostRoutes => unique(value, "route", host_route),
        Check::NameServers => unique(value, "name server", ip),
        // Both have errors of several kinds, and functions of their own.
        Check::AddressPairs | Check::GatewayInfo => Ok(()),
        Check::Segments => segments(value),
        Check::ZoneHints => zone_hints(value),
        Check::DnsHost(max) => dns(value, max, false),
        Check::DnsDomain(max) => dns(value, max, true),
        Check::UniqueTexts(max) => unique(value, "text", |item| text(item, max)),
        Check::ServiceTypes => unique(value, "service type", service_type),
        Check::DictOrNull => object(value).map(drop),
        Check::DhcpOptions => dhcp_options(value),
        Check::Hints => hints(value),
        Check::UniquePrefixes => unique(value, "prefix", cidr),
        Check::Prefixes => list(value)?.iter().try_for_each(|item| cidr(item).map(drop)),
        Check::Software(word) => software(word, value),
        Check::ServicePlugin => match value.as_str() {
            Some(text) if SERVICE_TYPES.contains(&text) => Ok(()),
            _ => Err(format!("{value} is not one of {}", SERVICE_TYPES.join(", "))),
        },
        Check::SubPorts => check_subports(list(value)?),
        Check::TargetProject => match value.as_str() {
            Some("*") => Ok(()),
            Some(text) if Uuid::parse_str(text).is_ok() => Ok(()),
            _ => Err(format!("{value} is neither a project's UUID nor *")),
        },
    }
}
