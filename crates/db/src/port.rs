//! Ports: their addresses, and facts that are more than their rows.

use std::net::IpAddr;

use model::api::port::{PORT, Port};
use model::{NetworkId, PortId, SubnetId};

use crate::engine::{DbError, Tx};

/// An address and who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRow {
    pub port_id: String,
    pub device_owner: String,
    pub ip_address: String,
}

/// The address in hex of fixed width: text that sorts as addresses do.
pub(crate) fn ip_key(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => format!("{:08x}", u32::from(ip)),
        IpAddr::V6(ip) => format!("{:032x}", u128::from(ip)),
    }
}

fn from_key(key: &str) -> Option<IpAddr> {
    match key.len() {
        8 => u32::from_str_radix(key, 16).ok().map(|n| IpAddr::V4(n.into())),
        _ => u128::from_str_radix(key, 16).ok().map(|n| IpAddr::V6(n.into())),
    }
}

impl Tx<'_> {
    /// Addresses of a subnet that are held, between two (both included), in order.
    pub async fn held_between(
        &mut self,
        subnet: SubnetId,
        from: IpAddr,
        to: IpAddr,
    ) -> Result<Vec<IpAddr>, DbError> {
        let sql = "SELECT ip_key FROM ip_allocations \
                   WHERE subnet_id = $1 AND ip_key BETWEEN $2 AND $3 ORDER BY ip_key";
        let params = [subnet.to_string().into(), ip_key(from).into(), ip_key(to).into()];
        let mut out = Vec::new();
        self.each(sql, &params, |row| out.extend(from_key(row.text(0)))).await?;
        Ok(out)
    }

    /// Gives an address to a port; a conflict when it is held.
    pub async fn hold_address(&mut self, subnet: SubnetId, ip: IpAddr, port: PortId) -> Result<(), DbError> {
        let sql =
            "INSERT INTO ip_allocations (subnet_id, ip_key, ip_address, port_id) VALUES ($1, $2, $3, $4)";
        let params = vec![
            subnet.to_string().into(),
            ip_key(ip).into(),
            ip.to_string().into(),
            port.to_string().into(),
        ];
        self.later(sql, params).await
    }

    pub async fn release_address(&mut self, subnet: SubnetId, ip: IpAddr) -> Result<(), DbError> {
        let sql = "DELETE FROM ip_allocations WHERE subnet_id = $1 AND ip_key = $2";
        self.later(sql, vec![subnet.to_string().into(), ip_key(ip).into()]).await
    }

    /// A network's ports, oldest first.
    pub async fn ports_of(&mut self, network: NetworkId) -> Result<Vec<Port>, DbError> {
        let condition = "network_id = $1 ORDER BY created_us, id";
        self.find(&PORT, condition, &[network.to_string().into()]).await
    }

    /// The ports of a network's own DHCP servers; those that users made for theirs are none of them.
    pub async fn dhcp_ports(&mut self, network: NetworkId) -> Result<Vec<Port>, DbError> {
        let condition = "network_id = $1 AND device_owner = 'network:dhcp' AND device_id LIKE $2 \
                         ORDER BY created_us, id";
        let ours = format!("dhcp%-{network}");
        self.find(&PORT, condition, &[network.to_string().into(), ours.into()]).await
    }

    /// Ports of a network that wait to become ACTIVE.
    pub async fn waiting_ports(&mut self, network: NetworkId) -> Result<Vec<Port>, DbError> {
        let condition = "network_id = $1 AND status = 'BUILD' ORDER BY id";
        self.find(&PORT, condition, &[network.to_string().into()]).await
    }

    /// Ports that a host could not be bound to, by id from one on, a page at a time.
    pub async fn failed_ports(&mut self, host: &str, after: &str, page: u32) -> Result<Vec<Port>, DbError> {
        let condition =
            format!("host = $1 AND vif_type = 'binding_failed' AND id > $2 ORDER BY id LIMIT {page}");
        self.find(&PORT, &condition, &[host.into(), after.into()]).await
    }

    /// True when a port of the network has this MAC address.
    pub async fn mac_in_use(&mut self, network: NetworkId, mac: &str) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM ports WHERE network_id = $1 AND mac_address = $2";
        Ok(self.number(sql, &[network.to_string().into(), mac.into()]).await? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_addresses_do() {
        let ips = ["10.0.0.9", "10.0.0.10", "172.16.0.1", "192.168.0.1"];
        let keys: Vec<String> = ips.iter().map(|ip| ip_key(ip.parse().expect("ip"))).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        for (ip, key) in ips.iter().zip(&keys) {
            assert_eq!(from_key(key), ip.parse().ok());
        }
        let ip: IpAddr = "2001:db8::1".parse().expect("ip");
        assert_eq!(from_key(&ip_key(ip)), Some(ip));
    }
}
