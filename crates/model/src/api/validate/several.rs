//! Lists and objects of values: how many, which keys, and each value by its own rule.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::single::{cidr, ip, line, mac, text, uuid, values};
use super::{Checked, MAX_ADDRESS_PAIRS, MAX_LIST};
use crate::api::convert::{Convert, convert, strict_ip};
use crate::api::{Invalid, InvalidKind};

pub(super) fn list(value: &Value) -> Result<&Vec<Value>, String> {
    let list = value.as_array().ok_or_else(|| format!("{value} is not a list"))?;
    if list.len() > MAX_LIST {
        return Err(format!("the list has {} entries, {MAX_LIST} are allowed", list.len()));
    }
    Ok(list)
}

pub(super) fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{value} is not an object"))
}

/// Every item passes and no two are the same.
pub(super) fn unique(value: &Value, what: &str, item: impl Fn(&Value) -> Result<String, String>) -> Checked {
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

pub(super) fn fixed_ips(value: &Value) -> Checked {
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

pub(super) fn pools(value: &Value) -> Checked {
    for entry in list(value)? {
        let entry = object(entry)?;
        both_keys(entry, ["start", "end"])?;
        ip(&entry["start"])?;
        ip(&entry["end"])?;
    }
    Ok(())
}

pub(super) fn host_route(value: &Value) -> Result<String, String> {
    let entry = object(value)?;
    both_keys(entry, ["destination", "nexthop"])?;
    let destination = cidr(&entry["destination"])?;
    if destination.parse::<IpNet>().is_ok_and(|net| net != net.trunc()) {
        return Err(format!("the destination {destination} has host bits set"));
    }
    Ok(format!("{destination} {}", ip(&entry["nexthop"])?))
}

pub(super) fn zone_hints(value: &Value) -> Checked {
    unique(value, "zone", |item| text(item, usize::MAX))
}

pub(super) fn segments(value: &Value) -> Checked {
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

pub(super) fn dhcp_options(value: &mut Value) -> Checked {
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

pub(super) fn hints(value: &mut Value) -> Checked {
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
pub(super) fn gateway_info(value: &mut Value) -> Result<(), Invalid> {
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

pub(super) fn address_pairs(value: &Value) -> Result<(), Invalid> {
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
