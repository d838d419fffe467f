//! Converters: what a value becomes before it is checked, in bodies and in filters.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use serde_json::{Value, json};
use wire::Mac;

use crate::api::rbac_policy::ObjectType;
use crate::api::{InvalidKind, protocol};
use crate::report::AGENT_TYPES;

/// A converter, by the reference's word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convert {
    None,
    /// `convert_to_boolean`
    Boolean,
    /// `convert_to_boolean_if_not_none`
    BooleanOrNull,
    /// `convert_to_int`
    Int,
    /// `convert_to_string`: null stays null.
    Text,
    /// `convert_none_to_empty_list`
    NullToEmptyList,
    /// `convert_string_to_case_insensitive`
    LowerCase,
    /// `convert_ip_to_canonical_format`
    Ip,
    /// `convert_cidr_to_canonical_format`
    Cidr,
    /// `convert_allocation_pools_to_canonical_format`
    Pools,
    /// `convert_to_protocol`: a name or a number of one, untouched.
    Protocol,
    /// `convert_protocol`, of rules
    RuleProtocol,
    /// `convert_ethertype_to_case_insensitive`
    Ethertype,
    /// `convert_validate_port_value`
    PortNumber,
    /// `convert_ip_prefix_to_cidr`
    Prefix,
    /// `convert_valid_object_type`
    ObjectType,
    /// A kind of agents in any case, as where Neutron runs on MySQL: there are those who ask for a "DHCP Agent".
    AgentType,
    /// `convert_to_mac_if_none`: null asks for a generated address and stays null here.
    Mac,
}

impl Convert {
    /// What a value that it refuses is answered with.
    pub const fn refusal(self) -> InvalidKind {
        match self {
            Convert::RuleProtocol => InvalidKind::RuleProtocol,
            Convert::Ethertype => InvalidKind::RuleEthertype,
            Convert::PortNumber => InvalidKind::RulePort,
            Convert::Prefix => InvalidKind::RulePrefix,
            _ => InvalidKind::Input,
        }
    }
}

/// Applies a converter; the error is a clause that completes "ATTRIBUTE: ...".
pub fn convert(how: Convert, value: Value) -> Result<Value, String> {
    Ok(match how {
        Convert::None => value,
        Convert::Boolean => Value::Bool(boolean(&value)?),
        Convert::BooleanOrNull if value.is_null() => value,
        Convert::BooleanOrNull => Value::Bool(boolean(&value)?),
        Convert::Int => json!(int(&value)?),
        Convert::Text => match value {
            Value::Null | Value::String(_) => value,
            other => Value::String(other.to_string()),
        },
        Convert::NullToEmptyList => match value {
            Value::Null => json!([]),
            other => other,
        },
        Convert::LowerCase => match value {
            Value::String(text) => Value::String(text.to_lowercase()),
            other => return Err(format!("{other} is not text")),
        },
        Convert::Ip => match &value {
            Value::String(text) => canonical_ip(text).map_or(value, Value::String),
            _ => value,
        },
        Convert::Cidr => match &value {
            Value::String(text) => canonical_cidr(text).map_or(value, Value::String),
            _ => value,
        },
        Convert::Pools => pools(value)?,
        Convert::Protocol => named_protocol(value)?,
        Convert::RuleProtocol => rule_protocol(value)?,
        Convert::Ethertype => ethertype(value)?,
        Convert::PortNumber => port_number(value)?,
        Convert::Prefix => prefix(value)?,
        Convert::ObjectType => object_type(value)?,
        Convert::AgentType => {
            let asked = value.as_str().unwrap_or_default();
            let known = AGENT_TYPES.iter().find(|known| known.eq_ignore_ascii_case(asked));
            known.map_or(value, |known| json!(known))
        }
        Convert::Mac => match &value {
            Value::String(text) => match text.parse::<Mac>() {
                Ok(mac) => Value::String(mac.to_string()),
                Err(_) => value,
            },
            _ => value,
        },
    })
}

fn named_protocol(value: Value) -> Result<Value, String> {
    let known = match &value {
        Value::Null => true,
        Value::String(text) if is_protocol(&text.to_lowercase()) => true,
        Value::String(_) => int(&value).is_ok_and(|number| (0..=255).contains(&number)),
        _ => false,
    };
    let why = || format!("{value} is not an IP protocol: give a name, as tcp, udp or icmp, or 0 to 255");
    if known { Ok(value) } else { Err(why()) }
}

fn is_protocol(name: &str) -> bool {
    name == protocol::ANY || protocol::is_name(name)
}

/// As rules of security groups store it: in lower case, a number as text, `any` as nothing.
fn rule_protocol(value: Value) -> Result<Value, String> {
    if let Some(number) = value.as_u64().filter(|number| *number <= 255) {
        return Ok(json!(number.to_string()));
    }
    Ok(match named_protocol(value)? {
        Value::String(text) if text.eq_ignore_ascii_case(protocol::ANY) => Value::Null,
        Value::String(text) => match int(&json!(text)) {
            Ok(number) if !is_protocol(&text.to_lowercase()) => json!(number.to_string()),
            _ => json!(text.to_lowercase()),
        },
        other => other,
    })
}

