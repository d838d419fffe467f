//! Flavors of routers: which providers there are, and what a router of one may be.

use model::api::flavor::{Flavor, FlavorAsk, ServiceProfile, ServiceProfileAsk};
use model::api::router::{Router, RouterCreate, RouterUpdate};

use crate::standard::begin;
use crate::{Refusal, Stamp};

/// Why a flavor or a profile cannot be so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlavorRefusal {
    #[error("Flavor {0} was not found.")]
    NotFound(String),
    #[error("Routers are of flavor {0}.")]
    InUse(String),
    #[error("Flavors have the service profile {0}.")]
    ProfileInUse(String),
    #[error("A service profile has a driver, or metainfo.")]
    ProfileEmpty,
    #[error("No service provider has the driver '{0}'.")]
    NoDriver(String),
    #[error("The flavor's service profile is disabled.")]
    ProfileDisabled,
    #[error("Flavor {flavor} has the service profile {profile} already.")]
    Tied { flavor: String, profile: String },
    #[error("Flavor {flavor} has no service profile {profile}.")]
    NotTied { flavor: String, profile: String },
    #[error("Service provider {provider} makes no routers with {what}={asked}.")]
    NotByProvider { provider: &'static str, what: &'static str, asked: bool },
    #[error("A router of a flavor keeps 'ha' and 'distributed' as they are.")]
    KeepsKind,
}

/// One way in which routers are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    pub name: &'static str,
    /// As profiles name it; the names are those that operators' scripts know.
    pub driver: &'static str,
    pub distributed: bool,
    pub ha: bool,
}

const fn provider(name: &'static str, driver: &'static str, distributed: bool, ha: bool) -> Provider {
    Provider { name, driver, distributed, ha }
}

pub const PROVIDERS: [Provider; 4] = [
    provider("dvrha", "neutron.services.l3_router.service_providers.dvrha.DvrHaDriver", true, true),
    provider("dvr", "neutron.services.l3_router.service_providers.dvr.DvrDriver", true, false),
    provider("ha", "neutron.services.l3_router.service_providers.ha.HaDriver", false, true),
    provider(
        "single_node",
        "neutron.services.l3_router.service_providers.single_node.SingleNodeDriver",
        false,
        false,
    ),
];

/// Taken of whoever says it, and left to who ties profiles.
const TIED: &str = "service_profiles";

pub fn create(new: FlavorAsk, stamp: &mut Stamp) -> Flavor {
    let mut rest = new.rest;
    rest.remove(TIED);
    begin(&mut rest, stamp);
    Flavor { id: stamp.uuid().to_string(), enabled: new.enabled.unwrap_or(true), rest }
}

pub fn update(before: &Flavor, change: FlavorAsk) -> Flavor {
    let mut after = before.clone();
    after.enabled = change.enabled.unwrap_or(after.enabled);
    after.rest.extend(change.rest);
    after.rest.remove(TIED);
    after
}

pub fn create_profile(new: ServiceProfileAsk, stamp: &mut Stamp) -> Result<ServiceProfile, Refusal> {
    let driver = new.driver.unwrap_or_default();
    let metainfo = new.metainfo.flatten();
    if driver.is_empty() && metainfo.as_ref().is_none_or(String::is_empty) {
        return Err(FlavorRefusal::ProfileEmpty.into());
    }
    check_driver(&driver)?;
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    let id = stamp.uuid().to_string();
    Ok(ServiceProfile { id, driver, enabled: new.enabled.unwrap_or(true), metainfo, rest })
}

/// A profile that flavors have stays as it is.
pub fn update_profile(
    before: &ServiceProfile,
    change: ServiceProfileAsk,
    is_tied: bool,
) -> Result<ServiceProfile, Refusal> {
    check_driver(change.driver.as_deref().unwrap_or_default())?;
    check_untied(&before.id, is_tied)?;
    let mut after = before.clone();
    after.driver = change.driver.unwrap_or(after.driver);
    after.enabled = change.enabled.unwrap_or(after.enabled);
    after.metainfo = change.metainfo.unwrap_or(after.metainfo);
    after.rest.extend(change.rest);
    Ok(after)
}

pub fn check_untied(profile: &str, is_tied: bool) -> Result<(), Refusal> {
    if is_tied { Err(FlavorRefusal::ProfileInUse(profile.to_owned()).into()) } else { Ok(()) }
}

fn check_driver(driver: &str) -> Result<(), Refusal> {
    if driver.is_empty() { Ok(()) } else { of_driver(driver).map(drop) }
}

