//! The program against servers that answer as they like: in pieces, wrongly, without end; and killed whenever.

#[path = "program/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use repo::Sha256;
use repo::index::sums::sums;
use repo::sign::{Key, detached, public_text};
use serde_json::{Value, json};
use tempfile::TempDir;

use server::{Reply, Server};

const ORDER: &str = "00000000-0000-0000-0000-000000000001";

struct Place {
    folder: TempDir,
    key: Key,
}

/// A tar file with some bytes in it that look like chance.
fn archive(size: usize) -> Vec<u8> {
    let mut seed = 7_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    let content: Vec<u8> = (0..size).map(|_| next()).collect();
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "bin/content", &content[..]).expect("fits");
    builder.into_inner().expect("is written")
}

fn ordered(file: &[u8]) -> Value {
    json!({ "format": "archive", "name": "tool", "version": "1.0", "file": "tool-1.0.tar",
            "sha256": Sha256::of(file).to_string(), "size_bytes": file.len() })
}

fn orders(packages: &[Value]) -> Vec<u8> {
    json!({ "revision": 1, "orders": [{ "id": ORDER, "attempt": 1, "packages": packages }] })
        .to_string()
        .into_bytes()
}

impl Place {
    fn new() -> Place {
        let place =
            Place { folder: tempfile::tempdir().expect("a folder"), key: Key::new(&[1; 32], 0, "somebody") };
        std::fs::write(place.at("key.asc"), public_text([&place.key.public].into_iter())).expect("writes");
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn content(&self) -> PathBuf {
        self.at("opt/tool/1.0/bin/content")
    }

    fn command(&self, word: &str, server: &Server) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neutrino-guest"));
        command.args([word, "--gateway", &server.url()]);
        for (option, name) in [("--key", "key.asc"), ("--state", "state"), ("--folder", "opt")] {
            command.arg(option).arg(self.at(name));
        }
        command.stdin(Stdio::null());
        command
    }

    fn once(&self, server: &Server) -> Output {
        self.command("once", server).output().expect("runs")
    }

    /// Answers with signed lists of a file, and the file.
    fn serve(&self, file: Vec<u8>) -> impl Fn(&server::Asked) -> Reply + Send + Sync + 'static {
        let list = sums([("tool-1.0.tar", Sha256::of(&file))].into_iter());
        let signature = detached(std::slice::from_ref(&self.key), list.as_bytes(), 0);
        let (text, told) = (orders(&[ordered(&file)]), Arc::new(list));
        move |asked| match asked.path.as_str() {
            "/orders" => Reply::of(text.clone()),
            "/archive/tool/1.0/SHA256SUMS" => Reply::of(told.as_bytes().to_vec()),
            "/archive/tool/1.0/SHA256SUMS.asc" => Reply::of(signature.clone().into_bytes()),
            "/archive/tool/1.0/tool-1.0.tar" => Reply::range(asked, &file),
            path if path.starts_with("/orders") => Reply::of(b"noted".to_vec()),
            _ => Reply::status(404),
        }
    }
}

/// What was said last of the order.
fn last_report(server: &Server) -> Value {
    let all = server.reports();
    all.last().cloned().unwrap_or_default()
}

fn reason(server: &Server) -> String {
    let report = last_report(server);
    assert_eq!(report["state"], "failed", "{report}");
    report["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_archive_is_installed_and_told_and_its_folder_changes_in_one_step() {
    let place = Place::new();
    for size in [300_000, 10] {
        let file = archive(size);
        let server = Server::start(place.serve(file));
        // An order of the same id is another one to a machine that did it before.
        let _ = std::fs::remove_file(place.at("state/state.json"));
        let output = place.once(&server);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(std::fs::metadata(place.content()).expect("is there").len(), size as u64);
        let report = last_report(&server);
        assert_eq!(
            (&report["state"], &report["progress_percent"], &report["attempt"]),
            (&json!("installed"), &json!(100), &json!(1))
        );
        // The next asking says it again, and does nothing.
        let before = server.asked().len();
        assert!(place.once(&server).status.success());
        assert_eq!(server.asked()[before..], ["GET /orders".to_owned(), format!("POST /orders/{ORDER}")]);
    }
    let left: Vec<_> = std::fs::read_dir(place.at("opt/tool")).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read_dir(place.at("state/files")).expect("a folder").count(), 0);
}

