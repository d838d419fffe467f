//! Trunks: the table, and the typed trunk of the decisions. A trunk gives an instance behind one port, its
//! parent, other ports as well, each told apart by a VLAN tag.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::table::{
    ADMIN_STATE_UP, Attr, CREATED_AT, DESCRIPTION, Default, ID, NAME, NOT_TAGS, NOT_TAGS_ANY, Ops,
    PROJECT_ID, REVISION_NUMBER, Resource, ShownIf, Source, TAGS, TAGS_ANY, TENANT_ID, UPDATED_AT, int, json,
    text,
};
use crate::api::validate::{Check, check};
use crate::api::{Invalid, InvalidKind};
use crate::{PortId, TrunkId};

pub const TRUNK: Resource = Resource {
    singular: "trunk",
    plural: "trunks",
    path: "trunks",
    parent: None,
    not_found: "TrunkNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "trunks.project_id = {project}",
    quota: Some(-1),
    attrs: ATTRS,
};

/// The most subports of one trunk: its parent's part tells a host of all of them.
pub const MAX_SUBPORTS: usize = 256;
/// The owner of a port that is where its trunk's parent is.
pub const SUBPORT_OWNER: &str = "trunk:subport";

/// It follows its ports: where the parent is, and what the host there made of the others.
const STATUS: &str = "(SELECT CASE WHEN p.host = '' THEN 'DOWN' \
    WHEN EXISTS (SELECT 1 FROM subports s JOIN ports c ON c.id = s.port_id \
        WHERE s.trunk_id = trunks.id AND c.vif_type = 'binding_failed') THEN 'ERROR' \
    WHEN p.l2_ready = FALSE THEN 'DOWN' \
    WHEN EXISTS (SELECT 1 FROM subports s JOIN ports c ON c.id = s.port_id \
        WHERE s.trunk_id = trunks.id AND c.failure IS NOT NULL) THEN 'DEGRADED' \
    WHEN EXISTS (SELECT 1 FROM subports s JOIN ports c ON c.id = s.port_id WHERE s.trunk_id = trunks.id \
        AND (c.host <> p.host OR (c.l2_ready = FALSE AND c.admin_state_up = TRUE))) THEN 'BUILD' \
    ELSE 'ACTIVE' END FROM ports p WHERE p.id = trunks.port_id)";
const SUBPORTS: &str = "(SELECT {json_list {json_whole 'port_id', s.port_id, 'segmentation_type', \
    s.segmentation_type, 'segmentation_id', s.segmentation_id}} FROM subports s WHERE s.trunk_id = trunks.id)";
const DETAILS: &str = "(SELECT CAST({json_whole 'trunk_id', t.id, 'sub_ports', {json_inner \
    (SELECT {json_list {json_whole 'port_id', s.port_id, 'segmentation_type', s.segmentation_type, \
    'segmentation_id', s.segmentation_id, 'mac_address', c.mac_address}} \
    FROM subports s JOIN ports c ON c.id = s.port_id WHERE s.trunk_id = t.id)}} AS TEXT) \
    FROM trunks t WHERE t.port_id = ports.id)";

/// Of a port: the trunk that it is the parent of.
pub(super) const TRUNK_DETAILS: Attr = json("trunk_details")
    .from(Source::Sql(DETAILS))
    .default(Default::Unset)
    .shown()
    .shown_if(ShownIf::Filled)
    .via("trunk-details");

const ATTRS: &[Attr] = &[
    ADMIN_STATE_UP.via("trunk"),
    ID.via("trunk"),
    NAME.via("trunk"),
    TENANT_ID.via("trunk"),
    text("port_id").check(Check::Uuid).post().shown().filter().sort().target().via("trunk"),
    text("status").from(Source::Sql(STATUS)).default(Default::Unset).shown().filter().sort().via("trunk"),
    json("sub_ports")
        .from(Source::Sql(SUBPORTS))
        .default(Default::EmptyList)
        .check(Check::SubPorts)
        .post()
        .shown()
        .enforced()
        .via("trunk"),
    REVISION_NUMBER,
    TAGS,
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    DESCRIPTION,
    PROJECT_ID.via("trunk"),
    int("created_us").default(Default::Unset),
];

