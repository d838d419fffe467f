//! Address groups: the table, and the typed group of the decisions.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::AddressGroupId;
use crate::api::convert::Convert;
use crate::api::sharing::{own_or_granted, shared};
use crate::api::table::{
    Attr, CREATED_AT, Default, ID, NAME, Ops, PROJECT_ID, REVISION_NUMBER, Resource, Source, TENANT_ID,
    UPDATED_AT, boolean, int, json, text,
};
use crate::api::validate::{Check, MAX_LIST};
use crate::api::{Invalid, InvalidKind};

pub const ADDRESS_GROUP: Resource = Resource {
    singular: "address_group",
    plural: "address_groups",
    path: "address-groups",
    parent: None,
    not_found: "AddressGroupNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: own_or_granted!("address_groups", "address_groups.id"),
    quota: None,
    attrs: ATTRS,
};

/// The most prefixes of one group: it travels to hosts whole.
pub const MAX_ADDRESSES: usize = 4096;

const SHARED: &str = shared!("address_groups.id");

const ATTRS: &[Attr] = &[
    ID,
    NAME,
    text("description")
        .default(Default::Text(""))
        .check(Check::Text(1024))
        .post()
        .put()
        .shown()
        .filter()
        .sort(),
    TENANT_ID,
    json("addresses")
        .default(Default::EmptyList)
        .convert(Convert::NullToEmptyList)
        .check(Check::Prefixes)
        .post()
        .shown(),
    // No fact for rules about changes: whom it is shared with is told that there is none to change.
    boolean("shared").from(Source::Sql(SHARED)).default(Default::Unset),
    REVISION_NUMBER,
    CREATED_AT,
    UPDATED_AT,
    PROJECT_ID,
    int("created_us").default(Default::Unset),
];

/// An address group as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AddressGroup {
    pub id: AddressGroupId,
    pub project_id: String,
    pub addresses: BTreeSet<IpNet>,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct AddressGroupCreate {
    pub project_id: String,
    pub addresses: Vec<IpNet>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Reads the body of `add_addresses` and `remove_addresses`, which no table checks.
pub fn addresses(body: &Value) -> Result<BTreeSet<IpNet>, Invalid> {
    let bad = |message: String| Invalid { kind: InvalidKind::Request, message };
    let Some(list) = body.get("addresses").and_then(Value::as_array) else {
        return Err(bad("The body must be an object with the key 'addresses', a list of prefixes.".into()));
    };
    if list.len() > MAX_LIST {
        return Err(bad(format!("{} addresses are given, {MAX_LIST} are allowed at once.", list.len())));
    }
    let net = |item: &Value| {
        let text = item.as_str().unwrap_or_default();
        let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        net.map(|net| net.trunc()).ok_or_else(|| {
            bad(format!("{item} is not an address with a prefix length, such as 10.0.0.0/24."))
        })
    };
    list.iter().map(net).collect()
}