#[test]
fn a_download_that_breaks_goes_on_where_it_was() {
    let place = Place::new();
    let file = archive(1_000_000);
    let (whole, sent) = (file.len() as u64, Arc::new(AtomicU64::new(0)));
    let (serve, counted) = (place.serve(file), Arc::clone(&sent));
    let server = Server::start(move |asked| {
        let mut reply = serve(asked);
        if asked.path.ends_with(".tar") {
            reply.cut = Some(250_000);
            counted.fetch_add((reply.body.len() as u64).min(250_000), Ordering::Relaxed);
        }
        reply
    });
    assert!(place.once(&server).status.success(), "{}", last_report(&server));
    assert_eq!(sent.load(Ordering::Relaxed), whole, "bytes came twice");
    assert!(
        server
            .reports()
            .iter()
            .any(|report| report["reason"].as_str().is_some_and(|why| why.contains("tried again")))
    );
}

#[test]
fn a_part_that_is_damaged_comes_anew() {
    let place = Place::new();
    let file = archive(100_000);
    let folder = place.at("state/files").join(Sha256::of(&file).to_string());
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("tool-1.0.tar.part"), vec![b'x'; 50_000]).expect("writes");
    let server = Server::start(place.serve(file));
    assert!(place.once(&server).status.success(), "{}", last_report(&server));
    assert!(place.content().exists());
}

#[test]
fn what_is_not_as_it_was_ordered_and_signed_is_not_installed() {
    let file = archive(1000);
    let mut other = file.clone();
    other[700] ^= 1;
    let stranger = Key::new(&[2; 32], 0, "somebody else");
    for (what, word, change) in [
        ("bytes", "another sum for tool-1.0.tar", 0),
        ("bytes alone", "not what was ordered", 1),
        ("signature", "not signed by a trusted key", 2),
        ("list", "does not have tool-1.0.tar", 3),
        ("size", "not what was ordered", 4),
    ] {
        let place = Place::new();
        let serve = place.serve(if change == 0 { other.clone() } else { file.clone() });
        let list = sums([("tool-1.0.tar", Sha256::of(&file))].into_iter());
        let foreign = detached(std::slice::from_ref(&stranger), list.as_bytes(), 0);
        let empty = detached(std::slice::from_ref(&place.key), b"", 0);
        let (other, file) = (other.clone(), file.clone());
        let server = Server::start(move |asked| match (change, asked.path.as_str()) {
            (0, "/orders") => Reply::of(orders(&[ordered(&file)])),
            (1, path) if path.ends_with(".tar") => Reply::range(asked, &other),
            (2, path) if path.ends_with(".asc") => Reply::of(foreign.clone().into_bytes()),
            (3, path) if path.ends_with("SUMS") => Reply::of(Vec::new()),
            (3, path) if path.ends_with(".asc") => Reply::of(empty.clone().into_bytes()),
            (4, path) if path.ends_with(".tar") => Reply::of([&file[..], b"x"].concat()),
            _ => serve(asked),
        });
        assert!(!place.once(&server).status.success(), "{what}");
        let reason = reason(&server);
        assert!(reason.contains(word), "{what}: {reason}");
        assert!(!place.at("opt/tool/1.0").exists(), "{what}");
    }
}

#[test]
fn a_missing_key_is_told_and_the_first_may_be_trusted() {
    let place = Place::new();
    let file = archive(1000);
    std::fs::remove_file(place.at("key.asc")).expect("is there");
    let server = Server::start(place.serve(file.clone()));
    assert!(!place.once(&server).status.success());
    assert!(reason(&server).contains("no key is trusted"), "{}", last_report(&server));
    let key = public_text([&place.key.public].into_iter());
    let serve = place.serve(file.clone());
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/key.asc" => Reply::of(key.clone().into_bytes()),
        _ => serve(asked),
    });
    std::fs::remove_dir_all(place.at("state")).expect("is there");
    let output = place.command("once", &server).arg("--trust-first").output().expect("runs");
    assert!(output.status.success(), "{}", last_report(&server));
    // From then on, another key is none.
    std::fs::remove_file(place.at("state/state.json")).expect("is there");
    let mut stranger = Place::new();
    stranger.key = Key::new(&[2; 32], 0, "somebody else");
    let server = Server::start(stranger.serve(file));
    let output = place.command("once", &server).arg("--trust-first").output().expect("runs");
    assert!(!output.status.success());
    assert!(reason(&server).contains("not signed by a trusted key"), "{}", last_report(&server));
}

