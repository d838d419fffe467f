//! What a client asks before it asks for anything: versions, resources, extensions, the document.

use axum::http::Method;
use model::api::extensions::{EXTENSIONS, Extension, find};
use model::api::{RESOURCES, openapi};
use serde_json::{Value, json};

use crate::error::Fault;
use crate::http::{Answer, Call};

fn only_get(call: &Call) -> Result<(), Fault> {
    if call.method == Method::GET { Ok(()) } else { Err(Fault::MethodNotAllowed) }
}

pub fn versions(call: &Call) -> Result<Answer, Fault> {
    only_get(call)?;
    let link = json!({ "rel": "self", "href": format!("{}/v2.0/", call.base) });
    Ok(Answer::ok(&json!({ "versions": [{ "id": "v2.0", "status": "CURRENT", "links": [link] }] })))
}

pub fn resources(call: &Call) -> Result<Answer, Fault> {
    only_get(call)?;
    let resource = |singular: &str, plural: &str| {
        let href = format!("{}/v2.0/{plural}", call.base);
        json!({ "name": singular, "collection": plural, "links": [{ "rel": "self", "href": href }] })
    };
    let core = RESOURCES.into_iter().filter(|table| table.core);
    let list: Vec<Value> = core.map(|table| resource(table.singular, table.path)).collect();
    Ok(Answer::ok(&json!({ "resources": list })))
}

fn shown(extension: &Extension) -> Value {
    json!({
        "alias": extension.alias,
        "name": extension.name,
        "description": extension.description,
        "updated": extension.updated,
        "links": [],
    })
}

pub fn extensions(call: &Call) -> Result<Answer, Fault> {
    only_get(call)?;
    let list: Vec<Value> = EXTENSIONS.iter().map(shown).collect();
    Ok(Answer::ok(&json!({ "extensions": list })))
}

pub fn extension(call: &Call, alias: &str) -> Result<Answer, Fault> {
    only_get(call)?;
    let extension = find(alias).ok_or_else(|| Fault::NoSuchExtension(alias.to_owned()))?;
    Ok(Answer::ok(&json!({ "extension": shown(extension) })))
}

pub fn openapi(call: &Call) -> Result<Answer, Fault> {
    only_get(call)?;
    Ok(Answer::ok(&openapi::document(env!("CARGO_PKG_VERSION"))))
}
