//! QoS policies: what has them, and where.

use std::collections::BTreeMap;

use model::api::qos::{POLICY, Policy};
use model::desired::{Key, Kind};
use model::{NetworkId, QosPolicyId, RouterId, Touch};
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Param, Tx};

/// Ports that a policy holds for, by their own or their network's.
const PORTS: &str = "(qos_policy_id = $1 OR (qos_policy_id IS NULL AND qos_network_policy_id = $1))";

impl Tx<'_> {
    /// The default policy of a project.
    pub async fn default_qos_policy(&mut self, project: &str) -> Result<Option<QosPolicyId>, DbError> {
        let sql = "SELECT policy_id FROM default_qos_policies WHERE project_id = $1";
        Ok(self.texts(sql, &[project.into()]).await?.pop().and_then(|id| id.parse().ok()))
    }

    /// Notes that a policy is its project's default or is it no more; a conflict when another one is.
    pub async fn set_default_qos_policy(&mut self, policy: &Policy) -> Result<(), DbError> {
        let sql = "DELETE FROM default_qos_policies WHERE policy_id = $1";
        self.later(sql, vec![policy.id.to_string().into()]).await?;
        if !policy.is_default {
            return Ok(());
        }
        let sql = "INSERT INTO default_qos_policies (project_id, policy_id) VALUES ($1, $2)";
        self.later(sql, vec![policy.project_id.clone().into(), policy.id.to_string().into()]).await
    }

    /// Something that has the policy, and what it is.
    pub async fn qos_policy_use(
        &mut self,
        policy: QosPolicyId,
    ) -> Result<Option<(&'static str, String)>, DbError> {
        for (what, table, column) in [
            ("port", "ports", "qos_policy_id"),
            ("network", "networks", "qos_policy_id"),
            ("floating IP", "floatingips", "qos_policy_id"),
            ("router", "routers", "gw_qos_policy_id"),
        ] {
            let sql = format!("SELECT id FROM {table} WHERE {column} = $1 LIMIT 1");
            if let Some(id) = self.texts(&sql, &[policy.to_string().into()]).await?.pop() {
                return Ok(Some((what, id)));
            }
        }
        Ok(None)
    }

    /// The policy that a rule of a table belongs to.
    pub async fn policy_of_rule(&mut self, table: &str, rule: &str) -> Result<Option<String>, DbError> {
        let sql = format!("SELECT qos_policy_id FROM {table} WHERE id = $1");
        Ok(self.texts(&sql, &[rule.into()]).await?.pop())
    }

    /// Whether ports or networks have the policy, and whether floating IPs or gateways have.
    pub async fn qos_policy_users(&mut self, policy: QosPolicyId) -> Result<[bool; 2], DbError> {
        let of_ports = "SELECT COUNT(*) FROM (SELECT id FROM ports WHERE qos_policy_id = $1 \
                        UNION ALL SELECT id FROM networks WHERE qos_policy_id = $1) u";
        let outside = "SELECT COUNT(*) FROM (SELECT id FROM floatingips WHERE qos_policy_id = $1 \
                       UNION ALL SELECT id FROM routers WHERE gw_qos_policy_id = $1) u";
        let id = policy.to_string();
        let of_ports = self.number(of_ports, &[id.as_str().into()]).await? > 0;
        Ok([of_ports, self.number(outside, &[id.as_str().into()]).await? > 0])
    }

    /// Routers that a policy holds for: of a floating IP, or of the gateway.
    pub async fn routers_of_qos(&mut self, policy: QosPolicyId) -> Result<Vec<RouterId>, DbError> {
        let sql = "SELECT router_id FROM floatingips WHERE qos_policy_id = $1 AND router_id IS NOT NULL \
                   UNION SELECT id FROM routers WHERE gw_qos_policy_id = $1 ORDER BY 1";
        let found = self.texts(sql, &[policy.to_string().into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// The parts of ports that a policy holds for.
    pub async fn touched_by_qos(&mut self, policy: QosPolicyId) -> Result<Vec<Touch>, DbError> {
        self.touched_ports(PORTS, policy.to_string()).await
    }

    /// The ports of a network follow its policy; the parts of those that are somewhere.
    pub async fn set_network_qos(
        &mut self,
        network: NetworkId,
        policy: Option<&str>,
    ) -> Result<Vec<Touch>, DbError> {
        let sql = "UPDATE ports SET qos_network_policy_id = $2 WHERE network_id = $1";
        let policy = policy.map_or(Param::Null, Param::from);
        self.execute(sql, &[network.to_string().into(), policy]).await?;
        self.touched_ports("network_id = $1", network.to_string()).await
    }

    async fn touched_ports(&mut self, condition: &str, of: String) -> Result<Vec<Touch>, DbError> {
        let sql = format!(
            "SELECT id, host FROM ports WHERE {condition} AND host <> '' \
             AND vif_type NOT IN ('unbound', 'binding_failed') ORDER BY id"
        );
        let mut found = Vec::new();
        self.each(&sql, &[of.into()], |row| found.push((row.text(0).to_owned(), row.text(1).to_owned())))
            .await?;
        let touch = |(id, host): (String, String)| {
            Some(Touch::Part { host, key: Key::new(Kind::Port, id.parse().ok()?) })
        };
        Ok(found.into_iter().filter_map(touch).collect())
    }

    /// Some policies, by id.
    pub async fn qos_policies(
        &mut self,
        ids: &[QosPolicyId],
    ) -> Result<BTreeMap<QosPolicyId, Policy>, DbError> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let condition = format!("id IN {}", dialect::among(self.engine(), "$1"));
        let found: Vec<Policy> = self.find(&POLICY, &condition, &[json!(ids).to_string().into()]).await?;
        Ok(found.into_iter().map(|policy| (policy.id, policy)).collect())
    }
}
