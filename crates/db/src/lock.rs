//! Who waits for whom, where an engine has several writers at a time.
//!
//! The rule: whoever changes a network, its subnets or its ports locks the network first. So what is read
//! after the lock stays true until the commit, and per network all is as with one writer. After it come
//! flavors and service profiles, routers, then ports in the order of their ids (a report locks only those),
//! floating IPs, security groups in the order of their ids, address groups, subnet pools, address scopes,
//! QoS policies, software packages, versions, install orders in the order of their ids, what shares them,
//! agents, hosts, and at the commit the counter of revisions; nobody locks in another order. A host's lock
//! stands for what its agents say of it: who binds ports shares it, a heartbeat has it alone.
//!
//! Who relies on a security group or an address group, with a port or a rule, shares its lock; who changes
//! it, takes it away or back has it alone. Whoever looks whether he may rely on it looks after that.
//!
//! SQLite has one writer at a time and needs none of it.

use std::collections::BTreeSet;

use model::NetworkId;
use model::api::table::Resource;
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Engine, EngineError, Param, Tx};

impl Tx<'_> {
    fn is_alone(&self) -> bool {
        self.engine() == Engine::Sqlite
    }

    /// Locks a row, and before it the network that it belongs to.
    pub async fn lock(&mut self, table: &'static Resource, id: &str) -> Result<(), DbError> {
        if self.is_alone() {
            return Ok(());
        }
        if table.attr("network_id").is_some() {
            let sql = format!(
                "SELECT id FROM networks WHERE id = (SELECT network_id FROM {} WHERE id = $1) \
                 FOR NO KEY UPDATE",
                table.plural
            );
            self.later(&sql, vec![id.into()]).await?;
        }
        // An agent's networks refer to it: they may neither come nor go while it is locked.
        let strength = if table.singular == "agent" { "UPDATE" } else { "NO KEY UPDATE" };
        let sql = format!("SELECT id FROM {} WHERE id = $1 FOR {strength}", table.plural);
        self.later(&sql, vec![id.into()]).await
    }

    pub async fn lock_network(&mut self, network: NetworkId) -> Result<(), DbError> {
        self.lock_networks(&[network.to_string()]).await
    }

    /// Locks several networks, in the order that everyone takes.
    pub async fn lock_networks(&mut self, networks: &[String]) -> Result<(), DbError> {
        let others: Vec<String> =
            networks.iter().filter(|id| self.locked.insert((*id).clone())).cloned().collect();
        self.lock_all("networks", &others).await
    }

    /// Locks a router, and before it all networks that it has ports on and some others; a conflict when
    /// it got a port on yet another one meanwhile.
    pub async fn lock_router_whole(&mut self, router: &str, others: &[String]) -> Result<(), DbError> {
        if self.is_alone() {
            return Ok(());
        }
        let mut networks = self.networks_of_router(router).await?;
        networks.extend_from_slice(others);
        self.lock_networks(&networks).await?;
        self.lock_all("routers", &[router.to_owned()]).await?;
        let found = self.networks_of_router(router).await?;
        match found.into_iter().find(|network| !self.locked.contains(network)) {
            Some(network) => {
                let source = EngineError::Said(format!("the router has got a port on network {network}"));
                Err(DbError::Conflict { what: "the lock of a router".into(), source })
            }
            None => Ok(()),
        }
    }

    /// Locks several ports, in the order that everyone takes.
    pub async fn lock_ports(&mut self, ports: &[String]) -> Result<(), DbError> {
        self.lock_all("ports", ports).await
    }

    /// Locks the install orders that have not ended behind some ports, in the order that everyone takes: who says
    /// something of several knows them by their ports, and an order may have ports in many networks.
    pub async fn lock_orders_behind(&mut self, ports: &[String]) -> Result<(), DbError> {
        if self.is_alone() || ports.is_empty() {
            return Ok(());
        }
        let among = dialect::among(Engine::Postgres, "$1");
        let sql = format!(
            "SELECT id FROM software_orders WHERE id IN (SELECT t.order_id FROM software_order_targets t \
             WHERE t.port_id IN {among} AND t.state IN ('pending', 'downloading', 'installing')) \
             ORDER BY id FOR NO KEY UPDATE"
        );
        self.later(&sql, vec![json!(ports).to_string().into()]).await
    }

    /// Locks a security group that is to go, and those whose rules are about it; a conflict when another
    /// one got such a rule meanwhile.
    pub async fn lock_group_whole(&mut self, group: &str) -> Result<(), DbError> {
        if self.is_alone() {
            return Ok(());
        }
        let about = "SELECT DISTINCT security_group_id FROM security_group_rules \
                     WHERE remote_group_id = $1 AND security_group_id <> $1";
        let mut groups = self.texts(about, &[group.into()]).await?;
        groups.push(group.to_owned());
        self.lock_all("security_groups", &groups).await?;
        let found = self.texts(about, &[group.into()]).await?;
        if found.iter().all(|id| groups.contains(id)) {
            return Ok(());
        }
        let source = EngineError::Said("another group has got a rule about the security group".into());
        Err(DbError::Conflict { what: "the lock of a security group".into(), source })
    }

    /// Locks security groups that are to change, and shares the lock of those that are to be relied on.
    pub async fn lock_groups(
        &mut self,
        changing: &BTreeSet<String>,
        relied_on: &BTreeSet<String>,
    ) -> Result<(), DbError> {
        let all: Vec<&String> = changing.union(relied_on).collect();
        for run in all.chunk_by(|one, next| changing.contains(*one) == changing.contains(*next)) {
            let strength = if changing.contains(run[0]) { "NO KEY UPDATE" } else { "SHARE" };
            let run: Vec<String> = run.iter().map(|id| (*id).clone()).collect();
            self.lock_rows("security_groups", &run, strength).await?;
        }
        Ok(())
    }

    /// Shares the lock of address groups that are to be relied on.
    pub async fn share_address_groups(&mut self, groups: &BTreeSet<String>) -> Result<(), DbError> {
        let groups: Vec<String> = groups.iter().cloned().collect();
        self.lock_rows("address_groups", &groups, "SHARE").await
    }

    /// Shares the lock of a QoS policy that is to be relied on.
    pub async fn share_qos_policy(&mut self, policy: &str) -> Result<(), DbError> {
        self.lock_rows("policies", &[policy.to_owned()], "SHARE").await
    }

    /// Locks what a policy shares, and then the policy.
    pub async fn lock_shared(&mut self, policy: &str) -> Result<(), DbError> {
        if self.is_alone() {
            return Ok(());
        }
        let shared = [
            "networks",
            "security_groups",
            "address_groups",
            "subnetpools",
            "address_scopes",
            "policies",
            "software_packages",
        ];
        for table in shared {
            let sql = format!(
                "SELECT id FROM {table} WHERE id = (SELECT object_id FROM rbac_policies WHERE id = $1) \
                 FOR NO KEY UPDATE"
            );
            self.later(&sql, vec![policy.into()]).await?;
        }
        self.lock_all("rbac_policies", &[policy.to_owned()]).await
    }

    /// Locks the security group that a rule is of.
    pub async fn lock_group_of_rule(&mut self, rule: &str) -> Result<(), DbError> {
        if self.is_alone() {
            return Ok(());
        }
        let sql = "SELECT id FROM security_groups WHERE id = \
                   (SELECT security_group_id FROM security_group_rules WHERE id = $1) FOR NO KEY UPDATE";
        self.later(sql, vec![rule.into()]).await
    }

    pub(crate) async fn lock_all(&mut self, table: &str, ids: &[String]) -> Result<(), DbError> {
        self.lock_rows(table, ids, "NO KEY UPDATE").await
    }

    async fn lock_rows(&mut self, table: &str, ids: &[String], strength: &str) -> Result<(), DbError> {
        match ids {
            _ if self.is_alone() => Ok(()),
            [] => Ok(()),
            [id] => {
                let sql = format!("SELECT id FROM {table} WHERE id = $1 FOR {strength}");
                self.later(&sql, vec![id.as_str().into()]).await
            }
            ids => {
                let among = dialect::among(Engine::Postgres, "$1");
                let sql = format!("SELECT id FROM {table} WHERE id IN {among} ORDER BY id FOR {strength}");
                self.later(&sql, vec![json!(ids).to_string().into()]).await
            }
        }
    }

    /// Locks a network unless somebody else has it locked; true when it is there and locked.
    pub async fn try_lock_network(&mut self, network: NetworkId) -> Result<bool, DbError> {
        let sql = format!("SELECT id FROM networks WHERE id = $1{}", dialect::locking_free(self.engine()));
        Ok(!self.texts(&sql, &[network.to_string().into()]).await?.is_empty())
    }

    /// Locks every port of a network, which is locked itself: reports wait, too.
    pub async fn lock_ports_of(&mut self, network: NetworkId) -> Result<(), DbError> {
        if self.is_alone() {
            return Ok(());
        }
        let sql = "SELECT id FROM ports WHERE network_id = $1 ORDER BY id FOR NO KEY UPDATE";
        self.later(sql, vec![network.to_string().into()]).await
    }

    /// Keeps what a host's agents say of it from changing; several may do so at a time.
    pub async fn share_host(&mut self, host: &str) -> Result<(), DbError> {
        self.advise("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", host).await
    }

    /// Keeps others from changing what a host's agents say of it, and from relying on it.
    pub async fn lock_host(&mut self, host: &str) -> Result<(), DbError> {
        self.advise("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", host).await
    }

    /// Keeps others from creating what counts towards the same quota.
    pub(crate) async fn lock_quota(&mut self, resource: &str, project: &str) -> Result<(), DbError> {
        let key = format!("{resource} of {project}");
        self.advise("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))", &key).await
    }

    async fn advise(&mut self, sql: &str, host: &str) -> Result<(), DbError> {
        if self.is_alone() { Ok(()) } else { self.later(sql, vec![Param::from(host)]).await }
    }

    /// Keeps others from taking a revision.
    pub(crate) async fn lock_revision(&mut self) -> Result<(), DbError> {
        if self.is_alone() {
            return Ok(());
        }
        let sql = "SELECT value FROM counters WHERE name = 'revision' FOR NO KEY UPDATE";
        self.later(sql, vec![]).await
    }

    /// True when this transaction alone does what `counter` counts; others that ask meanwhile get
    /// `false` at once.
    pub(crate) async fn try_lock_counter(&mut self, counter: &str) -> Result<bool, DbError> {
        let sql =
            format!("SELECT name FROM counters WHERE name = $1{}", dialect::locking_free(self.engine()));
        Ok(!self.texts(&sql, &[counter.into()]).await?.is_empty())
    }
}