#[test]
fn answers_without_end_or_sense_are_bounded() {
    let place = Place::new();
    for (what, bytes) in [
        ("no HTTP", b"SSH-2.0-x\r\n\r\n".to_vec()),
        ("a long head", [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 1 << 20]].concat()),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}".to_vec()),
        ("no JSON", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{]".to_vec()),
        ("a long body", [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b' '; 5 << 20]].concat()),
        ("a short body", b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{}".to_vec()),
        (
            "other words",
            b"HTTP/1.1 200 OK\r\n\r\n{\"revision\": 1, \"orders\": [{\"id\": \"../../x\"}]}".to_vec(),
        ),
    ] {
        let server = Server::start(move |_| Reply::raw(bytes.clone()));
        let begun = Instant::now();
        let output = place.once(&server);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("does not tell its orders"), "{what}: {said}");
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
    }
}

#[test]
fn a_cancelled_order_is_not_begun_and_one_that_is_done_is_not_done_again() {
    let place = Place::new();
    let file = archive(1000);
    let serve = place.serve(file.clone());
    let cancelled = json!({ "revision": 1, "orders": [
        { "id": ORDER, "attempt": 1, "cancelled": true, "packages": [ordered(&file)] }] });
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/orders" => Reply::of(cancelled.to_string().into_bytes()),
        _ => serve(asked),
    });
    assert!(place.once(&server).status.success());
    assert_eq!(last_report(&server)["state"], "cancelled");
    assert_eq!(server.asked(), ["GET /orders".to_owned(), format!("POST /orders/{ORDER}")]);
    // The power went after it was put there, before that was kept.
    let server = Server::start(place.serve(file));
    std::fs::remove_file(place.at("state/state.json")).expect("is there");
    assert!(place.once(&server).status.success());
    let begun = json!({ "orders": { ORDER: { "attempt": 1, "state": "installing" } } });
    std::fs::write(place.at("state/state.json"), begun.to_string()).expect("writes");
    let before = server.asked().len();
    assert!(place.once(&server).status.success());
    assert_eq!(last_report(&server)["state"], "installed");
    assert!(!server.asked()[before..].iter().any(|line| line.contains("archive")), "{:?}", server.asked());
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn killed_at_any_moment_it_ends_with_all_of_it_or_goes_on() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let mut seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
    println!("SEED={seed}");
    let place = Place::new();
    let file = archive(12 << 20);
    let (size, sent) = (file.len() as u64, Arc::new(AtomicU64::new(0)));
    let (serve, counted) = (place.serve(file), Arc::clone(&sent));
    let server = Server::start(move |asked| {
        let mut reply = serve(asked);
        if asked.path.ends_with(".tar") {
            reply.counted = Some(Arc::clone(&counted));
        }
        reply
    });
    let mut kills = 0_u64;
    let limit = Instant::now() + Duration::from_secs(120);
    while last_report(&server)["state"] != "installed" {
        assert!(Instant::now() < limit, "{}", last_report(&server));
        let mut run = Killed(place.command("run", &server).stderr(Stdio::null()).spawn().expect("runs"));
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Later and later, so that it comes to an end.
        let moment = Duration::from_micros((seed >> 33) % (40_000 + 20_000 * kills));
        server.wait_for(moment, |server| last_report(server)["state"] == "installed");
        let _ = run.0.kill();
        kills += 1;
        // What has the name is whole.
        if let Ok(found) = std::fs::metadata(place.content()) {
            assert_eq!(found.len(), 12 << 20);
        }
        assert!(Path::new(&place.at("state")).exists() || kills == 1);
    }
    println!("{kills} kills, {} of {size} bytes came", sent.load(Ordering::Relaxed));
}
