//! Routers: their ports, and facts that are more than their rows.

use model::api::router::{ROUTER, RouterPortKind};
use model::{NetworkId, PortId, RouterId};

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

    /// The ports by which routers are in a network.
    pub async fn routers_of_network(&mut self, network: NetworkId) -> Result<Vec<RouterPortRow>, DbError> {
        self.router_ports("network_id", &network.to_string()).await
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
            let kind = RouterPortKind::ALL.into_iter().find(|kind| kind.as_str() == row.text(3));
            if let ((Ok(port_id), Ok(router_id), Ok(network_id)), Some(kind)) = (ids, kind) {
                out.push(RouterPortRow { port_id, router_id, network_id, kind });
            }
        })
        .await?;
        Ok(out)
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
