//! Security groups, as hosts are told of them: who hears of what, and that what hosts were told bit by
//! bit is what a look from scratch makes. The seed is printed; set SEED to run one again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bus::Bus;
use db::Engine;
use model::desired::{Kind, Part, RemoteSide, Revision};
use model::subject::Word;
use model::sync::{SyncAnswer, SyncAsk};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::{Draw, Lone, wait};

use super::converge::{LOOK, truth};

testbed::on_both_engines!(
    a_change_wakes_whom_it_concerns,
    whatever_changes_hosts_have_what_a_look_from_scratch_makes
);

const LIMIT: Duration = Duration::from_secs(60);
const ACTS: usize = 150;

fn settings() -> Settings {
    let mut settings = Settings::default();
    for name in ["port", "security_group", "security_group_rule"] {
        settings.quotas.0.insert(name.into(), -1);
    }
    settings.rules.dhcp_agents_per_network = 0;
    settings
}

/// A server, and hosts that are silent after they were heard of.
struct Watched {
    lone: Lone,
    networks: BTreeMap<&'static str, String>,
    seen: Revision,
    epoch: String,
}

const HOSTS: [&str; 3] = ["a", "b", "c"];

impl Watched {
    async fn start(engine: Engine) -> Watched {
        let lone = Lone::start_on(engine, settings(), Bus::in_process()).await.expect("starts");
        let mut networks = BTreeMap::new();
        for (n, host) in HOSTS.into_iter().enumerate() {
            drop(SimulatedHost::start(lone.bus.clone(), host, [192, 0, 2, 1 + n as u8].into()).await);
            // Each host has a network of its own: what it hears of others it hears of groups.
            let network = id_of(&lone.client.create("network", json!({})).await.expect("a network"));
            let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24" });
            lone.client.create("subnet", subnet).await.expect("a subnet");
            networks.insert(host, network);
        }
        let mut watched = Watched { lone, networks, seen: 0, epoch: String::new() };
        watched.heard().await;
        watched
    }

    async fn ask(&self, ask: SyncAsk) -> SyncAnswer {
        let answer = wait::until(LIMIT, || async {
            self.lone.bus.ask::<_, SyncAnswer>(Word::Sync, &ask.host, &ask).await.ok()
        });
        answer.await.expect("an answer")
    }

    /// What hosts are told since this was asked last: `HOST KIND`, with `-` before a part that is gone.
    async fn heard(&mut self) -> Vec<String> {
        let mut out = BTreeSet::new();
        for host in HOSTS {
            let since = (!self.epoch.is_empty()).then_some(self.seen);
            let ask = SyncAsk { since, epoch: self.epoch.clone(), ..SyncAsk::all(host) };
            let answer = self.ask(ask).await;
            // What networks and their neighbours hear of is not of groups.
            let of_groups = |kind| !matches!(kind, Kind::Network | Kind::Remote);
            for change in answer.parts.into_iter().filter(|change| of_groups(change.key.kind)) {
                let gone = if change.part.is_some() { "" } else { "-" };
                out.insert(format!("{host} {gone}{}", change.key.kind.as_str()));
            }
            if host == HOSTS[2] {
                (self.seen, self.epoch) = (answer.revision, answer.epoch);
            }
        }
        out.into_iter().collect()
    }

    async fn port(&self, host: &str, groups: &[&str]) -> String {
        let fields = json!({
            "network_id": self.networks[host], "binding:host_id": host, "security_groups": groups,
        });
        id_of(&self.lone.client.create("port", fields).await.expect("a port"))
    }

    async fn update(&self, port: &str, fields: Value) {
        self.lone.client.update("port", port, fields).await.expect("an update");
    }
}

