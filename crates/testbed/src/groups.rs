//! Security groups, as an operator of a test's cloud sets them.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::client::{Client, id_of};

impl Client {
    /// Lets everything in to ports that name no group, which otherwise only each other reach.
    pub async fn open_default_group(&self) -> anyhow::Result<()> {
        let groups = self.get("security-groups?name=default").await?;
        let group = groups.as_array().and_then(|groups| groups.first()).context("no default group")?;
        for ethertype in ["IPv4", "IPv6"] {
            self.rule(&id_of(group), json!({ "direction": "ingress", "ethertype": ethertype })).await?;
        }
        Ok(())
    }

    /// A security group without rules but those that groups begin with.
    pub async fn group(&self, name: &str) -> anyhow::Result<String> {
        Ok(id_of(&self.post("security-groups", "security_group", json!({ "name": name })).await?))
    }

    /// A rule of a group.
    pub async fn rule(&self, group: &str, mut rule: Value) -> anyhow::Result<String> {
        rule["security_group_id"] = json!(group);
        Ok(id_of(&self.post("security-group-rules", "security_group_rule", rule).await?))
    }

    /// Creates one of a collection whose URL is spelled otherwise than its resources.
    pub async fn post(&self, path: &str, singular: &str, fields: Value) -> anyhow::Result<Value> {
        let body = json!({ singular: fields }).to_string();
        let (status, answer) = self.send("POST", &format!("/v2.0/{path}"), Some(body), &[]).await?;
        if status != 201 {
            bail!("POST {path} answered {status}: {}", answer["NeutronError"]["message"]);
        }
        Ok(answer[singular].clone())
    }
}
