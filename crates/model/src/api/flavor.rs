//! Flavors: kinds of routers that operators offer by name, and what they are made of. A flavor has service
//! profiles, a profile has a driver, and a driver is that of a service provider.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::convert::Convert;
use crate::api::table::{Attr, Default, ID, NAME, Ops, Parent, Resource, Source, boolean, int, json, text};
use crate::api::validate::Check;

pub const FLAVOR: Resource = Resource {
    singular: "flavor",
    plural: "flavors",
    path: "flavors",
    parent: None,
    not_found: "FlavorNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "",
    quota: None,
    attrs: OF_FLAVORS,
};

pub const SERVICE_PROFILE: Resource = Resource {
    singular: "service_profile",
    plural: "service_profiles",
    path: "service_profiles",
    parent: None,
    not_found: "ServiceProfileNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "",
    quota: None,
    attrs: OF_PROFILES,
};

/// A profile of a flavor: told by its id, taken away by it, and neither shown nor changed.
pub const FLAVORS_PROFILE: Resource = Resource {
    path: "service_profiles",
    parent: Some(Parent { table: &FLAVOR, column: "flavor_id" }),
    not_found: "FlavorServiceProfileBindingNotFound",
    ops: Ops { create: true, update: false, delete: true },
    attrs: OF_TIES,
    ..SERVICE_PROFILE
};

/// Who would make a router of a flavor.
pub const NEXT_PROVIDER: Resource = Resource {
    singular: "next_provider",
    plural: "next_providers",
    path: "next_providers",
    parent: Some(Parent { table: &FLAVOR, column: "flavor_id" }),
    not_found: "HTTPNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: false, update: false, delete: false },
    seen_by: "",
    quota: None,
    attrs: OF_NEXT,
};

/// Listed only: what this server can make.
pub const SERVICE_PROVIDER: Resource = Resource {
    singular: "service_provider",
    plural: "service_providers",
    path: "service-providers",
    parent: None,
    not_found: "HTTPNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: false, update: false, delete: false },
    seen_by: "",
    quota: None,
    attrs: OF_PROVIDERS,
};

/// What a flavor can be of.
pub const SERVICE_TYPES: [&str; 4] = ["CORE", "FLAVORS", L3, "QOS"];
pub const L3: &str = "L3_ROUTER_NAT";
/// Of a profile's own words: nothing here reads them.
const MAX_METAINFO: usize = 65_535;

const TIED: &str = "(SELECT {json_list t.service_profile_id} FROM flavor_service_profiles t \
    WHERE t.flavor_id = flavors.id)";
const ENABLED: Attr = boolean("enabled")
    .default(Default::Bool(true))
    .convert(Convert::BooleanOrNull)
    .post()
    .put()
    .shown()
    .filter()
    .sort();
const WORDS: Attr = text("description")
    .default(Default::Text(""))
    .check(Check::TextOrNull(1024))
    .post()
    .put()
    .shown()
    .filter()
    .sort();

const OF_FLAVORS: &[Attr] = &[
    ID.via("flavors"),
    NAME.via("flavors"),
    WORDS.via("flavors"),
    text("service_type").check(Check::ServicePlugin).post().shown().filter().sort().via("flavors"),
    // Taken, and left to the collection below the flavor.
    json("service_profiles")
        .from(Source::Sql(TIED))
        .default(Default::EmptyList)
        .check(Check::UuidList)
        .post()
        .put()
        .shown()
        .via("flavors"),
    ENABLED.via("flavors"),
    int("created_us").default(Default::Unset),
];

const OF_PROFILES: &[Attr] = &[
    ID.via("flavors"),
    WORDS,
    text("driver").default(Default::Text("")).check(Check::Text(1024)).post().put().shown().filter().sort(),
    ENABLED,
    text("metainfo")
        .default(Default::Text(""))
        .convert(Convert::Text)
        .check(Check::TextOrNull(MAX_METAINFO))
        .post()
        .put()
        .shown()
        .sort(),
    int("created_us").default(Default::Unset),
];

const OF_TIES: &[Attr] = &[text("id").check(Check::Uuid).post().shown().via("flavors")];

const OF_NEXT: &[Attr] = &[
    text("provider").default(Default::Unset).shown().via("flavors"),
    text("driver").default(Default::Unset).shown().via("flavors"),
    text("metainfo").default(Default::Unset).shown().via("flavors"),
];

const OF_PROVIDERS: &[Attr] = &[
    text("service_type").default(Default::Unset).shown().via("service-type"),
    text("name").default(Default::Unset).shown().via("service-type"),
    boolean("default").default(Default::Unset).shown().via("service-type"),
];

/// A flavor as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Flavor {
    pub id: String,
    pub enabled: bool,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A service profile as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ServiceProfile {
    pub id: String,
    pub driver: String,
    pub enabled: bool,
    pub metainfo: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST or a PUT says of a flavor; absent means untouched.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct FlavorAsk {
    pub enabled: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The same of a service profile.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct ServiceProfileAsk {
    pub driver: Option<String>,
    pub enabled: Option<bool>,
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub metainfo: Option<Option<String>>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
