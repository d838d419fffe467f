//! Port forwardings: those of a floating IP, and those to a port.

use model::api::port_forwarding::{PORT_FORWARDING, PortForwarding};
use model::{FloatingIpId, PortForwardingId, PortId, RouterId};

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// What a floating IP forwards, oldest first.
    pub async fn forwardings_of(&mut self, floatingip: FloatingIpId) -> Result<Vec<PortForwarding>, DbError> {
        let condition = "floatingip_id = $1 ORDER BY created_us, id";
        self.find(&PORT_FORWARDING, condition, &[floatingip.to_string().into()]).await
    }

    /// What is forwarded to a port, by id.
    pub async fn forwardings_to(&mut self, port: PortId) -> Result<Vec<PortForwarding>, DbError> {
        self.find(&PORT_FORWARDING, "internal_port_id = $1 ORDER BY id", &[port.to_string().into()]).await
    }

    /// Ports of a router that other forwardings than one lead to ports of other numbers.
    pub async fn shifted_ports(&mut self, router: RouterId, but: PortForwardingId) -> Result<i64, DbError> {
        let sql = "SELECT CAST(COALESCE(SUM(w.external_last - w.external_first + 1), 0) AS BIGINT) \
                   FROM floatingips f JOIN port_forwardings w ON w.floatingip_id = f.id \
                   WHERE f.router_id = $1 AND w.id <> $2 AND NOT (w.external_last > w.external_first \
                   AND w.internal_first = w.external_first AND w.internal_last = w.external_last)";
        self.number(sql, &[router.to_string().into(), but.to_string().into()]).await
    }

    pub async fn forwards(&mut self, floatingip: FloatingIpId) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM port_forwardings WHERE floatingip_id = $1";
        Ok(self.number(sql, &[floatingip.to_string().into()]).await? > 0)
    }
}
