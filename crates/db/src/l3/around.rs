//! What routers have to do with a port, with a host's own way to an external network, and with each
//! other's hosts: what is looked up when a port changes, and when a router is settled.

use std::collections::BTreeSet;

use model::api::port::{PORT, Port};
use model::{AgentId, NetworkId, PortId, RouterId, SubnetId};

use super::counts::{self, BOUND, SERVED};
use crate::engine::{DbError, Param, Tx};

/// A port by which a router is in a network, with one of its addresses' subnets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AroundRow {
    pub router: RouterId,
    pub distributed: bool,
    pub port: PortId,
    pub is_interface: bool,
    pub subnet: Option<SubnetId>,
}

const OTHERS: &str = "SELECT 1 FROM ports p JOIN ip_allocations a ON a.port_id = p.id \
    WHERE p.network_id = $1 AND p.id <> $2";

impl Tx<'_> {
    /// The routers of a network, by their ports there.
    pub async fn routers_around(&mut self, network: NetworkId) -> Result<Vec<AroundRow>, DbError> {
        let sql = "SELECT rp.router_id, r.distributed, rp.port_id, rp.kind, a.subnet_id FROM router_ports rp \
                   JOIN routers r ON r.id = rp.router_id LEFT JOIN ip_allocations a ON a.port_id = rp.port_id \
                   WHERE rp.network_id = $1";
        let mut out = Vec::new();
        self.each(sql, &[network.to_string().into()], |row| {
            if let (Ok(router), Ok(port)) = (row.text(0).parse(), row.text(2).parse()) {
                let (distributed, is_interface) = (row.int(1) == 1, row.text(3) == "interface");
                out.push(AroundRow {
                    router,
                    distributed,
                    port,
                    is_interface,
                    subnet: row.text(4).parse().ok(),
                });
            }
        })
        .await?;
        Ok(out)
    }

    /// True when another port of the network that routers serve is bound to a host, with an address on
    /// one of some subnets.
    pub async fn others_on_host(
        &mut self,
        network: NetworkId,
        but: PortId,
        subnets: &BTreeSet<SubnetId>,
        host: &str,
    ) -> Result<bool, DbError> {
        self.any(network, but, subnets, &format!("p.host = $3 AND {BOUND}"), Some(host)).await
    }

    /// True when another port there is of a bare-metal server.
    pub async fn others_baremetal(
        &mut self,
        network: NetworkId,
        but: PortId,
        subnets: &BTreeSet<SubnetId>,
    ) -> Result<bool, DbError> {
        self.any(network, but, subnets, "p.vnic_type = 'baremetal'", None).await
    }

    /// True when another port there has a globally routed IPv6 address.
    pub async fn others_ipv6(
        &mut self,
        network: NetworkId,
        but: PortId,
        subnets: &BTreeSet<SubnetId>,
    ) -> Result<bool, DbError> {
        self.any(network, but, subnets, "LENGTH(a.ip_key) = 32 AND a.ip_key < 'fc'", None).await
    }

    async fn any(
        &mut self,
        network: NetworkId,
        but: PortId,
        subnets: &BTreeSet<SubnetId>,
        and: &str,
        host: Option<&str>,
    ) -> Result<bool, DbError> {
        let mut params: Vec<Param<'_>> = vec![network.to_string().into(), but.to_string().into()];
        params.extend(host.map(Param::from));
        let mut marks = Vec::new();
        for subnet in subnets {
            params.push(subnet.to_string().into());
            marks.push(format!("${}", params.len()));
        }
        if marks.is_empty() {
            return Ok(false);
        }
        let sql = format!(
            "SELECT EXISTS ({OTHERS} AND {SERVED} AND {and} AND a.subnet_id IN ({}))",
            marks.join(", ")
        );
        Ok(self.number(&sql, &params).await? > 0)
    }

    /// Routers that have floating IPs of a port.
    pub async fn routers_of_fixed_port(&mut self, port: PortId) -> Result<BTreeSet<RouterId>, DbError> {
        let sql = "SELECT router_id FROM floatingips WHERE port_id = $1 AND router_id IS NOT NULL";
        let found = self.texts(sql, &[port.to_string().into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// A host's own ports in an external network, by which it carries floating IPs.
    pub async fn ways_of_host(
        &mut self,
        network: NetworkId,
        host: &str,
        owner: &str,
    ) -> Result<Vec<Port>, DbError> {
        let condition = "host = $1 AND network_id = $2 AND device_owner = $3 ORDER BY created_us, id";
        self.find(&PORT, condition, &[host.into(), network.to_string().into(), owner.into()]).await
    }

    /// Hosts with ports of their own in an external network.
    pub async fn hosts_with_way(&mut self, network: NetworkId, owner: &str) -> Result<Vec<String>, DbError> {
        let sql = "SELECT DISTINCT host FROM ports WHERE network_id = $1 AND device_owner = $2 AND host <> '' ORDER BY host";
        self.texts(sql, &[network.to_string().into(), owner.into()]).await
    }

    /// True when a host carries a floating IP of an external network by itself.
    pub async fn way_is_used(&mut self, network: NetworkId, host: &str) -> Result<bool, DbError> {
        let sql = counts::way_is_used(self.engine());
        Ok(self.number(&sql, &[host.into(), network.to_string().into()]).await? > 0)
    }

    /// Networks and hosts with a way out of `owner` that carries nothing.
    pub async fn idle_ways(&mut self, owner: &str) -> Result<Vec<(NetworkId, String)>, DbError> {
        let sql = counts::idle_ways(self.engine());
        let mut out = Vec::new();
        self.each(&sql, &[owner.into()], |row| {
            out.extend(row.text(0).parse().ok().map(|network| (network, row.text(1).to_owned())));
        })
        .await?;
        Ok(out)
    }

    /// Gives a host the MAC address by which switches know its routers; a conflict when it is taken.
    pub async fn hold_dvr_mac(&mut self, host: &str, mac: &str) -> Result<(), DbError> {
        let sql = "INSERT INTO dvr_macs (host, mac_address) VALUES ($1, $2)";
        self.later(sql, vec![host.into(), mac.into()]).await
    }

    /// The network in which a project's HA routers hear of each other.
    pub async fn ha_network(&mut self, project: &str) -> Result<Option<NetworkId>, DbError> {
        let sql = "SELECT network_id FROM ha_networks WHERE project_id = $1";
        Ok(self.texts(sql, &[project.into()]).await?.pop().and_then(|id| id.parse().ok()))
    }

    pub async fn set_ha_network(&mut self, project: &str, network: NetworkId) -> Result<(), DbError> {
        let sql = "INSERT INTO ha_networks (project_id, network_id) VALUES ($1, $2)";
        self.later(sql, vec![project.into(), network.to_string().into()]).await
    }

    pub async fn forget_ha_network(&mut self, network: NetworkId) -> Result<(), DbError> {
        self.later("DELETE FROM ha_networks WHERE network_id = $1", vec![network.to_string().into()]).await
    }

    /// How many other HA routers a project has; nobody else of the project comes by one until the commit.
    pub async fn other_ha_routers(&mut self, project: &str, but: RouterId) -> Result<i64, DbError> {
        self.lock_quota("HA router", project).await?;
        let sql = "SELECT COUNT(*) FROM routers WHERE project_id = $1 AND ha = TRUE AND id <> $2";
        self.number(sql, &[project.into(), but.to_string().into()]).await
    }

    /// The numbers that routers have in such a network.
    pub async fn vr_ids(&mut self, network: NetworkId) -> Result<BTreeSet<u8>, DbError> {
        let sql = "SELECT vr_id FROM ha_vr_ids WHERE network_id = $1";
        let mut out = BTreeSet::new();
        self.each(sql, &[network.to_string().into()], |row| out.extend(u8::try_from(row.int(0)).ok()))
            .await?;
        Ok(out)
    }

    /// Gives a router its number; a conflict when another took it.
    pub async fn hold_vr_id(
        &mut self,
        network: NetworkId,
        router: RouterId,
        vr_id: u8,
    ) -> Result<(), DbError> {
        let (id, number) = (router.to_string(), i64::from(vr_id));
        let sql = "INSERT INTO ha_vr_ids (network_id, vr_id, router_id) VALUES ($1, $2, $3)";
        self.later(sql, vec![network.to_string().into(), number.into(), id.as_str().into()]).await?;
        self.later("UPDATE routers SET ha_vr_id = $1 WHERE id = $2", vec![number.into(), id.as_str().into()])
            .await
    }

    pub async fn release_vr_id(&mut self, router: RouterId) -> Result<(), DbError> {
        let id = router.to_string();
        self.later("DELETE FROM ha_vr_ids WHERE router_id = $1", vec![id.as_str().into()]).await?;
        self.later("UPDATE routers SET ha_vr_id = NULL WHERE id = $1", vec![id.as_str().into()]).await
    }

    /// The agents of an HA router, each with its leg.
    pub async fn ha_agents(&mut self, router: RouterId) -> Result<Vec<(AgentId, Option<PortId>)>, DbError> {
        let sql = "SELECT agent_id, ha_port_id FROM router_agents WHERE router_id = $1 ORDER BY agent_id";
        let mut out = Vec::new();
        self.each(sql, &[router.to_string().into()], |row| {
            out.extend(row.text(0).parse().ok().map(|id| (id, row.text(1).parse().ok())));
        })
        .await?;
        Ok(out)
    }

    /// Notes which leg an agent has in the network of a router's hosts.
    pub async fn set_ha_port(
        &mut self,
        router: RouterId,
        agent: AgentId,
        port: PortId,
    ) -> Result<(), DbError> {
        let sql = "UPDATE router_agents SET ha_port_id = $1 WHERE router_id = $2 AND agent_id = $3";
        self.later(sql, vec![port.to_string().into(), router.to_string().into(), agent.to_string().into()])
            .await
    }
}
