//! Collections by the names that URLs give them.

use std::borrow::Cow;

use model::api::RESOURCES;
use model::api::table::Resource;

use crate::error::Fault;

/// Names of collections are read with a hyphen or an underscore, as the reference does and its clients rely on;
/// those of actions are not.
pub fn hyphened(path: &str) -> Cow<'_, str> {
    let is_folder =
        ["/v2.0/qos/", "/v2.0/metering/", "/v2.0/log/"].iter().any(|folder| path.starts_with(folder));
    let end = path.match_indices('/').nth(if is_folder { 3 } else { 2 }).map_or(path.len(), |(at, _)| at);
    match path[..end].contains('_') {
        true => (path[..end].replace('_', "-") + &path[end..]).into(),
        false => path.into(),
    }
}

fn is_same_name(one: &str, other: &str) -> bool {
    let hyphened = |byte: u8| if byte == b'_' { b'-' } else { byte };
    one.bytes().map(hyphened).eq(other.bytes().map(hyphened))
}

pub fn table(path: &str) -> Result<&'static Resource, Fault> {
    let is_it = |table: &&Resource| table.parent.is_none() && is_same_name(table.path, path);
    RESOURCES.into_iter().find(is_it).ok_or(Fault::NoSuchUrl)
}

/// The collection at `/v2.0/OF/{id}/PATH`.
pub fn table_below(of: &str, path: &str) -> Result<&'static Resource, Fault> {
    let is_below = |table: &&Resource| table.parent.is_some_and(|parent| is_same_name(parent.table.path, of));
    let is_it = |table: &&Resource| is_same_name(table.path, path) && is_below(table);
    RESOURCES.into_iter().find(is_it).ok_or(Fault::NoSuchUrl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_collections_have_hyphens_or_underscores() {
        for (path, is) in [
            ("/v2.0/network_segment_ranges/a_b", "/v2.0/network-segment-ranges/a_b"),
            ("/v2.0/routers/a_b/add_router_interface", "/v2.0/routers/a_b/add_router_interface"),
            ("/v2.0/qos/alias_dscp_marking_rules/a_b", "/v2.0/qos/alias-dscp-marking-rules/a_b"),
            ("/v2.0/metering/metering_labels", "/v2.0/metering/metering-labels"),
            ("/v2.0/networks/a_b/tags/a_b", "/v2.0/networks/a_b/tags/a_b"),
            ("/", "/"),
        ] {
            assert_eq!(hyphened(path), is);
        }
        for (one, other) in [
            (table("service-profiles"), table("service_profiles")),
            (table_below("routers", "conntrack-helpers"), table_below("routers", "conntrack_helpers")),
            (
                table_below("qos/policies", "dscp-marking-rules"),
                table_below("qos/policies", "dscp_marking_rules"),
            ),
        ] {
            assert_eq!(one.expect("is there").plural, other.expect("is there").plural);
        }
    }
}
