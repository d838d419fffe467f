//! Subnets: facts that are more than their rows.

use model::api::subnet::{SUBNET, Subnet};
use model::{NetworkId, PortId, SubnetId};

use crate::engine::{DbError, Tx};
use crate::port::AddressRow;

impl Tx<'_> {
    /// A network's subnets, oldest first.
    pub async fn subnets_of(&mut self, network: NetworkId) -> Result<Vec<Subnet>, DbError> {
        let condition = "network_id = $1 ORDER BY created_us, id";
        self.find(&SUBNET, condition, &[network.to_string().into()]).await
    }

    /// Who of the given kinds of owner, or of all but them, holds addresses of a subnet.
    pub async fn addresses_by_owner(
        &mut self,
        subnet: SubnetId,
        owners: &[&str],
        among: bool,
    ) -> Result<Vec<AddressRow>, DbError> {
        let marks: Vec<String> = (0..owners.len()).map(|at| format!("${}", at + 2)).collect();
        let sql = format!(
            "SELECT a.port_id, p.device_owner, a.ip_address FROM ip_allocations a \
             JOIN ports p ON p.id = a.port_id WHERE a.subnet_id = $1 AND p.device_owner {} IN ({}) \
             ORDER BY a.ip_key LIMIT 100",
            if among { "" } else { "NOT" },
            marks.join(", ")
        );
        let mut params = vec![crate::Param::from(subnet.to_string())];
        params.extend(owners.iter().map(|owner| crate::Param::from(*owner)));
        let mut out = Vec::new();
        self.each(&sql, &params, |row| {
            out.push(AddressRow {
                port_id: row.text(0).to_owned(),
                device_owner: row.text(1).to_owned(),
                ip_address: row.text(2).to_owned(),
            });
        })
        .await?;
        Ok(out)
    }

    /// Ports that hold an address of a subnet.
    pub async fn ports_with_address_on(&mut self, subnet: SubnetId) -> Result<Vec<PortId>, DbError> {
        let sql = "SELECT DISTINCT port_id FROM ip_allocations WHERE subnet_id = $1 ORDER BY port_id";
        let found = self.texts(sql, &[subnet.to_string().into()]).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }
}
