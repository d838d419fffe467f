//! A full disk: refused clearly, nothing acknowledged is lost, works again when there is space.

use std::path::Path;

use bus::Bus;
use db::{Db, Options};
use nix::mount::{MsFlags, mount, umount};
use serde_json::json;
use server::Settings;
use testbed::Client;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A small file system of its own, gone at the end.
struct Disk(tempfile::TempDir);

impl Disk {
    fn new(size: &str) -> Disk {
        let folder = tempfile::tempdir().expect("a folder");
        let size = format!("size={size}");
        let none: Option<&str> = None;
        mount(none, folder.path(), Some("tmpfs"), MsFlags::empty(), Some(size.as_str()))
            .expect("mounts; these tests need root");
        Disk(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount(self.0.path());
    }
}

#[tokio::test]
async fn writes_are_refused_until_there_is_space() {
    let disk = Disk::new("2m");
    let db = Db::open(Options::new(disk.path().join("neutrino.db"))).await.expect("a database");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (stop, stopping) = watch::channel(false);
    let serving =
        server::start(Settings::default(), db, Bus::in_process(), listener, stopping).await.expect("starts");
    let client = Client::new(serving.address);
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![0; 512 * 1024]).expect("fits");
    let network = json!({ "network": { "name": "n", "description": "x".repeat(250) } }).to_string();
    let mut made = 0;
    let (status, answer) = loop {
        let answer = client.send("POST", "/v2.0/networks", Some(network.clone()), &[]).await;
        let (status, answer) = answer.expect("the server answers");
        if status != 201 || made > 5000 {
            break (status, answer);
        }
        made += 1;
    };
    assert_eq!((status, &answer["NeutronError"]["type"]), (503, &json!("ServiceUnavailable")), "{made} made");
    let (_, answer) =
        client.send("GET", "/v2.0/networks?fields=id", None, &[]).await.expect("the server answers");
    assert_eq!(answer["networks"].as_array().map(Vec::len), Some(made), "all acknowledged, and no other");
    std::fs::remove_file(&ballast).expect("makes space");
    let (status, answer) =
        client.send("POST", "/v2.0/networks", Some(network), &[]).await.expect("the server answers");
    assert_eq!(status, 201, "{answer}");
    stop.send_replace(true);
    serving.until_stopped().await;
}
