//! Tags: words that users put on resources and find them by. What a request may say of them.

use serde_json::Value;

use crate::api::table::Resource;
use crate::api::validate::{Check, check};
use crate::api::{Invalid, InvalidKind, RESOURCES};

/// The most tags of one resource.
pub const MAX_TAGS: usize = 50;
/// The most characters of one.
const LONGEST: usize = 255;
const TAGS: &str = "tags";

/// The collections whose resources have tags.
pub fn tagged() -> impl Iterator<Item = &'static Resource> {
    RESOURCES.into_iter().filter(|table| table.attr(TAGS).is_some())
}

/// The collection that a URL with tags calls so: by its path, or, where that has several parts, by its
/// list key.
pub fn collection(of: &str) -> Option<&'static Resource> {
    tagged().find(|table| table.parent.is_none() && (table.path == of || table.plural == of))
}

/// Reads `{"tags": ["a", "b"]}`.
pub fn parse(body: &Value) -> Result<Vec<String>, Invalid> {
    let Some(tags) = body.get(TAGS) else {
        return Err(Invalid::input("The body must be an object with the key 'tags', a list of texts."));
    };
    // Of a list, however it is wrong, the reference says the same type.
    check(TAGS, Check::UniqueTexts(LONGEST), &mut tags.clone())
        .map_err(|invalid| Invalid { kind: InvalidKind::Input, ..invalid })?;
    Ok(tags.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// A tag in a URL.
pub fn one(text: String) -> Result<String, Invalid> {
    match text.chars().count() {
        0..=LONGEST => Ok(text),
        long => Err(Invalid::input(format!("The tag has {long} characters, of at most {LONGEST}."))),
    }
}