async fn a_change_wakes_whom_it_concerns(engine: Engine) {
    let mut w = Watched::start(engine).await;
    let client = w.lone.client.clone();
    let web = client.group("web").await.expect("a group");
    let db = client.group("db").await.expect("a group");
    assert!(w.heard().await.is_empty(), "a group that no port has concerns nobody");
    // `db` lets `web` in; `b` has a port of it.
    let rule =
        client.rule(&db, json!({ "direction": "ingress", "remote_group_id": web })).await.expect("a rule");
    assert!(w.heard().await.is_empty(), "nor do its rules");
    let of_db = w.port("b", &[&db]).await;
    assert_eq!(w.heard().await, ["b group", "b port"]);
    let of_web = w.port("a", &[&web]).await;
    assert_eq!(w.heard().await, ["a group", "a port", "b member"], "b is about the members of web");
    w.port("c", &[]).await;
    assert_eq!(w.heard().await, ["c port"], "without groups");
    let second = w.port("c", &[&web]).await;
    assert_eq!(w.heard().await, ["b member", "c group", "c port"]);
    let third = w.port("c", &[&web]).await;
    assert_eq!(w.heard().await, ["b member", "c port"], "c has the group");
    w.update(&of_web, json!({ "name": "other" })).await;
    assert!(w.heard().await.is_empty(), "a name is nobody's");
    let pair = json!({ "allowed_address_pairs": [{ "ip_address": "10.9.0.0/24" }] });
    w.update(&of_web, pair).await;
    assert_eq!(w.heard().await, ["a port", "b member"]);
    w.update(&of_db, json!({ "allowed_address_pairs": [{ "ip_address": "10.9.0.0/24" }] })).await;
    assert_eq!(w.heard().await, ["b port"], "nobody is about the members of db");
    client.rule(&web, json!({ "direction": "ingress", "protocol": "tcp" })).await.expect("a rule");
    assert_eq!(w.heard().await, ["a group", "c group"]);
    let back = json!({ "direction": "ingress", "remote_group_id": db });
    client.rule(&web, back).await.expect("a rule");
    assert_eq!(w.heard().await, ["a group", "a member", "c group", "c member"]);
    client.send("DELETE", &format!("/v2.0/security-group-rules/{rule}"), None, &[]).await.expect("an answer");
    assert_eq!(w.heard().await, ["b -member", "b group"], "b is about web no longer");
    client.delete("port", &second).await.expect("a delete");
    assert_eq!(w.heard().await, ["c -member", "c -port"]);
    client.delete("port", &third).await.expect("a delete");
    assert_eq!(w.heard().await, ["c -group", "c -member", "c -port"], "the last of the group there");
    w.update(&of_web, json!({ "binding:host_id": "b", "allowed_address_pairs": [] })).await;
    let moved = w.heard().await;
    assert!(moved.contains(&"a -group".into()) && moved.contains(&"b group".into()), "{moved:?}");
    assert!(moved.contains(&"a -member".into()) && moved.contains(&"b member".into()), "{moved:?}");
    let fields = json!({ "addresses": ["192.0.2.0/24"] });
    let nets =
        id_of(&client.post("address-groups", "address_group", fields).await.expect("an address group"));
    client
        .rule(&db, json!({ "direction": "ingress", "remote_address_group_id": nets }))
        .await
        .expect("a rule");
    assert_eq!(w.heard().await, ["b addresses", "b group"]);
    let more = json!({ "addresses": ["198.51.100.0/24"] });
    client.act(&format!("address-groups/{nets}/add_addresses"), more).await.expect("more");
    assert_eq!(w.heard().await, ["b addresses"]);
    w.update(
        &of_db,
        json!({ "port_security_enabled": false, "security_groups": [], "allowed_address_pairs": [] }),
    )
    .await;
    let opened = w.heard().await;
    assert!(opened.contains(&"b -group".into()) && opened.contains(&"b -addresses".into()), "{opened:?}");
}

struct Walk {
    networks: Vec<String>,
    groups: Vec<String>,
    addresses: Vec<String>,
    rules: Vec<String>,
    ports: Vec<String>,
}

