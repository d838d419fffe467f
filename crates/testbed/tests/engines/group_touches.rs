//! What the change log notes of security groups: hosts are told of whom a rule is about when they did not
//! know of them, and not again; and groups are counted as changed once by each request.

use bus::Bus;
use db::{Db, Engine};
use model::desired::Revision;
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::{Client, Lone};

testbed::on_both_engines!(
    hosts_are_told_once_of_whom_they_know,
    a_group_is_another_once_by_each_request,
    turned_on_later_port_security_holds_everything_back,
);

const MEMBERS: usize = 20;
const HOST: &str = "h";

/// A server and a host that is silent after it was heard of.
struct Noted {
    lone: Lone,
    db: Db,
    network: String,
    seen: Revision,
}

impl Noted {
    async fn start(engine: Engine) -> Noted {
        let mut settings = Settings::default();
        settings.rules.dhcp_agents_per_network = 0;
        let lone = Lone::start_on(engine, settings, Bus::in_process()).await.expect("starts");
        drop(SimulatedHost::start(lone.bus.clone(), HOST, [192, 0, 2, 1].into()).await);
        let network = id_of(&lone.client.create("network", json!({})).await.expect("a network"));
        let db = lone.open().await.expect("opens");
        Noted { lone, db, network, seen: 0 }
    }

    fn client(&self) -> &Client {
        &self.lone.client
    }

    /// How many rows of members and of address groups were written since this was asked last.
    async fn told(&mut self) -> (i64, i64) {
        let mut tx = self.db.read().await.expect("begins");
        let mut told = Vec::new();
        for kind in ["member", "addresses"] {
            let sql = "SELECT COUNT(*) FROM changes WHERE host = $1 AND kind = $2 AND revision > $3";
            let params = [HOST.into(), kind.into(), self.seen.into()];
            told.push(tx.number(sql, &params).await.expect("counts"));
        }
        self.seen = tx.revision().await.expect("a revision");
        (told[0], told[1])
    }

    async fn group(&self, name: &str) -> String {
        self.client().group(name).await.expect("a group")
    }

    async fn rule(&self, group: &str, about: &Value, port: usize) -> String {
        let mut rule = about.clone();
        rule["direction"] = "ingress".into();
        rule["protocol"] = "tcp".into();
        rule["port_range_min"] = port.into();
        rule["port_range_max"] = port.into();
        self.client().rule(group, rule).await.expect("a rule")
    }

    async fn port(&self, groups: &[&str]) -> String {
        let port = json!({ "network_id": self.network, "binding:host_id": HOST, "security_groups": groups });
        id_of(&self.client().create("port", port).await.expect("a port"))
    }

    async fn delete(&self, path: &str, id: &str) {
        let path = format!("/v2.0/{path}/{id}");
        let (status, answer) = self.client().send("DELETE", &path, None, &[]).await.expect("an answer");
        assert_eq!(status, 204, "{answer}");
    }

    async fn revision_of(&self, group: &str) -> i64 {
        let shown = self.client().get(&format!("security-groups/{group}")).await.expect("a group");
        shown["revision_number"].as_i64().expect("a number")
    }
}

