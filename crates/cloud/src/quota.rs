//! How many resources a project may have.

use std::collections::BTreeMap;

use model::api::quota::{UNLIMITED, limited};
use model::api::table::Resource;
use serde::{Deserialize, Serialize};

use crate::Refusal;

/// Limits by the resource's singular name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(pub BTreeMap<String, i64>);

impl Default for Limits {
    fn default() -> Limits {
        Limits(limited().map(|(table, limit)| (table.singular.to_owned(), limit)).collect())
    }
}

impl Limits {
    /// Says what is wrong with the operator's limits.
    pub fn check(&self) -> Result<(), String> {
        for (name, limit) in &self.0 {
            if limited().all(|(table, _)| table.singular != name) {
                let known: Vec<&str> = limited().map(|(table, _)| table.singular).collect();
                return Err(format!("no quota is kept for '{name}', only for {}", known.join(", ")));
            }
            if *limit < UNLIMITED {
                return Err(format!("the quota of {name} is {limit}; -1 sets none"));
            }
        }
        Ok(())
    }

    /// The limits of a project: its own before those for all.
    #[must_use]
    pub fn with(&self, own: BTreeMap<String, i64>) -> Limits {
        let mut limits = Limits::default();
        limits.0.extend(self.0.clone());
        limits.0.extend(own.into_iter().filter(|(name, _)| limits.0.contains_key(name)).collect::<Vec<_>>());
        limits
    }

    /// How many of a resource are allowed; `None` is any number.
    pub fn of(&self, table: &Resource) -> Option<i64> {
        self.0.get(table.singular).copied().filter(|limit| *limit > UNLIMITED)
    }
}

/// May a project that has `used` get `more`?
pub fn check(table: &'static Resource, limit: i64, used: i64, more: i64) -> Result<(), Refusal> {
    if used + more > limit {
        Err(Refusal::OverQuota { resource: table.singular, limit, used })
    } else {
        Ok(())
    }
}

/// May the limit be this, with so many there? Only by force below them.
pub fn check_limit(table: &'static Resource, limit: i64, used: i64) -> Result<(), Refusal> {
    if limit > UNLIMITED && used > limit {
        return Err(Refusal::QuotaBelowUse { resource: table.singular, limit, used });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::api::network::NETWORK;
    use model::api::port::PORT;

    #[test]
    fn a_projects_own_limit_counts_before_the_default() {
        let all = Limits(BTreeMap::from([("port".to_owned(), 7)]));
        let limits = all.with(BTreeMap::from([("network".to_owned(), -1), ("unheard".to_owned(), 1)]));
        assert_eq!((limits.of(&NETWORK), limits.of(&PORT)), (None, Some(7)));
        assert!(!limits.0.contains_key("unheard"));
        assert!(check(&PORT, 7, 6, 1).is_ok());
        assert!(check(&PORT, 7, 6, 2).is_err());
        assert!(check_limit(&PORT, -1, 100).is_ok() && check_limit(&PORT, 99, 100).is_err());
        assert!(Limits(BTreeMap::from([("ports".to_owned(), 1)])).check().is_err());
    }
}
