//! Logs on both engines: hosts of the ports that one is of are told, of those of a group, of a project, and of one.

use std::collections::BTreeSet;
use std::time::Duration;

use bus::Bus;
use model::desired::{Key, Kind, Part};
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::simulated::SimulatedHost;
use testbed::{Client, Engine, Lone, wait};

const HOST: &str = "host-1";
const LIMIT: Duration = Duration::from_secs(20);
const MOST: usize = 64;

testbed::on_both_engines!(hosts_are_told_what_is_logged, a_project_has_so_many);

async fn ask(client: &Client, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let body = body.map(|body| body.to_string());
    client.send(method, &format!("/v2.0/{path}"), body, &[]).await.expect("answers")
}

async fn log(client: &Client, mut fields: Value) -> String {
    fields["resource_type"] = "security_group".into();
    let (status, made) = ask(client, "POST", "log/logs", Some(json!({ "log": fields }))).await;
    assert_eq!(status, 201, "{made}");
    id_of(&made["log"])
}

/// Waits until the host is told of these logs of a port: each, and whether it is of what is let through and of
/// what is held back.
async fn told(host: &SimulatedHost, port: &str, wanted: &[(&str, bool, bool)]) {
    let key = Key::new(Kind::Port, port.parse().expect("an id"));
    let wanted: BTreeSet<_> =
        wanted.iter().map(|(id, accept, drop)| ((*id).to_owned(), *accept, *drop)).collect();
    let said = || match host.part(key) {
        Some(Part::Port(port)) => Some(
            port.logs.iter().map(|log| (log.id.to_string(), log.accept, log.drop)).collect::<BTreeSet<_>>(),
        ),
        _ => None,
    };
    let done = wait::until(LIMIT, || async { (said().as_ref() == Some(&wanted)).then_some(()) }).await;
    assert!(done.is_some(), "{wanted:?}: {:?}", said());
}

async fn hosts_are_told_what_is_logged(engine: Engine) {
    let bus = Bus::in_process();
    let lone = Lone::start_on(engine, Settings::default(), bus.clone()).await.expect("starts");
    let host = SimulatedHost::start(bus, HOST, [192, 0, 2, 1].into()).await;
    let client = &lone.client;
    let network = id_of(&client.create("network", json!({})).await.expect("a network"));
    let (red, blue) =
        (client.group("red").await.expect("a group"), client.group("blue").await.expect("a group"));
    let port = async |group: &str| {
        let port = json!({ "network_id": network, "binding:host_id": HOST, "security_groups": [group] });
        id_of(&client.create("port", port).await.expect("a port"))
    };
    let (one, two) = (port(&red).await, port(&blue).await);
    told(&host, &one, &[]).await;

    let of_red = log(client, json!({ "resource_id": red, "event": "DROP" })).await;
    told(&host, &one, &[(&of_red, false, true)]).await;
    told(&host, &two, &[]).await;
    // Others may have the group, and are not listened to.
    let theirs = json!({
        "network_id": network, "binding:host_id": HOST, "security_groups": [red], "project_id": "others",
    });
    told(&host, &id_of(&client.create("port", theirs).await.expect("a port")), &[]).await;
    let of_two = log(client, json!({ "target_id": two, "event": "ACCEPT" })).await;
    told(&host, &two, &[(&of_two, true, false)]).await;
    let of_all = log(client, json!({})).await;
    told(&host, &one, &[(&of_red, false, true), (&of_all, true, true)]).await;
    told(&host, &two, &[(&of_two, true, false), (&of_all, true, true)]).await;

    let off = Some(json!({ "log": { "enabled": false } }));
    assert_eq!(ask(client, "PUT", &format!("log/logs/{of_all}"), off).await.0, 200);
    told(&host, &one, &[(&of_red, false, true)]).await;
    // It goes with what it is of: a group that a port comes to, and one that it leaves.
    client.update("port", &two, json!({ "security_groups": [red] })).await.expect("changes");
    told(&host, &two, &[(&of_two, true, false), (&of_red, false, true)]).await;
    client.update("port", &two, json!({ "security_groups": [blue] })).await.expect("changes");
    told(&host, &two, &[(&of_two, true, false)]).await;
    for of in [&of_red, &of_two] {
        assert_eq!(ask(client, "DELETE", &format!("log/logs/{of}"), None).await.0, 204);
    }
    told(&host, &one, &[]).await;
    told(&host, &two, &[]).await;
    lone.stop().await;
}

async fn a_project_has_so_many(engine: Engine) {
    let lone = Lone::start_on(engine, Settings::default(), Bus::in_process()).await.expect("starts");
    for _ in 0..MOST {
        log(&lone.client, json!({ "enabled": false })).await;
    }
    let body = json!({ "log": { "resource_type": "security_group" } });
    let (status, refused) = ask(&lone.client, "POST", "log/logs", Some(body)).await;
    assert_eq!((status, &refused["NeutronError"]["type"]), (409, &json!("OverQuota")), "{refused}");
    lone.stop().await;
}
