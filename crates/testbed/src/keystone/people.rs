//! Who is in every Keystone of a test.
//!
//! | user           | project   | role      |                                                   |
//! |----------------|-----------|-----------|---------------------------------------------------|
//! | `admin`        | `admin`   | `admin`   | also on the domain `Default` and on the system    |
//! | `blue-member`  | `blue`    | `member`  |                                                   |
//! | `blue-reader`  | `blue`    | `reader`  |                                                   |
//! | `green-member` | `green`   | `member`  |                                                   |
//! | `neutrino`     | `service` | `service` | the user that our server logs in as               |
//! | `nova`         | `service` | `service` | another service                                   |

use anyhow::Context;
use serde_json::{Value, json};

use super::{Keystone, PASSWORD, REGION, Scope};

const PEOPLE: [(&str, &str, &str); 5] = [
    ("blue-member", "blue", "member"),
    ("blue-reader", "blue", "reader"),
    ("green-member", "green", "member"),
    ("neutrino", "service", "service"),
    ("nova", "service", "service"),
];
/// Stands in the catalog until [`Keystone::serve_network`] says where the network service is.
const NETWORK_URL: &str = "http://network.invalid";

/// Adds them to a Keystone that has only its administrator.
pub async fn add(keystone: &Keystone) -> anyhow::Result<()> {
    let token = keystone.token("admin", Scope::Project("admin")).await?;
    let api = Api { keystone, token: &token };
    for project in ["blue", "green", "service"] {
        api.create("project", json!({ "name": project, "domain_id": "default" })).await?;
    }
    for (user, project, role) in PEOPLE {
        let made = json!({ "name": user, "domain_id": "default", "password": PASSWORD });
        let user = api.create("user", made).await?;
        let (project, role) = (api.find("project", project).await?, api.find("role", role).await?);
        api.put(&format!("projects/{project}/users/{user}/roles/{role}")).await?;
    }
    let (admin, role) = (api.find("user", "admin").await?, api.find("role", "admin").await?);
    api.put(&format!("domains/default/users/{admin}/roles/{role}")).await?;
    let service = api.create("service", json!({ "type": "network", "name": "neutrino" })).await?;
    for interface in ["public", "internal"] {
        let endpoint = json!({
            "service_id": service, "region_id": REGION, "interface": interface, "url": NETWORK_URL,
        });
        api.create("endpoint", endpoint).await?;
    }
    Ok(())
}

/// Changes where the catalog says that the network service is.
pub async fn serve_network(keystone: &Keystone, url: &str) -> anyhow::Result<()> {
    let token = keystone.token("admin", Scope::Project("admin")).await?;
    let api = Api { keystone, token: &token };
    let service = api.find("service", "neutrino").await?;
    let list = api.send("GET", &format!("endpoints?service_id={service}"), None).await?;
    for endpoint in list["endpoints"].as_array().context("endpoints")? {
        let path = format!("endpoints/{}", endpoint["id"].as_str().context("an id")?);
        api.send("PATCH", &path, Some(json!({ "endpoint": { "url": url } }))).await?;
    }
    Ok(())
}

struct Api<'a> {
    keystone: &'a Keystone,
    token: &'a str,
}

impl Api<'_> {
    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        self.keystone.send(method, &format!("/v3/{path}"), body, &[("x-auth-token", self.token)]).await
    }

    async fn put(&self, path: &str) -> anyhow::Result<()> {
        self.send("PUT", path, None).await.map(drop)
    }

    async fn create(&self, kind: &str, fields: Value) -> anyhow::Result<String> {
        let made = self.send("POST", &format!("{kind}s"), Some(json!({ kind: fields }))).await?;
        Ok(made[kind]["id"].as_str().context("an id")?.to_owned())
    }

    async fn find(&self, kind: &str, name: &str) -> anyhow::Result<String> {
        let found = self.send("GET", &format!("{kind}s?name={name}"), None).await?;
        let id = found[format!("{kind}s")][0]["id"].as_str();
        Ok(id.with_context(|| format!("no {kind} {name}"))?.to_owned())
    }
}
