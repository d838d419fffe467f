//! Validators: what a converted value must be.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde_json::{Map, Value};
use uuid::Uuid;
use wire::Mac;

use crate::api::convert::{Convert, convert, strict_ip};
use crate::api::port_forwarding::PortRange;
use crate::api::{Invalid, InvalidKind};

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
    /// Text that is not `default`, however it is written.
    NameNotDefault(usize),
    Values(&'static [Option<&'static str>]),
    IpVersion,
    NonNegative,
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
    /// A project's id, or `*` for all of them.
    TargetProject,
}

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
        Check::Name(max) => name(value, max),
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
        Check::Prefixes => list(value)?.iter().try_for_each(|item| cidr(item).map(drop)),
        Check::TargetProject => match value.as_str() {
            Some("*") => Ok(()),
            Some(text) if Uuid::parse_str(text).is_ok() => Ok(()),
            _ => Err(format!("{value} is neither a project's UUID nor *")),
        },
    }
}

fn text(value: &Value, max: usize) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is not text"))?;
    if text.chars().count() > max {
        return Err(format!("text is longer than {max} characters"));
    }
    Ok(text.to_owned())
}

fn name(value: &Value, max: usize) -> Checked {
    let text = text(value, max)?;
    if text.trim() != text {
        return Err("a name must not begin or end with a blank".into());
    }
    if text.chars().any(char::is_control) {
        return Err("a name must be printable".into());
    }
    Ok(())
}

fn is_default(name: &str) -> bool {
    name.eq_ignore_ascii_case("default")
}

fn values(value: &Value, allowed: &[Option<&str>]) -> Checked {
    let fits = match value {
        Value::Null => allowed.contains(&None),
        Value::String(text) => allowed.contains(&Some(text.as_str())),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let list: Vec<&str> = allowed.iter().map(|value| value.unwrap_or("null")).collect();
    Err(format!("{value} is not one of {}", list.join(", ")))
}

fn uuid(value: &Value) -> Checked {
    match value.as_str() {
        Some(text) if [32, 36].contains(&text.len()) && Uuid::parse_str(text).is_ok() => Ok(()),
        _ => Err(format!("{value} is not a UUID")),
    }
}

fn mac(value: &Value) -> Checked {
    match value.as_str().map(str::parse::<Mac>) {
        Some(Ok(mac)) if mac != Mac::ZERO && mac != Mac::BROADCAST => Ok(()),
        _ => Err(format!("{value} is not a MAC address that an interface can have")),
    }
}

fn ip(value: &Value) -> Result<String, String> {
    value
        .as_str()
        .and_then(strict_ip)
        .map(|ip| ip.to_string())
        .ok_or_else(|| format!("{value} is not an IP address"))
}

fn port(value: &mut Value) -> Checked {
    let number = convert(Convert::Int, value.clone())?;
    match number.as_u64() {
        Some(1..=65535) => {
            *value = number;
            Ok(())
        }
        _ => Err(format!("{value} is not from 1 to 65535")),
    }
}

fn port_range(value: &mut Value) -> Checked {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if PortRange::parse(&text).is_none() {
        return Err(format!("{value} is not a port from 1 to 65535, or a first and a last one: 80:89"));
    }
    *value = Value::String(text);
    Ok(())
}

fn cidr(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is not a CIDR"))?;
    match text.parse::<IpNet>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{value} is not an address with a prefix length, such as 10.0.0.0/24")),
    }
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    let list = value.as_array().ok_or_else(|| format!("{value} is not a list"))?;
    if list.len() > MAX_LIST {
        return Err(format!("the list has {} entries, {MAX_LIST} are allowed", list.len()));
    }
    Ok(list)
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{value} is not an object"))
}

/// Every item passes and no two are the same.
fn unique(value: &Value, what: &str, item: impl Fn(&Value) -> Result<String, String>) -> Checked {
    let mut seen = BTreeSet::new();
    for entry in list(value)? {
        if !seen.insert(item(entry)?) {
            return Err(format!("{what} {entry} is listed twice"));
        }
    }
    Ok(())
}

