//! Bindings that stand ready for ports to move to.

use model::PortId;
use model::api::port_binding::{INACTIVE, PortBinding};

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// Those of a port, by host.
    pub async fn bindings_of(&mut self, port: PortId) -> Result<Vec<PortBinding>, DbError> {
        let sql = "SELECT host, vif_type, vif_details, vnic_type, profile FROM port_bindings \
                   WHERE port_id = $1 ORDER BY host";
        let mut out = Vec::new();
        self.each(sql, &[port.to_string().into()], |row| {
            out.push(PortBinding {
                port_id: port,
                host: row.text(0).to_owned(),
                vif_type: row.text(1).to_owned(),
                vif_details: serde_json::from_str(row.text(2)).unwrap_or_default(),
                vnic_type: row.text(3).to_owned(),
                profile: serde_json::from_str(row.text(4)).unwrap_or_default(),
                status: INACTIVE.to_owned(),
            });
        })
        .await?;
        Ok(out)
    }

    /// Stores one; a conflict when another request made it.
    pub async fn add_binding(&mut self, binding: &PortBinding) -> Result<(), DbError> {
        let sql = "INSERT INTO port_bindings (port_id, host, vif_type, vif_details, vnic_type, profile) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let profile = serde_json::Value::Object(binding.profile.clone()).to_string();
        let params = vec![
            binding.port_id.to_string().into(),
            binding.host.clone().into(),
            binding.vif_type.clone().into(),
            binding.vif_details.to_string().into(),
            binding.vnic_type.clone().into(),
            profile.into(),
        ];
        self.later(sql, params).await
    }

    /// True when there was such a one.
    pub async fn drop_binding(&mut self, port: PortId, host: &str) -> Result<bool, DbError> {
        let sql = "DELETE FROM port_bindings WHERE port_id = $1 AND host = $2";
        Ok(self.execute(sql, &[port.to_string().into(), host.into()]).await? > 0)
    }
}
