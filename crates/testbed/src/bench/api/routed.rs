//! Routers with an interface, and floating IPs, each of which makes a port inside.

use std::time::Duration;

use serde_json::json;

use super::{Amount, Results, Work, measure, one};
use crate::load::{self, Job, Load, Target};

/// What was made, and goes again in this order.
#[derive(Default)]
pub struct Made {
    floatingips: Vec<String>,
    /// Routers and the subnet each leads to.
    interfaces: Vec<(String, String)>,
    routers: Vec<String>,
    external: Option<String>,
}

impl Made {
    /// A router for every second subnet, and as many floating IPs; asks as an administrator, who alone may
    /// make the external network.
    pub async fn make(
        &mut self,
        (target, whose): (&Target, &str),
        subnets: &[String],
        clients: usize,
        amount: &Amount,
        results: &mut Results,
    ) -> anyhow::Result<()> {
        let external = match &self.external {
            Some(external) => external.clone(),
            None => self.external.insert(external(target).await?).clone(),
        };
        let count = subnets.len().div_ceil(2);
        let router = |at| json!({ "router": { "name": format!("bench-{clients}-{at}") } });
        let jobs = (0..count).map(|at| Job::post("/v2.0/routers", &router(at))).collect();
        let sink = (&mut *results, whose);
        let routers = measure(target, (Work::CreateRouter, clients), amount, jobs, sink).await?;
        let interfaces: Vec<_> = routers.iter().cloned().zip(subnets.iter().cloned()).collect();
        let jobs = interfaces.iter().map(|of| act("add", of)).collect();
        let sink = (&mut *results, whose);
        measure(target, (Work::AddInterface, clients), amount, jobs, sink).await?;
        let body = json!({ "floatingip": { "floating_network_id": external } });
        let jobs = vec![Job::post("/v2.0/floatingips", &body); count];
        let floatingips =
            measure(target, (Work::CreateFloatingIp, clients), amount, jobs, (results, whose)).await?;
        self.routers.extend(routers);
        self.interfaces.extend(interfaces);
        self.floatingips.extend(floatingips);
        Ok(())
    }

    /// Deletes it; a server that was slow has not made all of it.
    pub async fn clean(&self, target: &Target) -> anyhow::Result<()> {
        let gone = |plural: &str, ids: &[String]| -> Vec<Job> {
            ids.iter().map(|id| Job::delete(format!("/v2.0/{plural}/{id}"))).collect()
        };
        let jobs = gone("floatingips", &self.floatingips)
            .into_iter()
            .chain(self.interfaces.iter().map(|of| act("remove", of)))
            .chain(gone("routers", &self.routers))
            .chain(gone("networks", self.external.as_slice()));
        for job in jobs {
            target.send(&job).await?;
        }
        Ok(())
    }
}

fn act(what: &str, (router, subnet): &(String, String)) -> Job {
    let body = json!({ "subnet_id": subnet });
    Job::put(format!("/v2.0/routers/{router}/{what}_router_interface"), &body)
}

async fn external(target: &Target) -> anyhow::Result<String> {
    let fields = json!({ "name": "bench-external", "router:external": true });
    let external = one(target, Job::post("/v2.0/networks", &json!({ "network": fields }))).await?;
    let fields = json!({ "network_id": external, "ip_version": 4, "cidr": "10.66.0.0/16" });
    let load = Load { clients: 1, limit: Duration::MAX, keep: false };
    load::run(target, vec![Job::post("/v2.0/subnets", &json!({ "subnet": fields }))], load).await?;
    Ok(external)
}
