//! `neutrino software` against a server and a repository.

use std::path::Path;
use std::process::{Command, Output};

use bus::Bus;
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::depot::{self, Depot};
use testbed::{Client, Lone};

fn neutrino(endpoint: &str, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_neutrino"));
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("OS_"));
    for (name, _) in variables {
        command.env_remove(name);
    }
    command.arg("software").args(words).env("OS_ENDPOINT", endpoint).output().expect("neutrino runs")
}

/// What was printed; it must have gone well.
async fn said(client: &Client, words: &[&str]) -> String {
    let (endpoint, words) = (client.base().to_owned(), words.iter().map(|word| (*word).to_owned()));
    let words: Vec<String> = words.collect();
    let output = tokio::task::spawn_blocking(move || {
        neutrino(&endpoint, &words.iter().map(String::as_str).collect::<Vec<_>>())
    });
    let output = output.await.expect("ends");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).expect("text")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn software_comes_is_ordered_and_goes() {
    let depot = Depot::start().await.expect("a repository");
    let settings = Settings { software: depot.settings(), ..Settings::default() };
    let lone = Lone::start(settings, Bus::in_process()).await.expect("starts");
    let client = &lone.client;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("libx++_1.0-1_all.deb");
    let bytes = depot::deb("libx++", "1.0-1", 3 << 20);
    std::fs::write(&file, &bytes).expect("writes");

    // A part of it came before.
    let package = client.create("software-package", json!({})).await;
    assert!(package.is_err(), "the path is another");
    let fields = json!({ "software_package": { "name": "libx++", "format": "deb" } });
    let (_, made) = client
        .send("POST", "/v2.0/software-packages", Some(fields.to_string()), &[])
        .await
        .expect("an answer");
    let package = id_of(&made["software_package"]);
    let sum = repo::Sha256::of(&bytes).to_string();
    let version = json!({ "package_id": package, "size": bytes.len(), "sha256": sum });
    let fields = json!({ "software_version": version });
    let (_, made) = client
        .send("POST", "/v2.0/software-versions", Some(fields.to_string()), &[])
        .await
        .expect("an answer");
    let version = id_of(&made["software_version"]);
    let path = format!("/v2.0/software-versions/{version}/file");
    let range = format!("bytes 0-99999/{}", bytes.len());
    let part = client.bytes("PUT", &path, bytes[..100_000].to_vec(), &[("content-range", &range)]).await;
    assert_eq!(part.expect("an answer").status().as_u16(), 200);
    let uploaded = said(client, &["upload", text(&file)]).await;
    assert!(uploaded.contains(&version) && uploaded.contains("1.0-1"), "it goes on: {uploaded}");
    let shown: Value = serde_json::from_str(&said(client, &["show", &version]).await).expect("JSON");
    assert_eq!((&shown["status"], &shown["size"]), (&json!("ACTIVE"), &json!(bytes.len())));

    // Another one, and an archive.
    let second = folder.path().join("libx++_1.1_all.deb");
    std::fs::write(&second, depot::deb("libx++", "1.1", 1024)).expect("writes");
    said(client, &["upload", text(&second)]).await;
    let archive = folder.path().join("tools.tar");
    std::fs::write(&archive, depot::tar("tool", b"content")).expect("writes");
    said(client, &["upload", text(&archive), "--name", "tools", "--version", "2"]).await;
    let wrong = folder.path().join("other_1.1_all.deb");
    std::fs::copy(&second, &wrong).expect("copies");
    let (endpoint, wrong) = (client.base().to_owned(), text(&wrong).to_owned());
    let refused = tokio::task::spawn_blocking(move || neutrino(&endpoint, &["upload", &wrong]));
    let refused = refused.await.expect("ends");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("its name is libx++"), "{refused:?}");
    said(client, &["yank", &version]).await;
    let listed = said(client, &["list"]).await;
    for word in ["libx++", "1.0-1", "1.1", "YANKED", "tools", "archive"] {
        assert!(listed.contains(word), "{word}: {listed}");
    }

    let network = id_of(&client.create("network", json!({})).await.expect("a network"));
    let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24" });
    client.create("subnet", subnet).await.expect("a subnet");
    let port = json!({ "network_id": network, "device_id": "instance-1" });
    let port = id_of(&client.create("port", port).await.expect("a port"));
    let made = said(client, &["order", "create", "libx++", "tools=2", "--on", "instance-1"]).await;
    let made: Value = serde_json::from_str(&made).expect("JSON");
    assert_eq!(made["states"][0]["port_id"], json!(port));
    assert_eq!(
        (&made["packages"][0]["version"], &made["packages"][1]["version"]),
        (&json!("1.1"), &json!("2"))
    );
    let order = id_of(&made);
    assert!(said(client, &["order", "list"]).await.contains("pending"));
    said(client, &["order", "cancel", &order]).await;
    assert!(said(client, &["order", "show", &order]).await.contains("cancelled"));
    said(client, &["delete", &version]).await;
    said(client, &["delete", &package, "--force"]).await;
    assert!(!said(client, &["list"]).await.contains("libx++"));
}
