//! Networks with a way out that projects got by asking for them.

use model::api::auto_allocated_topology::{AutoAllocatedTopology, Ground};

use crate::engine::{DbError, Tx};

const VERSIONS: [i64; 2] = [4, 6];

impl Tx<'_> {
    /// What a project was given, if it was.
    pub async fn topology_of(&mut self, project: &str) -> Result<Option<AutoAllocatedTopology>, DbError> {
        let sql = "SELECT network_id, COALESCE(router_id, '') FROM auto_allocated_topologies \
                   WHERE project_id = $1";
        let mut found = None;
        self.each(sql, &[project.into()], |row| {
            let router_id = Some(row.text(1)).filter(|id| !id.is_empty()).map(str::to_owned);
            found = Some(AutoAllocatedTopology { network_id: row.text(0).to_owned(), router_id });
        })
        .await?;
        Ok(found)
    }

    /// What topologies are made with.
    pub async fn topology_ground(&mut self) -> Result<Ground, DbError> {
        let mut ground = Ground { external: self.default_external_network().await?, pools: Vec::new() };
        for version in VERSIONS {
            ground.pools.extend(self.default_pool(version).await?.map(|pool| (version, pool)));
        }
        Ok(ground)
    }

    /// Keeps what a project was given; of two at the same time one is a conflict.
    pub async fn keep_topology(&mut self, project: &str, network: &str, router: &str) -> Result<(), DbError> {
        let sql =
            "INSERT INTO auto_allocated_topologies (project_id, network_id, router_id) VALUES ($1, $2, $3)";
        self.execute(sql, &[project.into(), network.into(), router.into()]).await.map(drop)
    }
}
