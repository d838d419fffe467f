//! The OpenAPI document that is served is the one that is kept; UPDATE=1 rewrites it.

use bus::Bus;
use serde_json::Value;
use server::Settings;
use testbed::Lone;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/openapi.json");

#[tokio::test]
async fn the_document_is_the_kept_one() {
    let lone = Lone::start(Settings::default(), Bus::in_process()).await.expect("starts");
    let (status, document) = lone.client.send("GET", "/openapi.json", None, &[]).await.expect("answers");
    assert_eq!(status, 200);
    let text = serde_json::to_string_pretty(&document).expect("prints") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(KEPT, &text).expect("writes");
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(KEPT).expect("is kept")).expect("JSON");
    assert!(
        kept == document,
        "the API changed: look at `UPDATE=1 cargo test -p testbed openapi`, then git diff"
    );
}
