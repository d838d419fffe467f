//! What every resource has: revision, times, tags.

use serde_json::{Map, Value, json};

use crate::Stamp;

/// Adds them to a resource that begins.
pub fn begin(fields: &mut Map<String, Value>, stamp: &Stamp) {
    fields.insert("revision_number".into(), 1.into());
    fields.insert("created_at".into(), stamp.now.clone().into());
    fields.insert("updated_at".into(), stamp.now.clone().into());
    fields.insert("created_us".into(), stamp.now_us.into());
    fields.entry("tags").or_insert_with(|| json!([]));
}