/// Things that may be shared with other projects.
fn object_type(value: Value) -> Result<Value, String> {
    match serde_json::from_value::<ObjectType>(value.clone()) {
        Ok(_) => Ok(value),
        Err(_) => {
            let words = ObjectType::ALL.map(|kind| kind.table().singular).join(", ");
            Err(format!("{value} cannot be shared; these can: {words}"))
        }
    }
}

fn ethertype(value: Value) -> Result<Value, String> {
    let known = value
        .as_str()
        .and_then(|text| ["IPv4", "IPv6"].into_iter().find(|known| known.eq_ignore_ascii_case(text)));
    known.map(Value::from).ok_or_else(|| format!("{value} is not IPv4 or IPv6"))
}

fn port_number(value: Value) -> Result<Value, String> {
    if value.is_null() {
        return Ok(value);
    }
    match int(&value) {
        Ok(number) if (0..=65535).contains(&number) => Ok(json!(number)),
        // Tempest looks for the beginning.
        _ => Err(format!("Invalid value for port {value}, which is not from 0 to 65535")),
    }
}

/// A prefix with its length; of an address alone, that of the whole address.
fn prefix(value: Value) -> Result<Value, String> {
    let text = match &value {
        Value::Null | Value::Bool(false) => return Ok(Value::Null),
        Value::String(text) if text.is_empty() => return Ok(Value::Null),
        Value::Array(list) if list.is_empty() => return Ok(Value::Null),
        Value::String(text) => text.as_str(),
        _ => return Err(format!("{value} is not an address with a prefix length")),
    };
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let masked = || canonical_cidr(text)?.parse::<IpNet>().ok();
    match net.or_else(masked) {
        Some(net) => Ok(json!(net.to_string())),
        None => Err(format!("{value} is not an address with a prefix length")),
    }
}

fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(b) => return Ok(*b),
        Value::Number(n) if n.as_i64() == Some(0) => return Ok(false),
        Value::Number(n) if n.as_i64() == Some(1) => return Ok(true),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "t" | "y" => return Ok(true),
            "false" | "0" | "no" | "off" | "f" | "n" => return Ok(false),
            _ => {}
        },
        _ => {}
    }
    Err(format!("{value} is not a boolean; say true or false"))
}

fn int(value: &Value) -> Result<i64, String> {
    let number = match value {
        Value::Number(n) => n.as_i64().or_else(|| n.as_f64().map(|f| f as i64)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(b) => Some(i64::from(*b)),
        _ => None,
    };
    number.ok_or_else(|| format!("{value} is not an integer"))
}

/// IPv6 text compressed and in lower case; anything else untouched.
fn canonical_ip(text: &str) -> Option<String> {
    text.parse::<Ipv6Addr>().ok().map(|ip| ip.to_string())
}

fn canonical_cidr(text: &str) -> Option<String> {
    match text.parse::<IpNet>() {
        Ok(IpNet::V6(net)) => Some(net.to_string()),
        Ok(IpNet::V4(_)) => None,
        Err(_) => {
            // The prefix length may be said as a mask.
            let (ip, mask) = text.split_once('/')?;
            let mask = ipnet::ip_mask_to_prefix(mask.parse().ok()?).ok()?;
            Some(IpNet::new(ip.parse().ok()?, mask).ok()?.to_string())
        }
    }
}

fn pools(value: Value) -> Result<Value, String> {
    let items = match value {
        Value::Array(items) => items,
        Value::Null => return Ok(value),
        other => return Err(format!("{other} is not a list of pools")),
    };
    let canonical = |item: Value| match item {
        Value::Object(mut pool) => {
            for end in ["start", "end"] {
                if let Some(Value::String(text)) = pool.get(end)
                    && let Some(ip) = canonical_ip(text)
                {
                    pool.insert(end.into(), Value::String(ip));
                }
            }
            Ok(Value::Object(pool))
        }
        other => Err(format!("{other} is not a pool: an object of start and end")),
    };
    Ok(Value::Array(items.into_iter().map(canonical).collect::<Result<_, _>>()?))
}

/// An address as strict text: no prefix, no leading zeroes, no surrounding blanks.
pub fn strict_ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_and_integers() {
        for (value, want) in [
            (json!(true), Ok(true)),
            (json!("True"), Ok(true)),
            (json!("off"), Ok(false)),
            (json!(1), Ok(true)),
            (json!("2"), Err(())),
            (json!(2), Err(())),
            (json!(null), Err(())),
            (json!([]), Err(())),
        ] {
            assert_eq!(boolean(&value).map_err(|_| ()), want, "{value}");
        }
        for (value, want) in [
            (json!(7), Some(7)),
            (json!("7"), Some(7)),
            (json!(" -7 "), Some(-7)),
            (json!("7.5"), None),
            (json!(null), None),
            (json!({}), None),
        ] {
            assert_eq!(int(&value).ok(), want, "{value}");
        }
    }

    #[test]
    fn ipv6_becomes_canonical_and_ipv4_stays() {
        let ip = |text: &str| convert(Convert::Ip, json!(text)).expect("never fails");
        assert_eq!(ip("2001:DB8:0:0::1"), json!("2001:db8::1"));
        assert_eq!(ip("10.0.0.1"), json!("10.0.0.1"));
        let cidr = convert(Convert::Cidr, json!("2001:DB8::/64")).expect("never fails");
        assert_eq!(cidr, json!("2001:db8::/64"));
    }
}