fn only_keys(entry: &Map<String, Value>, keys: &[&str]) -> Checked {
    match entry.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("'{key}' is not one of {}", keys.join(", "))),
        None => Ok(()),
    }
}

fn both_keys(entry: &Map<String, Value>, keys: [&str; 2]) -> Checked {
    only_keys(entry, &keys)?;
    if entry.len() == 2 { Ok(()) } else { Err(format!("needs both {} and {}", keys[0], keys[1])) }
}

fn fixed_ips(value: &Value) -> Checked {
    let mut seen = BTreeSet::new();
    for entry in list(value)? {
        let entry = object(entry)?;
        if let Some(address) = entry.get("ip_address")
            && !seen.insert(ip(address)?)
        {
            return Err(format!("address {address} is listed twice"));
        }
        if let Some(id) = entry.get("subnet_id") {
            uuid(id)?;
        }
    }
    Ok(())
}

fn pools(value: &Value) -> Checked {
    for entry in list(value)? {
        let entry = object(entry)?;
        both_keys(entry, ["start", "end"])?;
        ip(&entry["start"])?;
        ip(&entry["end"])?;
    }
    Ok(())
}

fn host_route(value: &Value) -> Result<String, String> {
    let entry = object(value)?;
    both_keys(entry, ["destination", "nexthop"])?;
    let destination = cidr(&entry["destination"])?;
    if destination.parse::<IpNet>().is_ok_and(|net| net != net.trunc()) {
        return Err(format!("the destination {destination} has host bits set"));
    }
    Ok(format!("{destination} {}", ip(&entry["nexthop"])?))
}

fn service_type(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is not text"))?;
    // The reference takes any first letter of `compute:`; clients may rely on no more than this.
    let known = ["network:", "neutron:"].iter().any(|prefix| text.starts_with(prefix))
        || text.starts_with(|c| "compute:".contains(c));
    if !known {
        return Err(format!("{value} does not begin with network:, neutron: or compute:"));
    }
    Ok(text.to_owned())
}

fn zone_hints(value: &Value) -> Checked {
    unique(value, "zone", |item| text(item, usize::MAX))
}

fn segments(value: &Value) -> Checked {
    const KEYS: [&str; 3] =
        ["provider:network_type", "provider:physical_network", "provider:segmentation_id"];
    for entry in list(value)? {
        let fields = object(entry)?;
        only_keys(fields, &KEYS)?;
        for key in [KEYS[0], KEYS[1]] {
            if let Some(value) = fields.get(key).filter(|value| !value.is_null()) {
                text(value, 64)?;
            }
        }
        if let Some(id) = fields.get(KEYS[2]).filter(|id| !id.is_null()) {
            convert(Convert::Int, id.clone())?;
        }
    }
    Ok(())
}

fn dns(value: &Value, max: usize, domain: bool) -> Checked {
    let text = text(value, max)?;
    if text.is_empty() {
        return Ok(());
    }
    if domain && !text.ends_with('.') {
        return Err(format!("{value} must end with a dot"));
    }
    let labels = text.strip_suffix('.').unwrap_or(&text);
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    // A name that ends in a number would be read as an address.
    let number = |label: &str| labels.contains('.') && label.bytes().all(|b| b.is_ascii_digit());
    if !labels.split('.').all(fits) || labels.split('.').next_back().is_some_and(number) {
        return Err(format!("{value} is not made of DNS labels (RFC 1035)"));
    }
    Ok(())
}

fn dhcp_options(value: &mut Value) -> Checked {
    list(value)?;
    for entry in value.as_array_mut().into_iter().flatten() {
        let Some(fields) = entry.as_object_mut() else {
            return Err(format!("{entry} is not an object"));
        };
        only_keys(fields, &["opt_name", "opt_value", "ip_version"])?;
        let name = fields.get("opt_name").ok_or("opt_name is missing")?;
        if line(name, 64)?.is_empty() {
            return Err("opt_name is empty".into());
        }
        // These two may be set to nothing, which tells the instance that there is none.
        let may_be_empty = matches!(name.as_str(), Some("router" | "classless-static-route"));
        let value = fields.get("opt_value").ok_or("opt_value is missing")?;
        if !value.is_null() && line(value, 255)?.is_empty() && !may_be_empty {
            return Err("opt_value is empty".into());
        }
        if let Some(version) = fields.get_mut("ip_version") {
            *version = convert(Convert::Int, version.take())?;
            if !matches!(version.as_i64(), Some(4 | 6)) {
                return Err(format!("ip_version {version} is not 4 or 6"));
            }
        }
    }
    Ok(())
}

