//! What the kernel of a host says, compared with what the API says should be there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use serde_json::Value;
use testbed::Client;
use testbed::place::run_in;

/// One host as it should be or is: of each network, the tunnel's entries (MAC address, host's address).
pub type Entries = BTreeMap<String, BTreeSet<(String, String)>>;

/// A host's name and its end of the tunnels.
pub type Ends = BTreeMap<String, String>;

/// What each host should have, by what the API shows.
pub async fn wanted(client: &Client, ends: &Ends) -> anyhow::Result<BTreeMap<String, Entries>> {
    let networks = client.get("networks").await?;
    let ports = client.get("ports").await?;
    let bound: Vec<&Value> = list(&ports).filter(|port| port["binding:vif_type"] == "tap").collect();
    let mut hosts: BTreeMap<String, Entries> =
        ends.keys().map(|host| (host.clone(), Entries::new())).collect();
    for network in list(&networks) {
        let (id, vni) = (text(network, "id"), network["provider:segmentation_id"].to_string());
        let here = || bound.iter().filter(|port| text(port, "network_id") == id);
        let on: BTreeSet<&str> = here().map(|port| text(port, "binding:host_id")).collect();
        for (host, entries) in hosts.iter_mut().filter(|(host, _)| on.contains(host.as_str())) {
            let others = here().filter(|port| text(port, "binding:host_id") != host);
            let end = |host: &str| ends.get(host).cloned().unwrap_or_default();
            let mut set: BTreeSet<(String, String)> = others
                .map(|port| (text(port, "mac_address").to_owned(), end(text(port, "binding:host_id"))))
                .collect();
            let flood = on.iter().filter(|other| **other != host);
            set.extend(flood.map(|other| ("00:00:00:00:00:00".to_owned(), end(other))));
            entries.insert(vni.clone(), set);
        }
    }
    Ok(hosts)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What a host has.
pub async fn found(namespace: &Path) -> anyhow::Result<Entries> {
    let said = run_in(namespace, &["ip", "-j", "link", "show", "type", "vxlan"]).await?;
    let links: Value = if said.trim().is_empty() { Value::Null } else { serde_json::from_str(&said)? };
    let names = list(&links).map(|link| text(link, "ifname")).filter(|name| !name.is_empty());
    let mut out = Entries::new();
    for name in names {
        let vni = name.strip_prefix("vxlan-").context("a tunnel has its number in its name")?;
        out.insert(vni.to_owned(), BTreeSet::new());
    }
    let said = run_in(namespace, &["bridge", "-j", "fdb", "show"]).await?;
    let entries: Value = serde_json::from_str(&said)?;
    for entry in list(&entries).filter(|entry| entry["dst"].is_string()) {
        let vni = text(entry, "ifname").trim_start_matches("vxlan-");
        let one = (text(entry, "mac").to_owned(), text(entry, "dst").to_owned());
        out.entry(vni.to_owned()).or_default().insert(one);
    }
    Ok(out)
}
