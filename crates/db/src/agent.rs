//! Agents and which networks their DHCP serves.

use model::api::agent::{AGENT, Agent};
use model::{AgentId, NetworkId};

use crate::engine::{DbError, Tx};

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

    pub async fn bind_dhcp(&mut self, network: NetworkId, agent: AgentId) -> Result<(), DbError> {
        let sql = "INSERT INTO dhcp_bindings (network_id, agent_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.execute(sql, &[network.to_string().into(), agent.to_string().into()]).await.map(drop)
    }

    pub async fn unbind_dhcp(&mut self, network: NetworkId, agent: AgentId) -> Result<(), DbError> {
        let sql = "DELETE FROM dhcp_bindings WHERE network_id = $1 AND agent_id = $2";
        self.execute(sql, &[network.to_string().into(), agent.to_string().into()]).await.map(drop)
    }

    /// Networks whose DHCP does not fit their subnets: with a DHCP subnet and no live agent, with
    /// an agent and no DHCP subnet, or with a DHCP port that lacks or exceeds the DHCP subnets.
    pub async fn dhcp_misfits(&mut self, alive_since_us: i64) -> Result<Vec<NetworkId>, DbError> {
        let sql = "SELECT n.id FROM networks n WHERE \
             (SELECT COUNT(*) FROM subnets s WHERE s.network_id = n.id AND s.enable_dhcp = TRUE) > 0 \
             AND NOT EXISTS (SELECT 1 FROM dhcp_bindings b JOIN agents a ON a.id = b.agent_id \
                 WHERE b.network_id = n.id AND a.heartbeat_us > $1 AND a.admin_state_up = TRUE) \
             OR EXISTS (SELECT 1 FROM dhcp_bindings b WHERE b.network_id = n.id) AND \
             (SELECT COUNT(*) FROM subnets s WHERE s.network_id = n.id AND s.enable_dhcp = TRUE) <> \
             (SELECT COUNT(DISTINCT i.subnet_id) FROM ip_allocations i JOIN ports p ON p.id = i.port_id \
                 JOIN subnets s ON s.id = i.subnet_id AND s.enable_dhcp = TRUE \
                 WHERE p.network_id = n.id AND p.device_owner = 'network:dhcp') \
             ORDER BY n.id LIMIT 200";
        let found = self.texts(sql, &[alive_since_us.into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }
}
