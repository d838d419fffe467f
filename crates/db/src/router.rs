//! Routers: their ports, and facts that are more than their rows.

use model::api::port::{PORT, Port};
use model::api::router::{ROUTER, RouterPortKind};
use model::api::subnet::{SUBNET, Subnet};
use model::api::table::Resource;
use model::{NetworkId, PortId, RouterId, SubnetId};

use crate::engine::{DbError, Tx};

/// A port that is a router's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouterPortRow {
    pub port_id: PortId,
    pub router_id: RouterId,
    pub network_id: NetworkId,
    pub kind: RouterPortKind,
}

const PORTS: &str = "SELECT port_id, router_id, network_id, kind FROM router_ports";

impl Tx<'_> {
    /// Locks several routers, in the order that everyone takes: after networks, before ports.
    pub async fn lock_routers(&mut self, routers: &[RouterId]) -> Result<(), DbError> {
        let ids: Vec<String> = routers.iter().map(RouterId::to_string).collect();
        self.lock_all("routers", &ids).await
    }

    /// Gives a router a port, which is stored already.
    pub async fn add_router_port(
        &mut self,
        router: RouterId,
        port: PortId,
        network: NetworkId,
        kind: RouterPortKind,
    ) -> Result<(), DbError> {
        let sql = "INSERT INTO router_ports (port_id, router_id, network_id, kind) VALUES ($1, $2, $3, $4)";
        let params = vec![
            port.to_string().into(),
            router.to_string().into(),
            network.to_string().into(),
            kind.as_str().into(),
        ];
        self.later(sql, params).await
    }

    /// Takes a port from its router; the port itself stays.
    pub async fn remove_router_port(&mut self, port: PortId) -> Result<(), DbError> {
        self.later("DELETE FROM router_ports WHERE port_id = $1", vec![port.to_string().into()]).await
    }

    /// A router's ports, of all kinds, by id.
    pub async fn router_ports_of(&mut self, router: RouterId) -> Result<Vec<RouterPortRow>, DbError> {
        self.router_ports("router_id", &router.to_string()).await
    }

    /// Locks the routers that lead out by a network: what is shown of them follows their ports there.
    pub async fn lock_routers_by(&mut self, network: NetworkId) -> Result<(), DbError> {
        let sql = "SELECT router_id FROM router_ports WHERE network_id = $1 AND kind = 'gateway' ORDER BY router_id";
        let routers = self.texts(sql, &[network.to_string().into()]).await?;
        self.lock_all("routers", &routers).await
    }

    /// Whether a distributed router has an interface on a network.
    pub async fn is_routed_everywhere(&mut self, network: NetworkId) -> Result<bool, DbError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM router_ports rp JOIN routers r ON r.id = rp.router_id \
                   WHERE rp.network_id = $1 AND rp.kind = 'interface' AND r.distributed = TRUE)";
        Ok(self.number(sql, &[network.to_string().into()]).await? > 0)
    }

    /// What a port is to a router, if it is a router's.
    pub async fn router_port(&mut self, port: PortId) -> Result<Option<RouterPortRow>, DbError> {
        Ok(self.router_ports("port_id", &port.to_string()).await?.pop())
    }

    async fn router_ports(&mut self, column: &str, id: &str) -> Result<Vec<RouterPortRow>, DbError> {
        let sql = format!("{PORTS} WHERE {column} = $1 ORDER BY port_id");
        let mut out = Vec::new();
        self.each(&sql, &[id.into()], |row| {
            let ids = (row.text(0).parse(), row.text(1).parse(), row.text(2).parse());
            let kind = RouterPortKind::of(row.text(3));
            if let ((Ok(port_id), Ok(router_id), Ok(network_id)), Some(kind)) = (ids, kind) {
                out.push(RouterPortRow { port_id, router_id, network_id, kind });
            }
        })
        .await?;
        Ok(out)
    }

    /// A router's ports, of all kinds, whole, oldest first.
    pub async fn router_legs(&mut self, router: RouterId) -> Result<Vec<(RouterPortKind, Port)>, DbError> {
        let rows = self.router_ports_of(router).await?;
        let condition =
            "id IN (SELECT port_id FROM router_ports WHERE router_id = $1) ORDER BY created_us, id";
        let ports: Vec<Port> = self.find(&PORT, condition, &[router.to_string().into()]).await?;
        let kind = |port: &Port| rows.iter().find(|row| row.port_id == port.id).map(|row| row.kind);
        Ok(ports.into_iter().filter_map(|port| Some((kind(&port)?, port))).collect())
    }

    /// The subnets of the networks that a router has ports on, oldest first.
    pub async fn subnets_of_router(&mut self, router: RouterId) -> Result<Vec<Subnet>, DbError> {
        let condition = "network_id IN (SELECT network_id FROM router_ports WHERE router_id = $1) \
                         ORDER BY created_us, id";
        self.find(&SUBNET, condition, &[router.to_string().into()]).await
    }

    /// True when floating IPs, or their forwardings, lead through a router.
    pub async fn router_has_floating_ips(&mut self, router: RouterId) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM floatingips WHERE router_id = $1";
        Ok(self.number(sql, &[router.to_string().into()]).await? > 0)
    }

    /// The same of those that lead to a subnet.
    pub async fn router_has_floating_ips_on(
        &mut self,
        router: RouterId,
        subnet: SubnetId,
    ) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM floatingips f JOIN ip_allocations a ON a.subnet_id = $2 AND \
            (a.port_id = f.port_id AND a.ip_address = f.fixed_ip_address OR EXISTS \
             (SELECT 1 FROM port_forwardings w WHERE w.floatingip_id = f.id \
              AND w.internal_port_id = a.port_id AND w.internal_ip_address = a.ip_address)) \
            WHERE f.router_id = $1";
        Ok(self.number(sql, &[router.to_string().into(), subnet.to_string().into()]).await? > 0)
    }

    /// True when routers lead out by a network.
    pub async fn leads_out(&mut self, network: NetworkId) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM router_ports WHERE network_id = $1 AND kind = 'gateway'";
        Ok(self.number(sql, &[network.to_string().into()]).await? > 0)
    }

    /// Forgets what a router that goes has besides its ports.
    pub async fn forget_router(&mut self, router: RouterId) -> Result<(), DbError> {
        self.later("DELETE FROM ha_vr_ids WHERE router_id = $1", vec![router.to_string().into()]).await
    }

    /// The network that a subnet or port is on.
    pub async fn network_of(
        &mut self,
        table: &'static Resource,
        id: &str,
    ) -> Result<Option<String>, DbError> {
        let sql = format!("SELECT network_id FROM {} WHERE id = $1", table.plural);
        Ok(self.texts(&sql, &[id.into()]).await?.pop())
    }

    /// Raises a router's revision because something that belongs to it changed.
    pub async fn bump_router(&mut self, router: RouterId, updated_at: &str) -> Result<(), DbError> {
        self.bump(&ROUTER, router, updated_at).await
    }

    /// Asks for a router to be looked at: what hosts should have of it may have changed. Whoever commits
    /// learns of it by [`Tx::routers_due`], and the row, written at the commit, survives him.
    pub async fn router_due(&mut self, router: RouterId, now_us: i64) -> Result<(), DbError> {
        self.dues.entry(router).or_insert(now_us);
        Ok(())
    }

    /// The routers that this transaction asked to be looked at.
    pub fn routers_due(&self) -> Vec<RouterId> {
        self.dues.keys().copied().collect()
    }
}
