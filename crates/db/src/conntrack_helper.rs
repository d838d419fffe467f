//! Conntrack helpers of routers.

use model::RouterId;
use model::api::conntrack_helper::{CONNTRACK_HELPER, ConntrackHelper};

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// A router's helpers, oldest first.
    pub async fn helpers_of(&mut self, router: RouterId) -> Result<Vec<ConntrackHelper>, DbError> {
        let condition = "router_id = $1 ORDER BY created_us, id";
        self.find(&CONNTRACK_HELPER, condition, &[router.to_string().into()]).await
    }
}
