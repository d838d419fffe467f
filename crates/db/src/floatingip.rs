//! Floating IPs: by whom they are reached, and what holds them.

use std::net::IpAddr;

use model::api::floatingip::{FLOATINGIP, FloatingIp};
use model::{FloatingIpId, NetworkId, PortId, RouterId, SubnetId};

use crate::engine::{Cell, DbError, Tx};

/// A router between a subnet and an external network, and its address in the subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BetweenRow {
    pub router: RouterId,
    pub address: IpAddr,
    pub distributed: bool,
}

impl Tx<'_> {
    /// Locks floating IPs, in the order that everyone takes: after networks, routers and ports. Whoever
    /// changes one or its forwardings has it, and its external network's lock before when it comes to a
    /// port or forwards to one.
    pub async fn lock_floatingips(&mut self, ids: &[FloatingIpId]) -> Result<(), DbError> {
        let ids: Vec<String> = ids.iter().map(FloatingIpId::to_string).collect();
        self.lock_all("floatingips", &ids).await
    }

    /// The networks that a floating IP concerns: its own, its port's, and those of ports it forwards to.
    pub async fn networks_of_floatingip(&mut self, id: &str) -> Result<Vec<String>, DbError> {
        let sql = "SELECT floating_network_id FROM floatingips WHERE id = $1 UNION \
                   SELECT p.network_id FROM floatingips f JOIN ports p ON p.id = f.port_id WHERE f.id = $1 UNION \
                   SELECT p.network_id FROM port_forwardings w JOIN ports p ON p.id = w.internal_port_id \
                   WHERE w.floatingip_id = $1";
        self.texts(sql, &[id.into()]).await
    }

    /// Routers with an interface on a subnet of a network, and a gateway on an external one, by id.
    pub async fn routers_between(
        &mut self,
        network: NetworkId,
        subnet: SubnetId,
        external: NetworkId,
    ) -> Result<Vec<BetweenRow>, DbError> {
        let sql = "SELECT r.id, a.ip_address, r.distributed FROM router_ports rp \
                   JOIN ip_allocations a ON a.port_id = rp.port_id \
                   JOIN routers r ON r.id = rp.router_id \
                   WHERE rp.network_id = $1 AND rp.kind = 'interface' AND a.subnet_id = $2 \
                   AND r.gw_network_id = $3 ORDER BY r.id";
        let params = [network.to_string().into(), subnet.to_string().into(), external.to_string().into()];
        let mut out = Vec::new();
        self.each(sql, &params, |row| {
            if let (Ok(router), Ok(address)) = (row.text(0).parse(), row.text(1).parse()) {
                out.push(BetweenRow { router, address, distributed: row.cell(2) == Cell::Int(1) });
            }
        })
        .await?;
        Ok(out)
    }

    /// The floating IPs of an external network that neither have a port nor forward to some, by id.
    pub async fn idle_floatingips(&mut self, network: NetworkId) -> Result<Vec<FloatingIpId>, DbError> {
        let sql = "SELECT id FROM floatingips f WHERE floating_network_id = $1 AND port_id IS NULL AND NOT EXISTS \
                   (SELECT 1 FROM port_forwardings w WHERE w.floatingip_id = f.id) ORDER BY id";
        let found = self.texts(sql, &[network.to_string().into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Does a port hold the address of a floating IP?
    pub async fn is_floatingip_port(&mut self, port: PortId) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM floatingips WHERE floating_port_id = $1";
        Ok(self.number(sql, &[port.to_string().into()]).await? > 0)
    }

    /// The floating IPs of a port, by id.
    pub async fn floatingips_of_port(&mut self, port: PortId) -> Result<Vec<FloatingIp>, DbError> {
        self.find(&FLOATINGIP, "port_id = $1 ORDER BY id", &[port.to_string().into()]).await
    }

    /// Has an address of a port another floating IP on an external network?
    pub async fn floatingip_taken(
        &mut self,
        network: NetworkId,
        port: PortId,
        fixed: IpAddr,
        but: FloatingIpId,
    ) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM floatingips WHERE floating_network_id = $1 AND port_id = $2 \
                   AND fixed_ip_address = $3 AND id <> $4";
        let params = [
            network.to_string().into(),
            port.to_string().into(),
            fixed.to_string().into(),
            but.to_string().into(),
        ];
        Ok(self.number(sql, &params).await? > 0)
    }
}
