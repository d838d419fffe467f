//! The paths of metadata, OpenStack's and EC2's, and what is said there. Pure.

use std::net::IpAddr;

use model::gateway::Port;
use serde_json::{Value, json};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Versions of OpenStack's form; all say the same here.
const VERSIONS: [&str; 10] = [
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
    "latest",
];
const EC2_VERSIONS: [&str; 4] = ["1.0", "2007-12-15", "2009-04-04", "latest"];

/// What is at a path: its kind, and the text.
pub(super) fn find(path: &str, port: &Port) -> Option<(&'static str, String)> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        [] => Some((TEXT, EC2_VERSIONS.join("\n"))),
        ["openstack"] => Some((TEXT, VERSIONS.join("\n"))),
        ["openstack", version, rest @ ..] if VERSIONS.contains(version) => openstack(rest, port),
        [version, rest @ ..] if EC2_VERSIONS.contains(version) => ec2(rest, port).map(|text| (TEXT, text)),
        _ => None,
    }
}

fn openstack(rest: &[&str], port: &Port) -> Option<(&'static str, String)> {
    match rest {
        [] => {
            let mut all =
                vec!["meta_data.json", "network_data.json", "vendor_data.json", "vendor_data2.json"];
            all.extend(port.about.user_data.as_ref().map(|_| "user_data"));
            Some((TEXT, all.join("\n")))
        }
        ["meta_data.json"] => Some((JSON, meta_data(port).to_string())),
        ["network_data.json"] => Some((JSON, network_data(port).to_string())),
        ["vendor_data.json" | "vendor_data2.json"] => Some((JSON, "{}".to_owned())),
        ["user_data"] => port.about.user_data.clone().map(|text| ("application/octet-stream", text)),
        _ => None,
    }
}

fn meta_data(port: &Port) -> Value {
    let about = &port.about;
    let keys: Vec<Value> =
        about.keys.iter().map(|(name, data)| json!({ "name": name, "type": "ssh", "data": data })).collect();
    json!({
        "uuid": port.instance,
        "name": about.hostname,
        "hostname": about.hostname,
        "availability_zone": about.availability_zone,
        "launch_index": 0,
        "project_id": port.project,
        "public_keys": about.keys,
        "keys": keys,
        "meta": about.meta,
    })
}

fn network_data(port: &Port) -> Value {
    let link = format!("tap{}", &port.id.to_string()[..11]);
    let routed = || port.addresses.iter().filter(|address| !is_link_local(address));
    let kinds = [("ipv4_dhcp", routed().any(IpAddr::is_ipv4)), ("ipv6_dhcp", routed().any(IpAddr::is_ipv6))];
    let there = kinds.into_iter().enumerate().filter(|(_, (_, there))| *there);
    let networks: Vec<Value> = there
        .map(|(at, (kind, _))| json!({ "id": format!("network{at}"), "link": link, "type": kind }))
        .collect();
    let link = json!({ "id": link, "type": "phy", "ethernet_mac_address": port.about.mac_address });
    json!({ "links": [link], "networks": networks, "services": [] })
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

fn ec2(rest: &[&str], port: &Port) -> Option<String> {
    let about = &port.about;
    let local = port.addresses.iter().find(|address| address.is_ipv4()).map(ToString::to_string);
    let single = [
        ("hostname", Some(about.hostname.clone())),
        ("instance-id", Some(instance_id(&port.instance))),
        ("local-hostname", Some(about.hostname.clone())),
        ("local-ipv4", local),
        ("mac", Some(about.mac_address.clone())),
        ("public-ipv4", about.public_address.map(|address| address.to_string())),
    ];
    match rest {
        [] => Some(if about.user_data.is_some() { "meta-data/\nuser-data" } else { "meta-data/" }.to_owned()),
        ["user-data"] => about.user_data.clone(),
        ["meta-data"] => {
            let there = single.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name);
            let keys = (!about.keys.is_empty()).then_some("public-keys/");
            Some(there.chain(["placement/"]).chain(keys).collect::<Vec<_>>().join("\n"))
        }
        ["meta-data", "placement"] => Some("availability-zone".to_owned()),
        ["meta-data", "placement", "availability-zone"] => Some(about.availability_zone.clone()),
        ["meta-data", "public-keys"] if !about.keys.is_empty() => {
            let lines = about.keys.keys().enumerate().map(|(at, name)| format!("{at}={name}"));
            Some(lines.collect::<Vec<_>>().join("\n"))
        }
        ["meta-data", "public-keys", at] => key(port, at).map(|_| "openssh-key".to_owned()),
        ["meta-data", "public-keys", at, "openssh-key"] => key(port, at).cloned(),
        ["meta-data", name] => single.into_iter().find(|(single, _)| single == name)?.1,
        _ => None,
    }
}

fn key<'a>(port: &'a Port, at: &str) -> Option<&'a String> {
    port.about.keys.values().nth(at.parse().ok()?)
}

/// EC2's are shorter than ours.
fn instance_id(instance: &str) -> String {
    let letters: String = instance.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("i-{letters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port() -> Port {
        serde_json::from_str(
            r#"{"id": "00000000-0000-0000-0000-000000000002", "project": "p",
                "instance": "5e0d91ad-0000-0000-0000-000000000001", "addresses": ["fe80::1", "10.0.0.5"],
                "about": {"hostname": "web-1", "availability_zone": "nova", "mac_address": "fa:16:3e:00:00:01",
                          "keys": {"mine": "ssh-ed25519 AAAA"}, "user_data": "cloud-config"}}"#,
        )
        .expect("reads")
    }

    #[test]
    fn what_cloud_init_asks_is_there() {
        let said = |path| find(path, &port()).map(|(_, text)| text);
        let meta: Value =
            serde_json::from_str(&said("/openstack/latest/meta_data.json").expect("is")).expect("JSON");
        assert_eq!(
            (&meta["hostname"], &meta["public_keys"]["mine"]),
            (&json!("web-1"), &json!("ssh-ed25519 AAAA"))
        );
        let network = said("/openstack/2018-08-27/network_data.json").expect("is");
        assert!(network.contains("ipv4_dhcp") && !network.contains("ipv6_dhcp"), "{network}");
        for (path, text) in [
            ("/openstack/latest/user_data", Some("cloud-config")),
            ("/latest/user-data", Some("cloud-config")),
            ("/2009-04-04/meta-data/local-ipv4", Some("10.0.0.5")),
            ("/latest/meta-data/instance-id", Some("i-5e0d91ad")),
            ("/latest/meta-data/public-keys/", Some("0=mine")),
            ("/latest/meta-data/public-keys/0/openssh-key", Some("ssh-ed25519 AAAA")),
            ("/latest/meta-data/public-keys/1/openssh-key", None),
            ("/latest/meta-data/public-ipv4", None),
            ("/openstack/1999-01-01/meta_data.json", None),
        ] {
            assert_eq!(said(path).as_deref(), text, "{path}");
        }
    }

    #[test]
    fn every_listed_name_is_there() {
        let said = |path: &str| find(path, &port()).map(|(_, text)| text);
        let listed = said("/latest/meta-data/").expect("is");
        for name in listed.lines() {
            assert!(said(&format!("/latest/meta-data/{name}")).is_some(), "{name}");
        }
        for name in said("/openstack/latest/").expect("is").lines() {
            assert!(said(&format!("/openstack/latest/{name}")).is_some(), "{name}");
        }
    }
}
