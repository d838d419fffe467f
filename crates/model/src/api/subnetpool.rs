//! Subnet pools: ranges that subnets are taken from. The table, and the typed pool.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::SubnetpoolId;
use crate::api::convert::Convert;
use crate::api::sharing::{own_or_granted, shared};
use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, NOT_TAGS, NOT_TAGS_ANY, Ops, PROJECT_ID, REVISION_NUMBER,
    Resource, Source, TAGS, TAGS_ANY, TENANT_ID, UPDATED_AT, boolean, int, json, number_as_text, text,
};
use crate::api::validate::{Check, MAX_LIST};
use crate::api::{Invalid, InvalidKind};

pub const SUBNETPOOL: Resource = Resource {
    singular: "subnetpool",
    plural: "subnetpools",
    path: "subnetpools",
    parent: None,
    not_found: "SubnetPoolNotFound",
    core: true,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: own_or_granted!("subnetpools", "subnetpools.id"),
    quota: Some(-1),
    attrs: ATTRS,
};

/// The most prefixes of one pool.
pub const MAX_PREFIXES: usize = 1024;

const SHARED: &str = shared!("subnetpools.id");

/// A prefix length: a text in answers.
const fn length(name: &'static str) -> Attr {
    number_as_text(name)
        .default(Default::Unset)
        .check(Check::NonNegative)
        .post()
        .put()
        .shown()
        .filter()
        .sort()
}

const ATTRS: &[Attr] = &[
    ID,
    text("name").check(Check::FilledName(255)).post().put().shown().filter().sort(),
    TENANT_ID,
    json("prefixes").check(Check::UniquePrefixes).post().put().shown(),
    int("default_quota")
        .default(Default::Unset)
        .check(Check::NonNegative)
        .post()
        .put()
        .shown()
        .filter()
        .sort(),
    int("ip_version").default(Default::Unset).shown().filter().sort(),
    length("default_prefixlen"),
    length("min_prefixlen"),
    length("max_prefixlen"),
    boolean("is_default")
        .default(Default::Bool(false))
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .target()
        .enforced(),
    boolean("shared")
        .from(Source::Sql(SHARED))
        .default(Default::Bool(false))
        .post()
        .shown()
        .filter()
        .sort()
        .target()
        .enforced(),
    text("address_scope_id")
        .default(Default::Unset)
        .check(Check::UuidOrNull)
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .via("address-scope"),
    REVISION_NUMBER,
    TAGS,
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    DESCRIPTION,
    PROJECT_ID,
    int("created_us").convert(Convert::None).default(Default::Unset),
];

/// A subnet pool as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Subnetpool {
    pub id: SubnetpoolId,
    pub project_id: String,
    /// As few as say the same, in order, all of one family.
    pub prefixes: Vec<IpNet>,
    pub ip_version: i64,
    /// How much one project may take: addresses of IPv4, networks of /64 of IPv6.
    pub default_quota: Option<i64>,
    pub default_prefixlen: i64,
    pub min_prefixlen: i64,
    pub max_prefixlen: i64,
    pub is_default: bool,
    pub address_scope_id: Option<String>,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SubnetpoolCreate {
    pub project_id: String,
    pub prefixes: Vec<IpNet>,
    pub default_quota: Option<i64>,
    pub default_prefixlen: Option<i64>,
    pub min_prefixlen: Option<i64>,
    pub max_prefixlen: Option<i64>,
    pub is_default: bool,
    pub shared: bool,
    pub address_scope_id: Option<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub struct SubnetpoolUpdate {
    pub prefixes: Option<Vec<IpNet>>,
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub default_quota: Option<Option<i64>>,
    pub default_prefixlen: Option<i64>,
    pub min_prefixlen: Option<i64>,
    pub max_prefixlen: Option<i64>,
    pub is_default: Option<bool>,
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub address_scope_id: Option<Option<String>>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Reads the body of `add_prefixes` and `remove_prefixes`, which no table checks.
pub fn prefixes(body: &Value) -> Result<Vec<IpNet>, Invalid> {
    let bad = |message: String| Invalid { kind: InvalidKind::Request, message };
    let list = body.get("prefixes").and_then(Value::as_array).filter(|list| !list.is_empty());
    let Some(list) = list else {
        return Err(bad("The body must be an object with the key 'prefixes', a list of prefixes.".into()));
    };
    if list.len() > MAX_LIST {
        return Err(bad(format!("{} prefixes are given, {MAX_LIST} are allowed at once.", list.len())));
    }
    let net = |item: &Value| {
        let net = item.as_str().and_then(|text| text.parse::<IpNet>().ok());
        net.ok_or_else(|| bad(format!("{item} is not a prefix with its length, such as 10.0.0.0/16.")))
    };
    list.iter().map(net).collect()
}

/// Reads the body of `onboard_network_subnets`: the network.
pub fn onboarded(body: &Value) -> Result<&str, Invalid> {
    let id = body.get("network_id").and_then(Value::as_str);
    id.ok_or_else(|| Invalid::input("The body must be an object with the key 'network_id'."))
}
