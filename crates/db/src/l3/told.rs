//! What hosts were told of routers, by which the next look sees whom a difference touches.

use std::collections::{BTreeMap, BTreeSet};

use model::l3::Told;
use model::{NetworkId, RouterId};

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// What hosts were told of a router.
    pub async fn router_told(&mut self, router: RouterId) -> Result<BTreeMap<String, Told>, DbError> {
        let mut out = BTreeMap::new();
        let sql = "SELECT host, central, serves, loaded, part FROM router_hosts WHERE router_id = $1";
        self.each(sql, &[router.to_string().into()], |row| {
            let (central, serves, loaded) = (row.int(1) == 1, row.int(2) == 1, row.int(3) == 1);
            let part = row.text(4).to_owned();
            let told = Told { central, serves, loaded, part, networks: BTreeSet::new() };
            out.insert(row.text(0).to_owned(), told);
        })
        .await?;
        let sql = "SELECT host, network_id FROM router_networks WHERE router_id = $1";
        self.each(sql, &[router.to_string().into()], |row| {
            if let (Some(told), Ok(network)) = (out.get_mut(row.text(0)), row.text(1).parse()) {
                told.networks.insert(network);
            }
        })
        .await?;
        Ok(out)
    }

    /// Remembers what a host is told of a router, and keeps what it said.
    pub async fn tell_router(
        &mut self,
        router: RouterId,
        host: &str,
        before: Option<&Told>,
        after: &Told,
    ) -> Result<(), DbError> {
        let id = router.to_string();
        let Told { central, serves, loaded, part, networks } = after;
        let sql = "INSERT INTO router_hosts (router_id, host, central, serves, loaded, part) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (router_id, host) DO UPDATE SET \
                   central = excluded.central, serves = excluded.serves, loaded = excluded.loaded, part = excluded.part";
        let params = vec![
            id.as_str().into(),
            host.into(),
            (*central).into(),
            (*serves).into(),
            (*loaded).into(),
            part.as_str().into(),
        ];
        self.later(sql, params).await?;
        let had = before.map(|told| told.networks.clone()).unwrap_or_default();
        for network in networks.difference(&had) {
            let sql = "INSERT INTO router_networks (network_id, host, router_id) VALUES ($1, $2, $3) \
                       ON CONFLICT DO NOTHING";
            self.later(sql, vec![network.to_string().into(), host.into(), id.as_str().into()]).await?;
        }
        for network in had.difference(networks) {
            self.leave_network(&id, host, *network).await?;
        }
        Ok(())
    }

    async fn leave_network(&mut self, router: &str, host: &str, network: NetworkId) -> Result<(), DbError> {
        let sql = "DELETE FROM router_networks WHERE network_id = $1 AND host = $2 AND router_id = $3";
        self.later(sql, vec![network.to_string().into(), host.into(), router.into()]).await
    }

    /// Forgets that a host has anything of a router.
    pub async fn untell_router(&mut self, router: RouterId, host: &str) -> Result<(), DbError> {
        for table in ["router_networks", "router_hosts"] {
            let sql = format!("DELETE FROM {table} WHERE router_id = $1 AND host = $2");
            self.later(&sql, vec![router.to_string().into(), host.into()]).await?;
        }
        Ok(())
    }

    /// The networks that settling a router may change ports of, or bring to hosts.
    pub async fn networks_of_router(&mut self, router: &str) -> Result<Vec<String>, DbError> {
        let sql = "SELECT network_id FROM router_ports WHERE router_id = $1 \
                   UNION SELECT network_id FROM router_networks WHERE router_id = $1 \
                   UNION SELECT gw_network_id FROM routers WHERE id = $1 AND gw_network_id IS NOT NULL \
                   UNION SELECT floating_network_id FROM floatingips WHERE router_id = $1 \
                   UNION SELECT h.network_id FROM ha_networks h JOIN routers r ON r.project_id = h.project_id \
                   WHERE r.id = $1 AND (r.ha = TRUE OR r.ha_vr_id IS NOT NULL)";
        self.texts(sql, &[router.into()]).await
    }
}
