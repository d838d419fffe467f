//! Address groups that hosts must know of.

use model::api::address_group::{ADDRESS_GROUP, AddressGroup};

use crate::engine::{DbError, Param, Tx};

impl Tx<'_> {
    pub(crate) async fn address_groups(&mut self, ids: &[String]) -> Result<Vec<AddressGroup>, DbError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let marks: Vec<String> = (1..=ids.len()).map(|at| format!("${at}")).collect();
        let params: Vec<Param> = ids.iter().map(|id| id.as_str().into()).collect();
        self.find(&ADDRESS_GROUP, &format!("id IN ({}) ORDER BY id", marks.join(", ")), &params).await
    }
}
