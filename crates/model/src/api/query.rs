//! Query strings: filters, fields, order and page of a list.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::api::convert::{Convert, convert};
use crate::api::table::{Attr, Resource, Source, Type};
use crate::api::{Invalid, InvalidKind};

/// What a GET of a collection asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// All must hold.
    pub filters: Vec<Filter>,
    /// Attributes to show; empty shows all.
    pub fields: Vec<String>,
    pub sort: Vec<Order>,
    /// `None` lists everything on one page.
    pub limit: Option<u32>,
    /// The last id of the page before (or the first of the page after, with `reverse`).
    pub marker: Option<String>,
    pub reverse: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub attr: &'static str,
    pub descending: bool,
}

/// One condition; its values are alternatives.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    In {
        attr: &'static str,
        values: Vec<Value>,
    },
    /// Ports with a fixed IP of these; the three lists are conditions of their own.
    FixedIps {
        ip_address: Vec<String>,
        subnet_id: Vec<String>,
        ip_address_substr: Vec<String>,
    },
    SecurityGroups(Vec<String>),
    Tags {
        how: TagMatch,
        tags: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagMatch {
    All,
    Any,
    NotAll,
    NotAny,
}

/// The attributes whose filter is not a comparison with a column.
const FIXED_IPS: &str = "fixed_ips";
const SECURITY_GROUPS: &str = "security_groups";

/// Reads the query string of a list.
///
/// `max_limit` caps pages, and makes pages of lists that asked for none.
pub fn parse(table: &'static Resource, text: &str, max_limit: Option<u32>) -> Result<Query, Invalid> {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let values = by_name.entry(name.to_string()).or_insert_with(|| {
            names.push(name.to_string());
            Vec::new()
        });
        values.push(value.into_owned());
    }
    let mut take = |name: &str| by_name.remove(name).unwrap_or_default();
    let mut fields = take("fields");
    // The reference's older stack makes nothing of an empty one.
    fields.retain(|name| table.core || !name.is_empty());
    let sort = order(table, take("sort_key"), take("sort_dir"))?;
    let limit = limit(take("limit").pop(), max_limit)?;
    let marker = take("marker").pop().filter(|marker| limit.is_some() && !marker.is_empty());
    let reverse =
        limit.is_some() && take("page_reverse").pop().is_some_and(|value| value.eq_ignore_ascii_case("true"));
    by_name.remove("page_reverse");
    names.retain(|name| by_name.contains_key(name));
    let known = |name: &String| table.attr(name).filter(|attr| attr.filter);
    let unknown: Vec<&str> = names.iter().filter(|name| known(name).is_none()).map(String::as_str).collect();
    if !unknown.is_empty() {
        let list = unknown.join("', '");
        let message = format!("'{list}' cannot be used to filter {}.", table.plural);
        return Err(Invalid::request(message));
    }
    let mut filters = Vec::new();
    for (name, values) in &by_name {
        if let Some(attr) = known(name) {
            filters.push(filter(attr, values)?);
        }
    }
    Ok(Query { filters, fields, sort, limit, marker, reverse })
}

fn order(table: &'static Resource, keys: Vec<String>, dirs: Vec<String>) -> Result<Vec<Order>, Invalid> {
    if keys.len() != dirs.len() {
        return Err(Invalid::request(format!(
            "Give as many sort_dir as sort_key: there are {} and {}.",
            dirs.len(),
            keys.len()
        )));
    }
    let mut out = Vec::new();
    for (key, dir) in keys.iter().zip(&dirs) {
        let attr = table.attr(key).filter(|attr| attr.sort);
        let Some(attr) = attr else {
            let message = format!("{} cannot be sorted by '{key}'.", table.plural);
            return Err(Invalid::request(message));
        };
        let descending = match dir.as_str() {
            "asc" => false,
            "desc" => true,
            _ => return Err(Invalid::request(format!("sort_dir is asc or desc, not '{dir}'."))),
        };
        // A key that was said already decides nothing more.
        if out.iter().all(|order: &Order| order.attr != attr.name) {
            out.push(Order { attr: attr.name, descending });
        }
    }
    Ok(out)
}

fn limit(text: Option<String>, max: Option<u32>) -> Result<Option<u32>, Invalid> {
    let asked = match text.as_deref() {
        None => 0,
        Some(text) => text.parse::<i64>().ok().filter(|n| *n >= 0).ok_or_else(|| Invalid {
            kind: InvalidKind::Page,
            message: format!("limit must be an integer of 0 or more, not '{text}'."),
        })?,
    };
    let asked = u32::try_from(asked).unwrap_or(u32::MAX);
    Ok(match (asked, max) {
        (0, max) => max,
        (n, Some(max)) => Some(n.min(max)),
        (n, None) => Some(n),
    })
}