async fn hosts_are_told_once_of_whom_they_know(engine: Engine) {
    let mut w = Noted::start(engine).await;
    let remote = w.group("remote").await;
    let ports: Vec<Value> = (0..MEMBERS)
        .map(|_| json!({ "network_id": w.network, "security_groups": [remote], "fixed_ips": [] }))
        .collect();
    let body = json!({ "ports": ports }).to_string();
    let (status, answer) = w.client().send("POST", "/v2.0/ports", Some(body), &[]).await.expect("an answer");
    assert_eq!(status, 201, "{answer}");
    let nets = json!({ "addresses": ["192.0.2.0/24"] });
    let nets = id_of(&w.client().post("address-groups", "address_group", nets).await.expect("addresses"));
    let (one, other, third) = (w.group("one").await, w.group("other").await, w.group("third").await);
    let of_ports = w.port(&[&one, &other]).await;
    w.told().await;
    for (about, all) in [
        (json!({ "remote_group_id": remote }), (MEMBERS as i64, 0)),
        (json!({ "remote_address_group_id": nets }), (0, 1)),
    ] {
        let first = w.rule(&one, &about, 1).await;
        assert_eq!(w.told().await, all, "the host hears of them: {about}");
        let second = w.rule(&one, &about, 2).await;
        let of_other = w.rule(&other, &about, 1).await;
        assert_eq!(w.told().await, (0, 0), "it knows them by the first rule: {about}");
        w.rule(&third, &about, 1).await;
        let more = w.port(&[&third]).await;
        assert_eq!(w.told().await, (0, 0), "and a port of another group brings nothing: {about}");
        w.delete("ports", &more).await;
        w.told().await;
        w.delete("security-group-rules", &first).await;
        w.delete("security-group-rules", &second).await;
        assert_eq!(w.told().await, (0, 0), "it knows them by the rule of the other group: {about}");
        w.delete("security-group-rules", &of_other).await;
        assert_eq!(w.told().await, all, "no rule there is about them any more: {about}");
        let two: Vec<Value> = [1, 2]
            .map(|port| {
                let mut rule = about.clone();
                rule["security_group_id"] = one.clone().into();
                rule["direction"] = "ingress".into();
                rule["protocol"] = "udp".into();
                rule["port_range_min"] = port.into();
                rule["port_range_max"] = port.into();
                rule
            })
            .to_vec();
        let body = json!({ "security_group_rules": two }).to_string();
        let path = "/v2.0/security-group-rules";
        let (status, answer) = w.client().send("POST", path, Some(body), &[]).await.expect("an answer");
        assert_eq!(status, 201, "{answer}");
        assert_eq!(w.told().await, all, "neither of two rules of a request is the other's reason: {about}");
    }
    w.delete("ports", &of_ports).await;
    assert_eq!(
        w.told().await,
        (MEMBERS as i64 + 1, 1),
        "the last port of both groups leaves, a member itself"
    );
    w.port(&[&one, &third]).await;
    assert_eq!(w.told().await, (MEMBERS as i64, 1), "and one of two groups about the same comes");
}

/// As the reference counts: a request is one change of a group, however many of its rules it makes, or
/// takes away with the group that they are about.
async fn a_group_is_another_once_by_each_request(engine: Engine) {
    let w = Noted::start(engine).await;
    let (group, remote) = (w.group("group").await, w.group("remote").await);
    let about = json!({ "remote_group_id": remote });
    assert_eq!(w.revision_of(&group).await, 1);
    w.rule(&group, &about, 1).await;
    w.rule(&group, &about, 2).await;
    assert_eq!(w.revision_of(&group).await, 3);
    let rules: Vec<Value> = (10..13)
        .map(|port| {
            json!({ "security_group_id": group, "direction": "egress", "protocol": "tcp",
                "port_range_min": port, "port_range_max": port })
        })
        .collect();
    let body = json!({ "security_group_rules": rules }).to_string();
    let path = "/v2.0/security-group-rules";
    let (status, answer) = w.client().send("POST", path, Some(body), &[]).await.expect("an answer");
    assert_eq!(status, 201, "{answer}");
    assert_eq!(w.revision_of(&group).await, 4, "three rules of one request");
    w.delete("security-groups", &remote).await;
    assert_eq!(w.revision_of(&group).await, 5, "two rules went with the group that they were about");
}

/// A port from before there were groups has no list of them. As in the reference, a port whose security
/// is turned on has none of the groups that it did not ask for: it is filtered, and nothing passes.
async fn turned_on_later_port_security_holds_everything_back(engine: Engine) {
    let w = Noted::start(engine).await;
    for listed in [true, false] {
        let port = json!({ "network_id": w.network, "port_security_enabled": false });
        let port = id_of(&w.client().create("port", port).await.expect("a port"));
        if !listed {
            let mut tx = w.db.begin().await.expect("begins");
            let sql = "UPDATE ports SET group_ids = NULL WHERE id = $1";
            tx.execute(sql, &[port.as_str().into()]).await.expect("an older port");
            tx.commit().await.expect("commits");
        }
        let on = json!({ "port_security_enabled": true });
        let shown = w.client().update("port", &port, on).await.expect("an update");
        assert_eq!(shown["security_groups"], json!([]), "the reference gives none");
        let sql = "SELECT group_ids FROM ports WHERE id = $1";
        let mut tx = w.db.read().await.expect("begins");
        let mut stored = Vec::new();
        let take = |row: &db::Row<'_>| stored.push(row.cell(0) == db::Cell::Text("[]"));
        tx.each(sql, &[port.as_str().into()], take).await.expect("reads");
        assert_eq!(stored, [true], "listed before: {listed}");
    }
}
