//! Local IPs, and the ports that stand for them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use model::api::local_ip::IpMode;
use model::{LocalIpId, NetworkId, PortId};
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Tx};

/// An address that a port stands for: it, the port's own, and what becomes of packets.
pub type Stood = (Ipv4Addr, Ipv4Addr, IpMode);

impl Tx<'_> {
    /// Whose the local IPs of a network are.
    pub async fn local_ip_owners(&mut self, network: NetworkId) -> Result<Vec<String>, DbError> {
        let sql = "SELECT project_id FROM local_ips WHERE network_id = $1";
        let mut owners = Vec::new();
        self.each(sql, &[network.to_string().into()], |row| owners.push(row.text(0).to_owned())).await?;
        Ok(owners)
    }

    /// The addresses of a port that are local IPs.
    pub async fn local_addresses(&mut self, port: PortId) -> Result<Vec<IpAddr>, DbError> {
        let sql = "SELECT local_ip_address FROM local_ips WHERE local_port_id = $1";
        let mut found = Vec::new();
        self.each(sql, &[port.to_string().into()], |row| found.extend(row.text(0).parse::<IpAddr>())).await?;
        Ok(found)
    }

    /// Whether ports stand for a local IP.
    pub async fn has_associations(&mut self, local_ip: LocalIpId) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM port_associations WHERE local_ip_id = $1";
        Ok(self.number(sql, &[local_ip.to_string().into()]).await? > 0)
    }

    /// What some ports stand for; of IPv4 alone.
    pub(crate) async fn stood_for(
        &mut self,
        ports: &[PortId],
    ) -> Result<BTreeMap<PortId, Vec<Stood>>, DbError> {
        let mut found: BTreeMap<PortId, Vec<Stood>> = BTreeMap::new();
        if ports.is_empty() {
            return Ok(found);
        }
        let among = dialect::among(self.engine(), "$1");
        let sql = format!(
            "SELECT a.fixed_port_id, l.local_ip_address, a.fixed_ip, l.ip_mode FROM port_associations a \
             JOIN local_ips l ON l.id = a.local_ip_id WHERE a.fixed_port_id IN {among}"
        );
        self.each(&sql, &[json!(ports).to_string().into()], |row| {
            let mode = if row.text(3) == "passthrough" { IpMode::Passthrough } else { IpMode::Translate };
            let (Ok(port), Ok(address), Ok(own)) =
                (row.text(0).parse(), row.text(1).parse(), row.text(2).parse())
            else {
                return;
            };
            found.entry(port).or_default().push((address, own, mode));
        })
        .await?;
        Ok(found)
    }
}
