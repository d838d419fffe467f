//! How full networks are, and availability zones: read, and nothing else.

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode};
use cloud::Refusal;
use cloud::ipam::{span, whole};
use db::{Fullness, SubnetFullness};
use model::api::agent::Agent;
use model::api::availability::{AVAILABILITY_ZONE, NETWORK_IP_AVAILABILITY};
use model::api::query::{self, Filter, Query};
use model::api::subnet::Pool;
use model::report::{DHCP_AGENT, L3_AGENT};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::http::{Answer, Call};

/// `/v2.0/network-ip-availabilities`, and below it a network's id.
pub async fn networks(app: &App, call: &Call, id: Option<&str>) -> Result<Answer, Fault> {
    if call.method != Method::GET {
        return Err(Fault::MethodNotAllowed);
    }
    let max = Some(app.settings().pagination_max_limit).filter(|max| *max > 0);
    let mut query = match id {
        None => query::parse(&NETWORK_IP_AVAILABILITY, &call.query, max)?,
        Some(_) => Query { fields: super::fields(&NETWORK_IP_AVAILABILITY, call), ..Query::default() },
    };
    if let Some(id) = id {
        query.filters.push(Filter::In { attr: "network_id", values: vec![id.into()] });
    }
    let may = Guard::of(app, call).may("get_network_ip_availability", &call.caller.project_id).is_ok();
    let rows = if may { app.db().read().await?.fullness(&query).await? } else { vec![] };
    let mut found: Vec<(String, Vec<SubnetFullness>, Fullness)> = Vec::new();
    for mut row in rows {
        let subnet = row.subnet.take();
        if found.last().is_none_or(|(id, ..)| *id != row.network_id) {
            found.push((row.network_id.clone(), vec![], row));
        }
        if let Some((_, subnets, _)) = found.last_mut() {
            subnets.extend(subnet);
        }
    }
    if let Some(id) = id {
        let Some((_, subnets, network)) = found.first() else {
            return Err(if may { unknown(id) } else { Fault::NotForYou });
        };
        let json = format!("{{\"network_ip_availability\":{}}}", shown(network, subnets, &query.fields));
        return Ok(Answer { status: StatusCode::OK, json: json.into_bytes() });
    }
    Ok(page(call, &query, found))
}

fn unknown(id: &str) -> Fault {
    Refusal::NotFound { table: &NETWORK_IP_AVAILABILITY, id: id.to_owned() }.into()
}

/// The part of a list that was asked for.
fn page(call: &Call, query: &Query, mut found: Vec<(String, Vec<SubnetFullness>, Fullness)>) -> Answer {
    if query.sort.first().is_some_and(|order| order.descending) != query.reverse {
        found.reverse();
    }
    if let Some(marker) = &query.marker {
        let after = found.iter().position(|(id, ..)| id == marker).map_or(found.len(), |at| at + 1);
        found.drain(..after);
    }
    found.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
    if query.reverse {
        found.reverse();
    }
    let items: Vec<String> =
        found.iter().map(|(_, subnets, network)| shown(network, subnets, &query.fields)).collect();
    let mut json = format!("{{\"network_ip_availabilities\":[{}]", items.join(","));
    if query.limit.is_some() {
        let ids = found.first().zip(found.last()).map(|(first, last)| (first.0.as_str(), last.0.as_str()));
        let base = format!("{}{}", call.base, call.path);
        let links = query::links(&base, &call.query, query, found.len(), ids);
        let links: Vec<Value> =
            links.into_iter().map(|(rel, href)| json!({ "rel": rel, "href": href })).collect();
        json.push_str(&format!(",\"network_ip_availabilities_links\":{}", json!(links)));
    }
    json.push('}');
    Answer { status: StatusCode::OK, json: json.into_bytes() }
}

/// Addresses that a subnet can give; without pools the reference counts all of its range.
fn total(subnet: &SubnetFullness) -> u128 {
    let pools: Vec<Pool> = serde_json::from_str(&subnet.allocation_pools).unwrap_or_default();
    match pools.as_slice() {
        [] => subnet.cidr.parse().map_or(0, whole),
        pools => pools.iter().map(span).fold(0, u128::saturating_add),
    }
}

/// Written by hand: counts of IPv6 are larger than what `Value` holds.
fn shown(network: &Fullness, subnets: &[SubnetFullness], fields: &[String]) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let subnet = |subnet: &SubnetFullness| {
        format!(
            "{{\"subnet_id\":{},\"ip_version\":{},\"cidr\":{},\"subnet_name\":{},\"used_ips\":{},\"total_ips\":{}}}",
            text(&subnet.id),
            subnet.ip_version,
            text(&subnet.cidr),
            text(&subnet.name),
            subnet.used,
            total(subnet)
        )
    };
    let all = subnets.iter().map(total).fold(0, u128::saturating_add);
    let used: i64 = subnets.iter().map(|subnet| subnet.used).sum();
    let parts = [
        ("network_id", text(&network.network_id)),
        ("network_name", text(&network.network_name)),
        ("tenant_id", text(&network.project_id)),
        ("total_ips", all.to_string()),
        ("used_ips", used.to_string()),
        ("subnet_ip_availability", format!("[{}]", subnets.iter().map(subnet).collect::<Vec<_>>().join(","))),
        ("project_id", text(&network.project_id)),
    ];
    let asked =
        parts.iter().filter(|(name, _)| fields.is_empty() || fields.iter().any(|field| field == name));
    let parts: Vec<String> = asked.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", parts.join(","))
}

/// `/v2.0/availability_zones`: one entry for each zone and kind of resource that agents carry there.
pub async fn zones(app: &App, call: &Call) -> Result<Answer, Fault> {
    if call.method != Method::GET {
        return Err(Fault::MethodNotAllowed);
    }
    let query = query::parse(&AVAILABILITY_ZONE, &call.query, None)?;
    let mut zones: BTreeMap<(String, &str), bool> = BTreeMap::new();
    if Guard::of(app, call).may("get_availability_zone", &call.caller.project_id).is_ok() {
        let mut tx = app.db().read().await?;
        let networks = tx.agents_of_type(DHCP_AGENT).await?;
        let routers = tx.agents_of_type(L3_AGENT).await?;
        let since = app.alive_since_us();
        let mut note = |agents: Vec<Agent>, resource| {
            for agent in agents {
                let works = agent.admin_state_up && agent.heartbeat_us > since;
                let Some(zone) = agent.availability_zone else { continue };
                *zones.entry((zone, resource)).or_default() |= works;
            }
        };
        note(networks, "network");
        note(routers, "router");
    }
    let entry = |((name, resource), works): ((String, &str), bool)| {
        let state = if works { "available" } else { "unavailable" };
        json!({ "name": name, "resource": resource, "state": state })
    };
    let fits = |zone: &Value| query.filters.iter().all(|filter| filter_fits(filter, zone));
    let zones: Vec<Value> = zones.into_iter().map(entry).filter(fits).collect();
    Ok(Answer::ok(&json!({ "availability_zones": zones })))
}

fn filter_fits(filter: &Filter, zone: &Value) -> bool {
    match filter {
        Filter::In { attr, values } => values.contains(&zone[attr]),
        _ => true,
    }
}
