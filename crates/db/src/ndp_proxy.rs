//! NDP proxies: those of a router, and those for a port.

use model::api::ndp_proxy::{NDP_PROXY, NdpProxy};
use model::{PortId, RouterId, SubnetId};

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// A router's proxies, oldest first.
    pub async fn ndp_proxies_of(&mut self, router: RouterId) -> Result<Vec<NdpProxy>, DbError> {
        let condition = "router_id = $1 ORDER BY created_us, id";
        self.find(&NDP_PROXY, condition, &[router.to_string().into()]).await
    }

    pub async fn has_ndp_proxies(&mut self, router: RouterId) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM ndp_proxies WHERE router_id = $1";
        Ok(self.number(sql, &[router.to_string().into()]).await? > 0)
    }

    /// True when a router has proxies for addresses of a subnet.
    pub async fn answers_on(&mut self, router: RouterId, subnet: SubnetId) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM ndp_proxies n JOIN ip_allocations a \
                   ON a.port_id = n.port_id AND a.ip_address = n.ip_address \
                   WHERE n.router_id = $1 AND a.subnet_id = $2";
        Ok(self.number(sql, &[router.to_string().into(), subnet.to_string().into()]).await? > 0)
    }

    /// The routers that have proxies for a port, by id.
    pub async fn routers_answering_for(&mut self, port: PortId) -> Result<Vec<RouterId>, DbError> {
        let sql = "SELECT DISTINCT router_id FROM ndp_proxies WHERE port_id = $1 ORDER BY router_id";
        let found = self.texts(sql, &[port.to_string().into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }
}