fn filter(attr: &'static Attr, values: &[String]) -> Result<Filter, Invalid> {
    let tags = |how| {
        let each: BTreeSet<&str> = values.iter().flat_map(|v| v.split(',')).collect();
        Filter::Tags { how, tags: each.into_iter().map(str::to_owned).collect() }
    };
    match attr.name {
        "tags" => return Ok(tags(TagMatch::All)),
        "tags-any" => return Ok(tags(TagMatch::Any)),
        "not-tags" => return Ok(tags(TagMatch::NotAll)),
        "not-tags-any" => return Ok(tags(TagMatch::NotAny)),
        FIXED_IPS => return fixed_ips(values),
        SECURITY_GROUPS => return Ok(Filter::SecurityGroups(values.to_vec())),
        _ => {}
    }
    debug_assert!(attr.source != Source::None, "{} filters by nothing", attr.name);
    let mut wanted = Vec::new();
    for value in values {
        let how = match (attr.ty, attr.convert) {
            (Type::Int, Convert::None) => Convert::Int,
            (_, how) => how,
        };
        let value = convert(how, Value::String(value.clone())).map_err(|why| Invalid {
            kind: how.refusal(),
            message: format!("Invalid filter {}: {why}.", attr.name),
        })?;
        wanted.push(if attr.convert == Convert::Cidr { without_host_bits(value) } else { value });
    }
    Ok(Filter::In { attr: attr.name, values: wanted })
}

fn without_host_bits(value: Value) -> Value {
    let net = value.as_str().and_then(|text| text.parse::<ipnet::IpNet>().ok());
    net.map_or(value, |net| Value::String(net.trunc().to_string()))
}

fn fixed_ips(values: &[String]) -> Result<Filter, Invalid> {
    let (mut ip_address, mut subnet_id, mut ip_address_substr) = (vec![], vec![], vec![]);
    for value in values {
        match value.split_once('=') {
            Some(("ip_address", ip)) => {
                ip_address.push(ip.parse::<std::net::IpAddr>().map_or(ip.to_owned(), |ip| ip.to_string()))
            }
            Some(("subnet_id", id)) => subnet_id.push(id.to_owned()),
            Some(("ip_address_substr", part)) => ip_address_substr.push(part.to_owned()),
            // As the reference does: another key says nothing of an address.
            Some(_) => {}
            None => {
                return Err(Invalid::input(format!(
                    "Invalid filter fixed_ips: '{value}' is not ip_address=, subnet_id= or \
                     ip_address_substr= with a value."
                )));
            }
        }
    }
    Ok(Filter::FixedIps { ip_address, subnet_id, ip_address_substr })
}

/// Links of a page: `next` unless it is the last, `previous` unless it is the first.
///
/// `ids` are the first and last id shown; hrefs repeat the request with another marker.
pub fn links(
    base: &str,
    text: &str,
    query: &Query,
    shown: usize,
    ids: Option<(&str, &str)>,
) -> Vec<(&'static str, String)> {
    let Some(limit) = query.limit else { return Vec::new() };
    let full = shown >= limit as usize;
    let href = |marker: Option<&str>, reverse: bool| {
        let mut out = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if name != "marker" && name != "page_reverse" {
                out.append_pair(&name, &value);
            }
        }
        if let Some(marker) = marker {
            out.append_pair("marker", marker);
        }
        if reverse {
            out.append_pair("page_reverse", "True");
        }
        format!("{base}?{}", out.finish())
    };
    // A page past the end leads back to the last one: the page before no marker.
    if ids.is_none() && query.marker.is_none() {
        return Vec::new();
    }
    let (first, last) = ids.unzip();
    let mut links = Vec::new();
    if full || query.reverse {
        links.push(("next", href(last, false)));
    }
    if full || !query.reverse {
        links.push(("previous", href(first, true)));
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::port::PORT;

    fn parsed(text: &str) -> Result<Query, InvalidKind> {
        parse(&PORT, text, None).map_err(|invalid| invalid.kind)
    }

    #[test]
    fn refusals() {
        for (text, kind) in [
            ("nope=1", InvalidKind::Request),
            ("created_at=2026", InvalidKind::Request),
            ("admin_state_up=maybe", InvalidKind::Input),
            ("limit=-1", InvalidKind::Page),
            ("limit=x", InvalidKind::Page),
            ("sort_key=name", InvalidKind::Request),
            ("sort_key=fixed_ips&sort_dir=asc", InvalidKind::Request),
            ("sort_key=name&sort_dir=up", InvalidKind::Request),
            ("fixed_ips=10.0.0.1", InvalidKind::Input),
        ] {
            assert_eq!(parsed(text), Err(kind), "{text}");
        }
    }

    #[test]
    fn a_whole_query() {
        let text = "name=a&name=b&admin_state_up=1&fields=id&fields=name&sort_key=name&sort_dir=desc\
                    &limit=5&marker=m&page_reverse=True&tags=x,y";
        let query = parsed(text).expect("good");
        assert_eq!(query.fields, ["id", "name"]);
        assert_eq!(query.limit, Some(5));
        assert!(query.reverse);
        assert_eq!(query.filters.len(), 3);
        let boolean = Filter::In { attr: "admin_state_up", values: vec![Value::Bool(true)] };
        assert!(query.filters.contains(&boolean));
    }

    #[test]
    fn links_of_pages() {
        let query = parsed("limit=2&name=a").expect("good");
        let links = links("http://h/v2.0/ports", "limit=2&name=a", &query, 2, Some(("f", "l")));
        assert_eq!(links[0], ("next", "http://h/v2.0/ports?limit=2&name=a&marker=l".into()));
        assert_eq!(
            links[1],
            ("previous", "http://h/v2.0/ports?limit=2&name=a&marker=f&page_reverse=True".into())
        );
    }

    #[test]
    fn a_page_past_the_end_leads_back_to_the_last() {
        let query = parsed("limit=2&marker=l").expect("good");
        let links = links("http://h/v2.0/ports", "limit=2&marker=l", &query, 0, None);
        assert_eq!(links, [("previous", "http://h/v2.0/ports?limit=2&page_reverse=True".into())]);
    }
}
