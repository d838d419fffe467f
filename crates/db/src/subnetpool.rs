//! Subnet pools and address scopes: what is taken from a pool, and what is beside it in a scope.

use model::NetworkId;
use model::api::subnetpool::{SUBNETPOOL, Subnetpool};

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// Locks pools, in the order that everyone takes: after networks, before address scopes.
    pub async fn lock_pools(&mut self, pools: &[String]) -> Result<(), DbError> {
        self.lock_all("subnetpools", pools).await
    }

    pub async fn lock_scopes(&mut self, scopes: &[String]) -> Result<(), DbError> {
        self.lock_all("address_scopes", scopes).await
    }

    /// Ranges that subnets have from a pool, and their projects.
    pub async fn taken_from_pool(&mut self, pool: &str) -> Result<Vec<(String, String)>, DbError> {
        let sql = "SELECT cidr, project_id FROM subnets WHERE subnetpool_id = $1";
        let mut taken = Vec::new();
        self.each(sql, &[pool.into()], |row| {
            taken.push((row.text(0).to_owned(), row.text(1).to_owned()));
        })
        .await?;
        Ok(taken)
    }

    /// The pool that subnets of a family are from where nobody says which.
    pub async fn default_pool(&mut self, ip_version: i64) -> Result<Option<String>, DbError> {
        let sql = "SELECT id FROM subnetpools WHERE is_default = TRUE AND ip_version = $1";
        Ok(self.texts(sql, &[ip_version.into()]).await?.pop())
    }

    /// The other pools of an address scope.
    pub async fn pools_beside(&mut self, scope: &str, but: &str) -> Result<Vec<Subnetpool>, DbError> {
        let condition = "address_scope_id = $1 AND id <> $2 ORDER BY id";
        self.find(&SUBNETPOOL, condition, &[scope.into(), but.into()]).await
    }

    /// Is there a network that has subnets of the pool, and others of the same family?
    pub async fn network_mixes(&mut self, pool: &str) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM subnets s JOIN subnets o ON o.network_id = s.network_id \
                   AND o.ip_version = s.ip_version \
                   WHERE s.subnetpool_id = $1 AND COALESCE(o.subnetpool_id, '') <> $1";
        Ok(self.number(sql, &[pool.into()]).await? > 0)
    }

    /// The address scope that a network's subnets of a family are in.
    pub async fn scope_of_network(
        &mut self,
        network: NetworkId,
        ip_version: i64,
    ) -> Result<Option<String>, DbError> {
        let sql = "SELECT p.address_scope_id FROM subnets s JOIN subnetpools p ON p.id = s.subnetpool_id \
                   WHERE s.network_id = $1 AND s.ip_version = $2 AND p.address_scope_id IS NOT NULL LIMIT 1";
        Ok(self.texts(sql, &[network.to_string().into(), ip_version.into()]).await?.pop())
    }

    /// Puts a network's subnets of a family into a pool; their ids and ranges.
    pub async fn move_to_pool(
        &mut self,
        network: NetworkId,
        pool: &Subnetpool,
        now: &str,
    ) -> Result<Vec<(String, String)>, DbError> {
        let sql =
            "SELECT id, cidr FROM subnets WHERE network_id = $1 AND ip_version = $2 ORDER BY created_us, id";
        let mut moved = Vec::new();
        self.each(sql, &[network.to_string().into(), pool.ip_version.into()], |row| {
            moved.push((row.text(0).to_owned(), row.text(1).to_owned()));
        })
        .await?;
        let sql = "UPDATE subnets SET subnetpool_id = $1, revision_number = revision_number + 1, updated_at = $4 \
                   WHERE network_id = $2 AND ip_version = $3";
        let params = vec![
            pool.id.to_string().into(),
            network.to_string().into(),
            pool.ip_version.into(),
            now.to_owned().into(),
        ];
        self.later(sql, params).await?;
        Ok(moved)
    }

    /// Is a thing shared with everybody, or with this project?
    pub async fn is_shared_with(&mut self, object: &str, project: &str) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM rbac_policies WHERE object_id = $1 AND target_tenant IN ('*', $2)";
        Ok(self.number(sql, &[object.into(), project.into()]).await? > 0)
    }
}
