//! Flavors: their service profiles, and their routers.

use model::api::flavor::{SERVICE_PROFILE, ServiceProfile};

use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// The profile that a flavor's routers are made by: its first.
    pub async fn first_profile(&mut self, flavor: &str) -> Result<Option<ServiceProfile>, DbError> {
        let condition = "id IN (SELECT service_profile_id FROM flavor_service_profiles WHERE flavor_id = $1) \
                         ORDER BY created_us, id LIMIT 1";
        Ok(self.find(&SERVICE_PROFILE, condition, &[flavor.into()]).await?.pop())
    }

    pub async fn has_profile(&mut self, flavor: &str, profile: &str) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM flavor_service_profiles \
                   WHERE flavor_id = $1 AND service_profile_id = $2";
        Ok(self.number(sql, &[flavor.into(), profile.into()]).await? > 0)
    }

    /// A conflict when somebody else does it meanwhile.
    pub async fn tie_profile(&mut self, flavor: &str, profile: &str) -> Result<(), DbError> {
        let sql = "INSERT INTO flavor_service_profiles (flavor_id, service_profile_id) VALUES ($1, $2)";
        self.later(sql, vec![flavor.to_owned().into(), profile.to_owned().into()]).await
    }

    pub async fn untie_profile(&mut self, flavor: &str, profile: &str) -> Result<(), DbError> {
        let sql = "DELETE FROM flavor_service_profiles WHERE flavor_id = $1 AND service_profile_id = $2";
        self.later(sql, vec![flavor.to_owned().into(), profile.to_owned().into()]).await
    }

    /// Whether any flavor has the profile.
    pub async fn profile_is_tied(&mut self, profile: &str) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM flavor_service_profiles WHERE service_profile_id = $1";
        Ok(self.number(sql, &[profile.into()]).await? > 0)
    }

    pub async fn flavor_has_routers(&mut self, flavor: &str) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM (SELECT 1 AS one FROM routers WHERE flavor_id = $1 LIMIT 1) found";
        Ok(self.number(sql, &[flavor.into()]).await? > 0)
    }
}
