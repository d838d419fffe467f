//! Values by themselves: text, numbers, addresses.

use ipnet::IpNet;
use serde_json::Value;
use uuid::Uuid;
use wire::Mac;

use super::Checked;
use crate::api::convert::{Convert, convert, strict_ip};
use crate::api::port_forwarding::PortRange;

pub(super) fn text(value: &Value, max: usize) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is not text"))?;
    if text.chars().count() > max {
        return Err(format!("text is longer than {max} characters"));
    }
    Ok(text.to_owned())
}

pub(super) fn name(value: &Value, max: usize) -> Checked {
    let text = text(value, max)?;
    if text.trim() != text {
        return Err("a name must not begin or end with a blank".into());
    }
    if text.chars().any(char::is_control) {
        return Err("a name must be printable".into());
    }
    Ok(())
}

pub(super) fn is_default(name: &str) -> bool {
    name.eq_ignore_ascii_case("default")
}

pub(super) fn values(value: &Value, allowed: &[Option<&str>]) -> Checked {
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

pub(super) fn uuid(value: &Value) -> Checked {
    match value.as_str() {
        Some(text) if [32, 36].contains(&text.len()) && Uuid::parse_str(text).is_ok() => Ok(()),
        _ => Err(format!("{value} is not a UUID")),
    }
}

pub(super) fn mac(value: &Value) -> Checked {
    match value.as_str().map(str::parse::<Mac>) {
        Some(Ok(mac)) if mac != Mac::ZERO && mac != Mac::BROADCAST => Ok(()),
        _ => Err(format!("{value} is not a MAC address that an interface can have")),
    }
}

pub(super) fn ip(value: &Value) -> Result<String, String> {
    value
        .as_str()
        .and_then(strict_ip)
        .map(|ip| ip.to_string())
        .ok_or_else(|| format!("{value} is not an IP address"))
}

pub(super) fn port(value: &mut Value) -> Checked {
    let number = convert(Convert::Int, value.clone())?;
    match number.as_u64() {
        Some(1..=65535) => {
            *value = number;
            Ok(())
        }
        _ => Err(format!("{value} is not from 1 to 65535")),
    }
}

pub(super) fn port_range(value: &mut Value) -> Checked {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if PortRange::parse(&text).is_none() {
        return Err(format!("{value} is not a port from 1 to 65535, or a first and a last one: 80:89"));
    }
    *value = Value::String(text);
    Ok(())
}

pub(super) fn cidr(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is not a CIDR"))?;
    match text.parse::<IpNet>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{value} is not an address with a prefix length, such as 10.0.0.0/24")),
    }
}

pub(super) fn service_type(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("{value} is not text"))?;
    // The reference takes any first letter of `compute:`; clients may rely on no more than this.
    let known = ["network:", "neutron:"].iter().any(|prefix| text.starts_with(prefix))
        || text.starts_with(|c| "compute:".contains(c));
    if !known {
        return Err(format!("{value} does not begin with network:, neutron: or compute:"));
    }
    Ok(text.to_owned())
}

pub(super) fn dns(value: &Value, max: usize, domain: bool) -> Checked {
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

pub(super) fn line(value: &Value, max: usize) -> Result<String, String> {
    let text = text(value, max)?;
    if text.contains(['\n', '\r']) { Err("text has a line break".into()) } else { Ok(text) }
}