async fn step(lone: &Lone, walk: &mut Walk, draw: &mut Draw, turn: usize) {
    let client = &lone.client;
    let one = |list: &[String], draw: &mut Draw| match list.len() {
        0 => String::new(),
        n => list[draw.below(n)].clone(),
    };
    let host = if draw.below(4) == 0 { String::new() } else { format!("sim-{}", draw.below(4)) };
    let (group, other) = (one(&walk.groups, draw), one(&walk.groups, draw));
    let (port, nets) = (one(&walk.ports, draw), one(&walk.addresses, draw));
    match draw.below(16) {
        0 => walk.groups.extend(client.group("g").await.ok()),
        1 => {
            let fields = json!({ "addresses": [format!("10.{turn}.0.0/16")] });
            let made = client.post("address-groups", "address_group", fields).await;
            walk.addresses.extend(made.ok().as_ref().map(id_of));
        }
        2 | 3 => {
            let rule = json!({ "direction": "ingress", "remote_group_id": other });
            walk.rules.extend(client.rule(&group, rule).await.ok());
        }
        4 => {
            let rule = json!({ "direction": "egress", "remote_address_group_id": nets });
            walk.rules.extend(client.rule(&group, rule).await.ok());
        }
        5 if !walk.rules.is_empty() => {
            let rule = walk.rules.swap_remove(draw.below(walk.rules.len()));
            let _ = client.send("DELETE", &format!("/v2.0/security-group-rules/{rule}"), None, &[]).await;
        }
        6..=9 => {
            let mut fields = json!({ "network_id": one(&walk.networks, draw), "binding:host_id": host });
            match draw.below(4) {
                0 => {}
                1 => fields["security_groups"] = json!([]),
                _ => fields["security_groups"] = json!(BTreeSet::from([group, other])),
            }
            walk.ports.extend(client.create("port", fields).await.ok().as_ref().map(id_of));
        }
        10 => drop(client.update("port", &port, json!({ "binding:host_id": host })).await),
        11 => drop(client.update("port", &port, json!({ "security_groups": [group] })).await),
        12 => {
            let open = json!({ "port_security_enabled": draw.below(2) == 0, "security_groups": [] });
            let _ = client.update("port", &port, open).await;
        }
        13 => {
            let action = if draw.below(2) == 0 { "add" } else { "remove" };
            let body = json!({ "addresses": [format!("10.{}.0.0/16", draw.below(turn + 1))] });
            let _ = client.act(&format!("address-groups/{nets}/{action}_addresses"), body).await;
        }
        14 => drop(client.delete("port", &port).await),
        _ => {
            let _ = client.send("DELETE", &format!("/v2.0/security-groups/{group}"), None, &[]).await;
        }
    }
}

/// Every member and address group that a host's rules are about is there, and no other.
fn check_closed(host: &SimulatedHost) {
    let parts = host.parts();
    let groups =
        parts.values().filter_map(|part| if let Part::Group(group) = part { Some(group) } else { None });
    let remotes: BTreeSet<RemoteSide> =
        groups.flat_map(|group| group.rules.iter().map(|rule| rule.remote)).collect();
    for (key, part) in &parts {
        match part {
            Part::Member(member) => {
                let about = member.groups.iter().any(|id| remotes.contains(&RemoteSide::Group(*id)));
                assert!(about, "{} has {key}, and no rule about it", host.name);
            }
            Part::Addresses(nets) => assert!(remotes.contains(&RemoteSide::Addresses(nets.id)), "{key}"),
            Part::Port(port) => {
                for group in port.groups.iter().flatten() {
                    let has = parts.keys().any(|key| key.kind == Kind::Group && key.id == group.0);
                    assert!(has, "{} lacks {group} of {key}", host.name);
                }
            }
            _ => {}
        }
    }
}

async fn whatever_changes_hosts_have_what_a_look_from_scratch_makes(engine: Engine) {
    let seeds = match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => vec![11, 20_261_123],
    };
    for seed in seeds {
        println!("seed {seed}");
        let lone = Lone::start_on(engine, settings(), Bus::in_process()).await.expect("starts");
        let mut hosts = Vec::new();
        for n in 0..4 {
            hosts.push(
                SimulatedHost::start(lone.bus.clone(), &format!("sim-{n}"), [192, 0, 2, 1 + n].into()).await,
            );
        }
        let mut walk =
            Walk { networks: vec![], groups: vec![], addresses: vec![], rules: vec![], ports: vec![] };
        for n in 0..3 {
            let network = id_of(&lone.client.create("network", json!({})).await.expect("a network"));
            let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": format!("10.{n}.0.0/16") });
            lone.client.create("subnet", subnet).await.expect("a subnet");
            walk.networks.push(network);
        }
        for name in ["one", "two", "three"] {
            walk.groups.push(lone.client.group(name).await.expect("a group"));
        }
        let mut draw = Draw(seed);
        for turn in 0..ACTS {
            step(&lone, &mut walk, &mut draw, turn).await;
        }
        for host in &hosts {
            let same = wait::until_every(LOOK, LIMIT, || async {
                (host.parts() == truth(&lone.bus, &host.name).await).then_some(())
            });
            if same.await.is_none() {
                let truth = truth(&lone.bus, &host.name).await;
                panic!("{} has {:#?}\nand should have {truth:#?}", host.name, host.parts());
            }
            check_closed(host);
        }
        let count = |kind| hosts.iter().map(|host| host.count(kind)).sum::<usize>();
        let (groups, members, nets) = (count(Kind::Group), count(Kind::Member), count(Kind::Addresses));
        println!("{groups} groups, {members} members, {nets} address groups on hosts");
        assert!(groups > 0 && members > 0, "the walk put no group on any host");
    }
}
