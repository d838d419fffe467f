//! Networks: facts that are more than their rows.

use model::api::network::Network;
use model::{NetworkId, QosPolicyId, SecurityGroupId};

use crate::engine::{DbError, Param, Tx};

/// What a network of a project is made with, where a request says nothing else.
#[derive(Debug, Clone, Default)]
pub struct NetworkDefaults {
    /// The external network that is the default of all.
    pub external: Option<String>,
    pub group: Option<SecurityGroupId>,
    pub qos_policy: Option<QosPolicyId>,
}

impl Tx<'_> {
    /// In one round trip.
    pub async fn network_defaults(&mut self, project: &str) -> Result<NetworkDefaults, DbError> {
        let sql = "SELECT \
             COALESCE((SELECT MIN(id) FROM networks WHERE is_default = TRUE AND router_external = TRUE), ''), \
             COALESCE((SELECT group_id FROM default_security_groups WHERE project_id = $1), ''), \
             COALESCE((SELECT policy_id FROM default_qos_policies WHERE project_id = $1), '')";
        let mut found = NetworkDefaults::default();
        self.each(sql, &[project.into()], |row| {
            found = NetworkDefaults {
                external: Some(row.text(0).to_owned()).filter(|id| !id.is_empty()),
                group: row.text(1).parse().ok(),
                qos_policy: row.text(2).parse().ok(),
            };
        })
        .await?;
        Ok(found)
    }

    /// Ports of a network whose owner is none of `auto_owners`: they keep it from being deleted.
    pub async fn ports_in_use(
        &mut self,
        network: NetworkId,
        auto_owners: &[&str],
    ) -> Result<Vec<String>, DbError> {
        let marks: Vec<String> = (0..auto_owners.len()).map(|at| format!("${}", at + 2)).collect();
        let sql = format!(
            "SELECT id FROM ports WHERE network_id = $1 AND device_owner NOT IN ({}) ORDER BY id LIMIT 100",
            marks.join(", ")
        );
        let mut params = vec![Param::from(network.to_string())];
        params.extend(auto_owners.iter().map(|owner| Param::from(*owner)));
        self.texts(&sql, &params).await
    }

    /// The external network that is the default, if there is one.
    pub async fn default_external_network(&mut self) -> Result<Option<String>, DbError> {
        let sql = "SELECT id FROM networks WHERE is_default = TRUE AND router_external = TRUE";
        Ok(self.texts(sql, &[]).await?.pop())
    }

    /// True when another project has ports on the network that only sharing with everybody allows.
    pub async fn used_by_other_projects(&mut self, network: NetworkId, owner: &str) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM ports WHERE network_id = $1 AND project_id NOT IN ($2, '') AND project_id NOT IN \
                   (SELECT target_tenant FROM rbac_policies WHERE object_id = $1 AND action = 'access_as_shared')";
        Ok(self.number(sql, &[network.to_string().into(), owner.into()]).await? > 0)
    }

    /// Writes down what policies make of a network, which is no change of its own.
    pub async fn repeat_sharing(&mut self, network: &Network) -> Result<(), DbError> {
        let sql = "UPDATE networks SET shared = $1, router_external = $2 WHERE id = $3";
        let params =
            vec![network.with_everyone.into(), network.external.into(), network.id.to_string().into()];
        self.later(sql, params).await
    }

    /// Hosts that must know of the network's ports, in order.
    pub async fn network_hosts(&mut self, network: NetworkId) -> Result<Vec<String>, DbError> {
        let sql = "SELECT host FROM members WHERE network_id = $1 ORDER BY host";
        self.texts(sql, &[network.to_string().into()]).await
    }

    /// Notes that a host has ports of the network; true if it had none.
    pub async fn network_joins_host(&mut self, network: NetworkId, host: &str) -> Result<bool, DbError> {
        let sql = "INSERT INTO network_hosts (network_id, host) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        Ok(self.execute(sql, &[network.to_string().into(), host.into()]).await? > 0)
    }

    /// Forgets that a host has the network, unless it still has a port of it; true if forgotten.
    pub async fn network_leaves_host(&mut self, network: NetworkId, host: &str) -> Result<bool, DbError> {
        let sql = "DELETE FROM network_hosts WHERE network_id = $1 AND host = $2 AND NOT EXISTS \
                   (SELECT 1 FROM ports p WHERE p.network_id = network_hosts.network_id \
                    AND p.host = network_hosts.host AND p.vif_type NOT IN ('unbound', 'binding_failed'))";
        Ok(self.execute(sql, &[network.to_string().into(), host.into()]).await? > 0)
    }
}