/// A trunk as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Trunk {
    pub id: TrunkId,
    pub project_id: String,
    pub port_id: PortId,
    /// While it is not, it and its subports stay as they are.
    pub admin_state_up: bool,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A port of a trunk besides its parent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SubPort {
    pub port_id: PortId,
    pub segmentation_type: String,
    pub segmentation_id: i64,
}

/// The same as a request asks for it; what it may leave out is judged where its port is known.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SubPortAsk {
    pub port_id: PortId,
    pub segmentation_type: Option<String>,
    #[serde(default)]
    pub segmentation_id: Option<Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct TrunkCreate {
    pub project_id: String,
    pub port_id: PortId,
    pub admin_state_up: bool,
    pub sub_ports: Vec<SubPortAsk>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct TrunkUpdate {
    pub admin_state_up: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Reads the body of `add_subports` and `remove_subports`, which no table checks.
pub fn subports(body: &Value) -> Result<Vec<SubPortAsk>, Invalid> {
    let Some(list) = body.get("sub_ports") else {
        return Err(Invalid::input("The body must be an object with the key 'sub_ports', a list."));
    };
    let mut list = list.clone();
    check("sub_ports", Check::SubPorts, &mut list)
        .map_err(|why| Invalid { kind: InvalidKind::Input, ..why })?;
    serde_json::from_value(list).map_err(|why| Invalid::input(format!("Invalid input for sub_ports: {why}.")))
}

/// Each port once, and each tag; those that leave the tag to the port's network are judged later.
pub(super) fn check_subports(list: &[Value]) -> Result<(), String> {
    let (mut ports, mut tags) = (BTreeSet::new(), BTreeSet::new());
    if list.len() > MAX_SUBPORTS {
        return Err(format!("there are {} subports, {MAX_SUBPORTS} are allowed", list.len()));
    }
    for item in list {
        let fields = item.as_object().ok_or_else(|| format!("{item} is not an object"))?;
        let id = fields.get("port_id").ok_or("port_id is missing")?;
        let id = id.as_str().and_then(|id| id.parse::<PortId>().ok());
        let id = id.ok_or_else(|| format!("{} is not a UUID", fields["port_id"]))?;
        if !ports.insert(id) {
            return Err(format!("port {id} is listed twice"));
        }
        let kind = fields.get("segmentation_type").filter(|kind| **kind != "");
        if kind.is_some_and(|kind| *kind == "inherit") {
            continue;
        }
        if kind.is_some_and(|kind| !kind.is_string() && !kind.is_null()) {
            return Err(format!("segmentation_type of port {id} is not text"));
        }
        let tag = fields.get("segmentation_id").filter(|tag| !tag.is_null());
        if (kind.is_none_or(Value::is_null) || tag.is_none()) && fields.len() > 1 {
            return Err(format!("port {id} needs both segmentation_type and segmentation_id"));
        }
        if let Some(tag) = tag
            && !tags.insert((kind.map(Value::to_string), tag.to_string()))
        {
            return Err(format!("segmentation_id {tag} is listed twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_port_and_every_tag_is_listed_once() {
        let (one, two) = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002");
        let sub = |port: &str, tag: i64| json!({ "port_id": port, "segmentation_type": "vlan", "segmentation_id": tag });
        for (list, good) in [
            (vec![], true),
            (vec![sub(one, 1), sub(two, 2)], true),
            (vec![json!({ "port_id": one })], true),
            (vec![json!({ "port_id": one, "segmentation_type": "inherit" }), sub(two, 2)], true),
            (vec![sub(one, 1), sub(one, 2)], false),
            (vec![sub(one, 1), sub(two, 1)], false),
            (vec![json!({ "port_id": one, "segmentation_type": "vlan" })], false),
            (vec![json!({ "port_id": one, "segmentation_type": 5, "segmentation_id": 1 })], false),
            (vec![json!({ "port_id": "x" })], false),
            (vec![json!({})], false),
            (vec![json!(1)], false),
        ] {
            assert_eq!(check_subports(&list).is_ok(), good, "{list:?}");
        }
        let many: Vec<Value> = (0..=MAX_SUBPORTS).map(|at| sub(one, at as i64)).collect();
        assert!(check_subports(&many).is_err());
    }
}
