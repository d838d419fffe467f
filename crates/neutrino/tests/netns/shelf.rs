//! A repository with a file of each of some projects, by the same name and version.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::netns::bed::SOFTWARE;

const SECRET: &str = "the secret of this test's server";
const GATEWAY_SECRET: &str = "the secret of this test's gateway";

/// A repository of which each project sees a file of its own; where it is read.
pub async fn repository(dir: &Path, names: &[&str], bytes: usize) -> (watch::Sender<bool>, SocketAddr) {
    let file = |name: &str, text: &str| {
        let path = dir.join(name);
        std::fs::write(&path, text).expect("writes");
        path
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = repod::Settings {
        bind: any,
        read_bind: any,
        secret_file: file("secret", SECRET),
        gateway_secret_file: file("gateway-secret", GATEWAY_SECRET),
        folder: dir.join("repository"),
        address: SOFTWARE.into(),
        architectures: vec!["amd64".into()],
        max_file_bytes: 1 << 30,
        max_uploads: 16,
        min_free_bytes: 0,
        upload_idle_s: 86_400,
        shared_on_shelves: false,
        s3: None,
    };
    let (stop, stopping) = watch::channel(false);
    let mut serving = repod::start(settings, stopping).await.expect("starts");
    let (manage, reading) = (serving.manage, serving.reading);
    tokio::spawn(async move { serving.broken().await });
    let versions: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let sum = upload(manage, dir, &content(name, bytes), name);
            let file = format!("tool-{name}.zip");
            json!({
                "id": format!("v{at}"), "sha256": sum, "project": name, "seen_by": [],
                "name": "tool", "version": "1", "file": file,
            })
        })
        .collect();
    call(manage, "PUT", "/publication", &json!({ "revision": 1, "versions": versions }).to_string());
    (stop, reading)
}

/// No part of it is a part of another's.
pub fn content(name: &str, bytes: usize) -> Vec<u8> {
    let own = name.as_bytes().iter().cycle().copied();
    b"PK\x05\x06".iter().copied().chain(own).take(bytes).collect()
}

fn upload(manage: SocketAddr, dir: &Path, bytes: &[u8], name: &str) -> String {
    let claim = json!({ "format": "archive", "name": "tool", "version": "1" }).to_string();
    let begun: Value = serde_json::from_str(&call(manage, "POST", "/uploads", &claim)).expect("JSON");
    let path = format!("/uploads/{}", begun["id"].as_str().expect("an id"));
    let file = dir.join(name);
    std::fs::write(&file, bytes).expect("writes");
    call(manage, "PATCH", &path, &format!("@{}", file.display()));
    let done: Value =
        serde_json::from_str(&call(manage, "POST", &format!("{path}/finish"), "")).expect("JSON");
    done["sha256"].as_str().unwrap_or_else(|| panic!("{done}")).to_owned()
}

fn call(manage: SocketAddr, method: &str, path: &str, body: &str) -> String {
    let secret = format!("Authorization: Bearer {SECRET}");
    let words = ["-s", "-f", "-m", "30", "-X", method, "-H", &secret, "-H", "Upload-Offset: 0"];
    let url = format!("http://{manage}{path}");
    let output = Command::new("curl").args(words).args(["--data-binary", body, &url]).output();
    let output = output.expect("curl runs");
    assert!(output.status.success(), "{method} {path}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