fn of_driver(driver: &str) -> Result<Provider, Refusal> {
    let found = PROVIDERS.into_iter().find(|provider| provider.driver == driver);
    found.ok_or_else(|| FlavorRefusal::NoDriver(driver.to_owned()).into())
}

/// Who makes routers of a flavor: by the first of its profiles.
pub fn next(flavor: &str, first: Option<&ServiceProfile>) -> Result<Provider, Refusal> {
    let profile =
        first.ok_or_else(|| FlavorRefusal::NotTied { flavor: flavor.to_owned(), profile: String::new() })?;
    if !profile.enabled {
        return Err(FlavorRefusal::ProfileDisabled.into());
    }
    of_driver(&profile.driver)
}

/// What a request says of a router is what the provider makes. What it does not say follows the server's
/// settings, as the reference has it.
pub fn check_create(provider: Provider, new: &RouterCreate) -> Result<(), Refusal> {
    let asked = [("distributed", new.distributed, provider.distributed), ("ha", new.ha, provider.ha)];
    match asked.into_iter().find(|(_, asked, makes)| asked.is_some_and(|asked| asked != *makes)) {
        Some((what, asked, makes)) => {
            let asked = asked.unwrap_or(!makes);
            Err(FlavorRefusal::NotByProvider { provider: provider.name, what, asked }.into())
        }
        None => Ok(()),
    }
}

/// A router of a flavor does not become another kind.
pub fn check_update(before: &Router, change: &RouterUpdate) -> Result<(), Refusal> {
    let changes = |asked: Option<bool>, is: bool| asked.is_some_and(|asked| asked != is);
    let moves = changes(change.distributed, before.distributed) || changes(change.ha, before.ha);
    if before.flavor_id.is_some() && moves { Err(FlavorRefusal::KeepsKind.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn a_profile(driver: &str, enabled: bool) -> ServiceProfile {
        ServiceProfile { id: "1".into(), driver: driver.into(), enabled, metainfo: None, rest: Map::new() }
    }

    fn why<T>(outcome: Result<T, Refusal>) -> Result<T, FlavorRefusal> {
        outcome.map_err(|refusal| match refusal {
            Refusal::Flavor(why) => why,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn the_first_profile_says_who_makes_routers() {
        for provider in PROVIDERS {
            assert_eq!(why(next("f", Some(&a_profile(provider.driver, true)))), Ok(provider));
        }
        let off = next("f", Some(&a_profile(PROVIDERS[0].driver, false)));
        assert_eq!(why(off), Err(FlavorRefusal::ProfileDisabled));
        assert_eq!(why(next("f", Some(&a_profile("x", true)))), Err(FlavorRefusal::NoDriver("x".into())));
        assert!(matches!(why(next("f", None)), Err(FlavorRefusal::NotTied { .. })));
    }

    #[test]
    fn a_router_is_what_its_provider_makes() {
        let asks = |ha: Option<bool>, distributed: Option<bool>| -> RouterCreate {
            let ask = json!({ "project_id": "p", "admin_state_up": true, "ha": ha, "distributed": distributed,
                "availability_zone_hints": [] });
            serde_json::from_value(ask).expect("a router")
        };
        for provider in PROVIDERS {
            let good = check_create(provider, &asks(Some(provider.ha), Some(provider.distributed)));
            assert_eq!(why(good), Ok(()), "{}", provider.name);
            assert!(check_create(provider, &asks(None, None)).is_ok(), "{}", provider.name);
            assert!(check_create(provider, &asks(Some(!provider.ha), None)).is_err(), "{}", provider.name);
            assert!(check_create(provider, &asks(None, Some(!provider.distributed))).is_err());
        }
    }

    #[test]
    fn a_profile_has_a_driver_or_words() {
        let ask = |driver: &str, metainfo: Option<&str>| -> ServiceProfileAsk {
            serde_json::from_value(json!({ "driver": driver, "metainfo": metainfo })).expect("a profile")
        };
        let made = |ask| why(create_profile(ask, &mut Stamp::new(1, "now".into(), 1)).map(drop));
        assert_eq!(made(ask("", None)), Err(FlavorRefusal::ProfileEmpty));
        assert_eq!(made(ask("", Some(""))), Err(FlavorRefusal::ProfileEmpty));
        assert_eq!(made(ask("", Some("words"))), Ok(()));
        assert_eq!(made(ask(PROVIDERS[1].driver, None)), Ok(()));
        assert!(made(ask("x", None)).is_err());
    }
}
