//! Rows of any table, drawn at random.

use model::api::table::{Resource, Source, Type};
use serde_json::{Map, Value, json};
use testbed::Draw;
use uuid::Uuid;

/// Texts that languages, escapes and wildcards would tell apart or mix up.
pub const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "b",
    "B",
    "aa",
    "a b",
    "a-b",
    "a_b",
    "ab",
    "Ab",
    "_",
    "-",
    "%",
    "a%",
    "10",
    "9",
    "é",
    "e",
    "z",
    "Z",
    "ß",
    "ss",
    "日本",
    "🦀",
    "\"quoted\"",
    "back\\slash",
    "tab\tline\n",
    "'",
    "NULL",
    "null",
    "true",
];
/// Columns that may be null, as the migrations say.
const NULLABLE: &[&str] = &[
    "ipv4_address_scope",
    "ipv6_address_scope",
    "network_type",
    "physical_network",
    "segmentation_id",
    "qos_policy_id",
    "subnetpool_id",
    "gateway_ip",
    "ipv6_ra_mode",
    "ipv6_address_mode",
    "segment_id",
    "data_plane_status",
    "device_profile",
    "hardware_offload_type",
    "hints",
    "numa_affinity_policy",
    "resource_request",
    "qos_network_policy_id",
    "trusted",
    "failure",
    "availability_zone",
    "resources_synced",
    "flavor_id",
    "ha_vr_id",
];

pub fn text(draw: &mut Draw) -> &'static str {
    draw.one(TEXTS)
}

/// The nth id of a kind of things.
pub fn id(kind: u128, n: usize) -> Uuid {
    // Scattered, so that order by id is not order of making.
    Uuid::from_u128(kind << 120 | (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) << 32 | n as u128)
}

/// A row of any table, its columns drawn by their types.
pub fn row(table: &'static Resource, draw: &mut Draw, fixed: &[(&str, Value)]) -> Map<String, Value> {
    let mut row = Map::new();
    for attr in table.attrs {
        let Source::Column(column) = attr.source else { continue };
        let drawn = match attr.ty {
            _ if NULLABLE.contains(&column) && draw.below(3) == 0 => Value::Null,
            Type::Text => json!(text(draw)),
            Type::Int | Type::IntText => json!(draw.below(5)),
            Type::Bool => json!(draw.below(2) == 0),
            Type::Json if column == "tags" => {
                json!(
                    (0..draw.below(4)).map(|_| text(draw)).filter(|tag| !tag.is_empty()).collect::<Vec<_>>()
                )
            }
            Type::Json => json!([]),
        };
        let fixed = fixed.iter().find(|(name, _)| *name == column).map(|(_, value)| value.clone());
        row.insert(attr.name.into(), fixed.unwrap_or(drawn));
    }
    row
}
