//! Agents and which networks their DHCP serves.

use std::collections::BTreeSet;

use model::api::agent::{AGENT, Agent};
use model::{AgentId, NetworkId};

use crate::engine::{DbError, Tx};

/// A DHCP port `p` of the network `f` that is not a user's own.
const OURS: &str =
    "p.network_id = f.id AND p.device_owner = 'network:dhcp' AND p.device_id LIKE 'dhcp%-' || f.id";

/// What operators said of a network's DHCP.
#[derive(Debug, Clone, Default)]
pub struct DhcpTold {
    pub placed: BTreeSet<AgentId>,
    pub taken: BTreeSet<AgentId>,
}

impl Tx<'_> {
    pub async fn agents_of_host(&mut self, host: &str) -> Result<Vec<Agent>, DbError> {
        self.find(&AGENT, "host = $1 ORDER BY agent_type", &[host.into()]).await
    }

    pub async fn agents_of_type(&mut self, agent_type: &str) -> Result<Vec<Agent>, DbError> {
        self.find(&AGENT, "agent_type = $1 ORDER BY host", &[agent_type.into()]).await
    }

    /// The agents that serve DHCP on a network.
    pub async fn dhcp_agents_of(&mut self, network: NetworkId) -> Result<Vec<Agent>, DbError> {
        let condition = "id IN (SELECT agent_id FROM dhcp_bindings WHERE network_id = $1) ORDER BY host";
        self.find(&AGENT, condition, &[network.to_string().into()]).await
    }

    /// The hosts that serve DHCP on a network.
    pub async fn dhcp_hosts_of(&mut self, network: NetworkId) -> Result<Vec<String>, DbError> {
        let sql = "SELECT a.host FROM dhcp_bindings b JOIN agents a ON a.id = b.agent_id \
                   WHERE b.network_id = $1 ORDER BY a.host";
        self.texts(sql, &[network.to_string().into()]).await
    }

    /// The networks whose DHCP an agent serves.
    pub async fn networks_served(&mut self, agent: AgentId) -> Result<Vec<NetworkId>, DbError> {
        let sql = "SELECT network_id FROM dhcp_bindings WHERE agent_id = $1 ORDER BY network_id";
        let found = self.texts(sql, &[agent.to_string().into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// How many networks each DHCP agent serves.
    pub async fn dhcp_load(&mut self) -> Result<Vec<(AgentId, i64)>, DbError> {
        let sql = "SELECT agent_id, COUNT(*) FROM dhcp_bindings GROUP BY agent_id ORDER BY agent_id";
        let mut out = Vec::new();
        self.each(sql, &[], |row| {
            if let Ok(id) = row.text(0).parse() {
                out.push((id, row.int(1)));
            }
        })
        .await?;
        Ok(out)
    }

    /// The agents that serve a network because an operator said so, and those that he took it from.
    pub async fn dhcp_told(&mut self, network: NetworkId) -> Result<DhcpTold, DbError> {
        let placed = "SELECT agent_id FROM dhcp_bindings WHERE network_id = $1 AND placed = TRUE";
        let taken = "SELECT agent_id FROM dhcp_taken WHERE network_id = $1";
        let params = [network.to_string().into()];
        let placed = self.texts(placed, &params).await?;
        let taken = self.texts(taken, &params).await?;
        let ids = |found: Vec<String>| found.iter().filter_map(|id| id.parse().ok()).collect();
        Ok(DhcpTold { placed: ids(placed), taken: ids(taken) })
    }

    /// An operator gives a network to an agent.
    pub async fn place_dhcp(&mut self, network: NetworkId, agent: AgentId) -> Result<(), DbError> {
        let params = || vec![network.to_string().into(), agent.to_string().into()];
        self.later("DELETE FROM dhcp_taken WHERE network_id = $1 AND agent_id = $2", params()).await?;
        let sql = "INSERT INTO dhcp_bindings (network_id, agent_id, placed) VALUES ($1, $2, TRUE)";
        self.later(sql, params()).await
    }

    /// An operator takes a network from an agent.
    pub async fn take_dhcp(&mut self, network: NetworkId, agent: AgentId) -> Result<(), DbError> {
        self.unbind_dhcp(network, agent).await?;
        let sql = "INSERT INTO dhcp_taken (network_id, agent_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.later(sql, vec![network.to_string().into(), agent.to_string().into()]).await
    }

    pub async fn bind_dhcp(&mut self, network: NetworkId, agent: AgentId) -> Result<(), DbError> {
        let sql = "INSERT INTO dhcp_bindings (network_id, agent_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.later(sql, vec![network.to_string().into(), agent.to_string().into()]).await
    }

    pub async fn unbind_dhcp(&mut self, network: NetworkId, agent: AgentId) -> Result<(), DbError> {
        let sql = "DELETE FROM dhcp_bindings WHERE network_id = $1 AND agent_id = $2";
        self.later(sql, vec![network.to_string().into(), agent.to_string().into()]).await
    }

    /// Networks whose DHCP does not fit their subnets, by id from one on, a page at a time: served by
    /// too few live agents, served without a DHCP subnet, or with a DHCP port that is missing or has
    /// addresses on other subnets than it should.
    pub async fn dhcp_misfits(
        &mut self,
        after: &str,
        alive_since_us: i64,
        agents_wanted: i64,
        page: u32,
    ) -> Result<Vec<NetworkId>, DbError> {
        let sql = format!(
            "WITH facts AS (SELECT n.id AS id, \
               (SELECT COUNT(*) FROM subnets s WHERE s.network_id = n.id AND s.enable_dhcp = TRUE) AS wanted, \
               (SELECT COUNT(*) FROM dhcp_bindings b WHERE b.network_id = n.id) AS bound, \
               (SELECT COUNT(*) FROM dhcp_bindings b WHERE b.network_id = n.id AND b.placed = FALSE) AS chosen, \
               (SELECT COUNT(*) FROM dhcp_bindings b JOIN agents a ON a.id = b.agent_id WHERE b.network_id = n.id \
                  AND a.heartbeat_us > $1 AND a.admin_state_up = TRUE) AS live \
               FROM networks n WHERE n.id > $2) \
             SELECT f.id FROM facts f WHERE f.wanted > 0 AND f.live < $3 OR f.wanted = 0 AND f.chosen > 0 \
               OR CASE WHEN f.wanted = 0 THEN 0 ELSE f.bound END <> (SELECT COUNT(*) FROM ports p WHERE {OURS}) \
               OR EXISTS (SELECT 1 FROM ports p WHERE {OURS} AND \
                  (f.wanted <> (SELECT COUNT(*) FROM ip_allocations i WHERE i.port_id = p.id) OR \
                   f.wanted <> (SELECT COUNT(*) FROM ip_allocations i JOIN subnets s ON s.id = i.subnet_id \
                                WHERE i.port_id = p.id AND s.enable_dhcp = TRUE))) \
             ORDER BY f.id LIMIT {page}"
        );
        let params = [alive_since_us.into(), after.into(), agents_wanted.into()];
        let found = self.texts(&sql, &params).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }
}
