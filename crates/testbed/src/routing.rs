//! Routers of a cloud: made by the API, looked at where they are.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::client::id_of;
use crate::cloud::Cloud;
use crate::outside::Outside;
use crate::place::{living_in, run_in};
use crate::wait;

/// A router to be made.
#[derive(Debug, Clone, Copy, Default)]
pub struct RouterPlan {
    pub distributed: bool,
    pub ha: bool,
    pub enable_snat: bool,
}

impl Cloud {
    /// A router with a gateway and interfaces on the first subnets of networks; its id.
    pub async fn router(
        &self,
        name: &str,
        plan: RouterPlan,
        outside: &Outside,
        networks: &[&str],
    ) -> anyhow::Result<String> {
        let gateway = json!({ "network_id": outside.network, "enable_snat": plan.enable_snat });
        let fields = json!({
            "name": name, "distributed": plan.distributed, "ha": plan.ha, "external_gateway_info": gateway,
        });
        let router = id_of(&self.client.create("router", fields).await?);
        for network in networks {
            self.attach(&router, network).await?;
        }
        Ok(router)
    }

    /// Attaches every subnet of a network to a router.
    pub async fn attach(&self, router: &str, network: &str) -> anyhow::Result<()> {
        let subnets = self.client.get(&format!("subnets?network_id={network}")).await?;
        for subnet in subnets.as_array().into_iter().flatten() {
            let body = json!({ "subnet_id": subnet["id"] });
            self.client.act(&format!("routers/{router}/add_router_interface"), body).await?;
        }
        Ok(())
    }

    pub async fn set_snat(&self, router: &str, outside: &Outside, on: bool) -> anyhow::Result<()> {
        let gateway = json!({ "network_id": outside.network, "enable_snat": on });
        self.client.update("router", router, json!({ "external_gateway_info": gateway })).await.map(drop)
    }

    /// A floating IP, of a port if one is given.
    pub async fn floating_ip(&self, outside: &Outside, port: Option<&Value>) -> anyhow::Result<Value> {
        let mut fields = json!({ "floating_network_id": outside.network });
        if let Some(port) = port {
            fields["port_id"] = port["id"].clone();
        }
        self.client.create("floatingip", fields).await
    }

    /// Waits until a floating IP has a status.
    pub async fn floating_ip_is(&self, id: &str, status: &str, limit: Duration) -> anyhow::Result<()> {
        let path = format!("floatingips/{id}");
        let found = wait::until(limit, || async {
            let shown = self.client.get(&path).await.ok()?;
            (shown["status"] == status).then_some(())
        });
        match found.await {
            Some(()) => Ok(()),
            None => {
                bail!("the floating IP is not {status} after {limit:?}: {}", self.client.get(&path).await?)
            }
        }
    }

    /// Namespaces of routers on a host, in order.
    pub fn router_namespaces(&self, host: usize) -> anyhow::Result<Vec<String>> {
        let folder = self.place.folder().join(format!("{}.netns", self.hosts[host].name));
        let names = kernel::netns::list(&folder)?;
        let ours = |name: &String| ["qrouter-", "snat-", "fip-"].iter().any(|word| name.starts_with(word));
        Ok(names.into_iter().filter(ours).collect())
    }

    /// Waits until a host has so many namespaces of routers; how long that was.
    pub async fn has_router_namespaces(
        &self,
        host: usize,
        count: usize,
        limit: Duration,
    ) -> anyhow::Result<Duration> {
        let begun = std::time::Instant::now();
        let found = wait::until(limit, || async {
            let names = self.router_namespaces(host).ok()?;
            (names.len() == count).then_some(())
        });
        let names = || self.router_namespaces(host).unwrap_or_default();
        found.await.with_context(|| format!("not {count} namespaces after {limit:?}: {:?}", names()))?;
        Ok(begun.elapsed())
    }

    /// Processes that live in the namespaces that a host's agent made.
    pub fn processes(&self, host: usize) -> usize {
        let folder = self.place.folder().join(format!("{}.netns", self.hosts[host].name));
        living_in(&folder).len()
    }

    /// Runs a command in a namespace that a host's agent made.
    pub async fn run_inside(&self, host: usize, netns: &str, words: &[&str]) -> anyhow::Result<String> {
        let folder = self.place.folder().join(format!("{}.netns", self.hosts[host].name));
        run_in(&folder.join(netns), words).await
    }
}
