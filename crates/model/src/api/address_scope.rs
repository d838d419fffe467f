//! Address scopes: within one no address means two things. The table, and the typed scope.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::AddressScopeId;
use crate::api::sharing::{own_or_granted, shared};
use crate::api::table::{
    Attr, Default, ID, NAME, Ops, PROJECT_ID, Resource, Source, TENANT_ID, boolean, int,
};
use crate::api::validate::Check;

pub const ADDRESS_SCOPE: Resource = Resource {
    singular: "address_scope",
    plural: "address_scopes",
    path: "address-scopes",
    parent: None,
    not_found: "AddressScopeNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: own_or_granted!("address_scopes", "address_scopes.id"),
    quota: None,
    attrs: ATTRS,
};

const SHARED: &str = shared!("address_scopes.id");

const ATTRS: &[Attr] = &[
    ID.via("address-scope"),
    NAME.via("address-scope"),
    TENANT_ID.via("address-scope"),
    boolean("shared")
        .from(Source::Sql(SHARED))
        .default(Default::Bool(false))
        .post()
        .put()
        .shown()
        .filter()
        .sort()
        .target()
        .enforced()
        .via("address-scope"),
    int("ip_version").check(Check::IpVersion).post().shown().filter().sort().via("address-scope"),
    PROJECT_ID.via("address-scope"),
    int("created_us").default(Default::Unset),
];

/// An address scope as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AddressScope {
    pub id: AddressScopeId,
    pub project_id: String,
    pub ip_version: i64,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct AddressScopeCreate {
    pub project_id: String,
    pub shared: bool,
    pub ip_version: i64,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct AddressScopeUpdate {
    pub shared: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