fn line(value: &Value, max: usize) -> Result<String, String> {
    let text = text(value, max)?;
    if text.contains(['\n', '\r']) { Err("text has a line break".into()) } else { Ok(text) }
}

fn hints(value: &mut Value) -> Checked {
    const PATH: [&str; 3] = ["openvswitch", "other_config", "tx-steering"];
    if value.as_object().is_some_and(Map::is_empty) {
        *value = Value::Null;
        return Ok(());
    }
    let mut at = &*value;
    for key in PATH {
        let fields = object(at)?;
        only_keys(fields, &[key])?;
        match fields.get(key) {
            Some(inner) => at = inner,
            None => return Ok(()),
        }
    }
    values(at, &[Some("thread"), Some("hash")])
}

/// Nothing at all asks for no gateway, and so does everything empty.
fn gateway_info(value: &mut Value) -> Result<(), Invalid> {
    let bad = |why: String| Invalid::request(format!("Invalid input for external_gateway_info: {why}."));
    let empty = match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) => false,
    };
    if empty {
        *value = Value::Null;
        return Ok(());
    }
    let fields = value.as_object_mut().ok_or_else(|| bad("it is not an object".into()))?;
    let network = fields.get("network_id").ok_or_else(|| bad("network_id is missing".into()))?;
    only_keys(fields, &["network_id", "external_fixed_ips", "enable_snat", "qos_policy_id"]).map_err(bad)?;
    uuid(network).map_err(bad)?;
    if let Some(list) = fields.get("external_fixed_ips") {
        fixed_ips(list).map_err(bad)?;
    }
    if let Some(snat) = fields.get_mut("enable_snat") {
        *snat = convert(Convert::Boolean, snat.take())
            .map_err(|why| Invalid::input(format!("Invalid input for enable_snat: {why}.")))?;
    }
    match fields.get("qos_policy_id") {
        Some(policy) if !policy.is_null() => uuid(policy).map_err(bad),
        _ => Ok(()),
    }
}

fn address_pairs(value: &Value) -> Result<(), Invalid> {
    let bad = |why: String| Invalid::request(format!("Invalid input for allowed_address_pairs: {why}."));
    let entries = list(value).map_err(bad)?;
    if entries.len() > MAX_ADDRESS_PAIRS {
        return Err(Invalid {
            kind: InvalidKind::AddressPairsExhausted,
            message: format!("A port takes at most {MAX_ADDRESS_PAIRS} address pairs."),
        });
    }
    let mut seen = BTreeSet::new();
    for entry in entries {
        let fields = object(entry).map_err(bad)?;
        only_keys(fields, &["mac_address", "ip_address"]).map_err(bad)?;
        let Some(address) = fields.get("ip_address") else {
            return Err(Invalid {
                kind: InvalidKind::AddressPairMissingIp,
                message: "An address pair needs an ip_address.".into(),
            });
        };
        let hardware = fields.get("mac_address");
        if let Some(hardware) = hardware {
            mac(hardware).map_err(bad)?;
        }
        let text = address.as_str().unwrap_or_default();
        let first = strict_ip(text).or_else(|| text.parse::<IpNet>().ok().map(|net| net.addr()));
        match first {
            None => return Err(bad(format!("{address} is not an address or CIDR"))),
            Some(ip) if ip.is_multicast() => return Err(bad(format!("{address} is multicast"))),
            Some(_) => {}
        }
        if !seen.insert((hardware.map(Value::to_string), text.to_owned())) {
            return Err(Invalid {
                kind: InvalidKind::DuplicateAddressPair,
                message: format!("The address pair {entry} is listed twice."),
            });
        }
    }
    Ok(())
}
