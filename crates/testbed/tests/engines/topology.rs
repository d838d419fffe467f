//! Networks that projects get by asking: one each, whoever asks at the same time, and all or nothing.

use bus::Bus;
use serde_json::{Value, json};
use server::{AuthSettings, Settings};
use testbed::{Engine, Lone};

testbed::on_both_engines!(a_project_gets_one_network);

const PATH: &str = "/v2.0/auto-allocated-topology";

async fn ask(lone: &Lone, project: &str, method: &str, path: &str) -> (u16, Value) {
    let headers = [("x-project-id", project), ("x-user-id", "u"), ("x-roles", "member,reader")];
    lone.client.send(method, path, None, &headers).await.expect("an answer")
}

async fn count(lone: &Lone, project: &str, path: &str) -> usize {
    let (_, answer) = ask(lone, project, "GET", &format!("/v2.0/{path}&project_id={project}")).await;
    let items = answer.as_object().and_then(|all| all.values().next()?.as_array());
    items.expect("a list").len()
}

async fn a_project_gets_one_network(engine: Engine) {
    let settings = Settings { auth: AuthSettings::Trusting, ..Settings::default() };
    let lone = Lone::start_on(engine, settings, Bus::in_process()).await.expect("starts");
    let admin = async |method: &str, path: &str, body: Value| {
        let headers = [("x-project-id", "admin"), ("x-user-id", "a"), ("x-roles", "admin")];
        let (status, answer) = lone
            .client
            .send(method, path, (!body.is_null()).then(|| body.to_string()), &headers)
            .await
            .expect("an answer");
        assert!(status < 300, "{answer}");
        answer
    };
    let own = format!("{PATH}/None");
    let dry = format!("{own}?fields=dry-run");
    let kind = |answer: &Value| answer["NeutronError"]["type"].as_str().unwrap_or_default().to_owned();
    for path in [&own, &dry] {
        let (status, answer) = ask(&lone, "p", "GET", path).await;
        assert_eq!((status, kind(&answer).as_str()), (409, "AutoAllocationFailure"));
    }
    let external = json!({ "network": { "name": "public", "router:external": true, "is_default": true } });
    let external = admin("POST", "/v2.0/networks", external).await["network"]["id"].clone();
    let outer = json!({ "subnet": { "network_id": external, "ip_version": 4, "cidr": "203.0.113.0/24" } });
    admin("POST", "/v2.0/subnets", outer).await;
    let (status, _) = ask(&lone, "p", "GET", &own).await;
    assert_eq!(status, 409, "without a pool");
    for (prefix, length) in [("10.0.0.0/16", 24), ("2001:db8::/48", 64)] {
        let pool = json!({ "name": "p", "prefixes": [prefix], "default_prefixlen": length, "is_default": true,
            "shared": true });
        admin("POST", "/v2.0/subnetpools", json!({ "subnetpool": pool })).await;
    }
    let (status, answer) = ask(&lone, "p", "GET", &dry).await;
    assert_eq!((status, &answer["auto_allocated_topology"]["id"]), (200, &json!("dry-run=pass")));
    assert_eq!(count(&lone, "p", "networks?name=auto_allocated_network").await, 0, "nothing was made");
    assert_eq!(ask(&lone, "p", "GET", &format!("{own}?fields=id")).await.0, 400);
    let (status, answer) = ask(&lone, "q", "GET", &format!("{PATH}/p")).await;
    assert_eq!((status, kind(&answer).as_str()), (403, "NotAuthorized"));

    // Many at once get the same one.
    let asked = (0..4).map(|_| ask(&lone, "p", "GET", &own));
    let answers = futures_util::future::join_all(asked).await;
    let id = answers[0].1["auto_allocated_topology"]["id"].clone();
    for (status, answer) in &answers {
        assert_eq!((*status, &answer["auto_allocated_topology"]["id"]), (200, &id), "{answer}");
    }
    let parts = [
        "networks?name=auto_allocated_network",
        "routers?name=auto_allocated_router",
        "subnets?name=auto_allocated_subnet_v4",
        "subnets?name=auto_allocated_subnet_v6",
    ];
    for path in parts {
        assert_eq!(count(&lone, "p", path).await, 1, "{path}");
    }
    assert_eq!(count(&lone, "p", "ports?device_owner=network:router_interface").await, 2);
    assert_eq!(ask(&lone, "p", "GET", &format!("{PATH}/p")).await.1["auto_allocated_topology"]["id"], id);

    // What an instance uses stays, and all of it.
    let port = json!({ "port": { "network_id": id, "device_id": "vm", "device_owner": "compute:x" } });
    let port = admin("POST", "/v2.0/ports", port).await["port"]["id"].clone();
    assert_eq!(ask(&lone, "p", "DELETE", &own).await.0, 409);
    assert_eq!(count(&lone, "p", "ports?device_owner=network:router_interface").await, 2);
    let port = format!("/v2.0/ports/{}", port.as_str().expect("an id"));
    admin("DELETE", &port, Value::Null).await;
    for _ in 0..2 {
        assert_eq!(ask(&lone, "p", "DELETE", &own).await.0, 204);
        for path in parts {
            assert_eq!(count(&lone, "p", path).await, 0, "{path}");
        }
    }
    lone.stop().await;
}
