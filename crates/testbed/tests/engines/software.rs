//! Software: packages, their versions and files, against a repository.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use bus::Bus;
use db::Engine;
use repo::Sha256;
use serde_json::{Value, json};
use server::{AuthSettings, Settings};
use testbed::client::id_of;
use testbed::depot::{self, Depot};
use testbed::{Client, Lone, wait};

testbed::on_both_engines!(
    a_file_comes_is_published_and_goes,
    an_upload_goes_on_where_it_broke_off,
    what_is_private_is_not_known_to_be_there,
    a_file_is_what_it_was_said_to_be,
    of_two_files_of_a_version_one_counts,
    the_repository_is_told_anew,
);

pub const LIMIT: Duration = Duration::from_secs(30);
pub const OWNER: &str = "11111111111111111111111111111111";
pub const OTHER: &str = "22222222222222222222222222222222";

/// A server with a repository, of which people ask who are who they say.
pub struct Place {
    pub lone: Lone,
    pub depot: Depot,
    pub client: Client,
}

impl Place {
    pub async fn start(engine: Engine) -> Place {
        Place::with(engine, Bus::in_process(), |_| {}).await
    }

    pub async fn with(engine: Engine, bus: Bus, change: impl Fn(&mut Settings)) -> Place {
        let depot = Depot::start().await.expect("a repository");
        let mut settings = Settings { auth: AuthSettings::Trusting, ..Settings::default() };
        settings.software = depot.settings();
        change(&mut settings);
        let lone = Lone::start_on(engine, settings, bus).await.expect("starts");
        let client = lone.client.clone();
        Place { lone, depot, client }
    }

    pub async fn ask(&self, project: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = (!body.is_null()).then(|| body.to_string());
        self.client.send(method, &format!("/v2.0/{path}"), body, &who(project)).await.expect("an answer")
    }

    pub async fn made(&self, project: &str, path: &str, singular: &str, fields: Value) -> String {
        let (status, answer) = self.ask(project, "POST", path, json!({ singular: fields })).await;
        assert_eq!(status, 201, "{path}: {answer}");
        id_of(&answer[singular])
    }

    pub async fn package(&self, name: &str, format: &str) -> String {
        let fields = json!({ "name": name, "format": format });
        self.made(OWNER, "software-packages", "software_package", fields).await
    }

    pub async fn version(&self, package: &str, fields: Value) -> String {
        let mut all = json!({ "package_id": package });
        all.as_object_mut().expect("an object").extend(fields.as_object().cloned().unwrap_or_default());
        self.made(OWNER, "software-versions", "software_version", all).await
    }

    /// Brings a file, or a part of it.
    pub async fn put(&self, project: &str, version: &str, range: &str, bytes: &[u8]) -> (u16, Value) {
        let path = format!("/v2.0/software-versions/{version}/file");
        let mut headers = who(project).to_vec();
        if !range.is_empty() {
            headers.push(("content-range", range));
        }
        let answer = self.client.bytes("PUT", &path, bytes.to_vec(), &headers).await.expect("an answer");
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(answer.body()).unwrap_or_default())
    }

    pub async fn show(&self, version: &str) -> Value {
        let (status, answer) =
            self.ask(OWNER, "GET", &format!("software-versions/{version}"), Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        answer["software_version"].clone()
    }

    /// A package with one version that has a file.
    pub async fn brought(&self, name: &str, number: &str) -> (String, String) {
        let package = self.package(name, "deb").await;
        (package.clone(), self.more(&package, name, number).await)
    }

    pub async fn more(&self, package: &str, name: &str, number: &str) -> String {
        let version = self.version(package, json!({})).await;
        let (status, answer) = self.put(OWNER, &version, "", &depot::deb(name, number, 1024)).await;
        assert_eq!((status, &answer["software_version"]["status"]), (200, &json!("ACTIVE")), "{answer}");
        version
    }

    /// Waits until a project reads a file so.
    async fn reads(&self, project: &str, path: &str, expected: u16) {
        let read = wait::until(LIMIT, || async {
            (self.depot.read(project, path).await.ok()?.0 == expected).then_some(())
        });
        assert!(read.await.is_some(), "{project} does not read {path} as {expected}");
    }
}

pub fn who(project: &str) -> [(&str, &str); 3] {
    let roles = if project == "admin" { "admin,member,reader" } else { "member,reader" };
    [("x-user-id", project), ("x-project-id", project), ("x-roles", roles)]
}

async fn a_file_comes_is_published_and_goes(engine: Engine) {
    let place = Place::start(engine).await;
    let (package, version) = place.brought("hello", "1:2.0~rc1-1").await;
    let shown = place.show(&version).await;
    let file = depot::deb("hello", "1:2.0~rc1-1", 1024);
    let sum = Sha256::of(&file).to_string();
    for (key, value) in [
        ("name", json!("hello")),
        ("version", json!("1:2.0~rc1-1")),
        ("architecture", json!("all")),
        ("filename", json!("hello_2.0~rc1-1_all.deb")),
        ("size", json!(file.len())),
        ("upload_offset", json!(file.len())),
        ("sha256", json!(sum)),
        ("description", json!("what hello is")),
        ("status_reason", json!("")),
        ("yanked", json!(false)),
    ] {
        assert_eq!(shown[key], value, "{key}: {shown}");
    }
    assert_eq!(shown["control"]["Maintainer"], "A <a@example.org>");
    let path = "/archive/hello/1:2.0~rc1-1/hello_2.0~rc1-1_all.deb";
    place.reads(OWNER, path, 200).await;
    place.reads(OTHER, path, 404).await;

    // Back again, whole and in part.
    let url = format!("/v2.0/software-versions/{version}/file");
    let back = place.client.whole("GET", &url, None, &who(OWNER)).await.expect("an answer");
    assert_eq!((back.status().as_u16(), back.body().to_vec()), (200, file.clone()));
    let named = back.headers()["content-disposition"].to_str().expect("text");
    assert!(named.contains("hello_2.0~rc1-1_all.deb"), "{named}");
    let headers = [who(OWNER).to_vec(), vec![("range", "bytes=8-10")]].concat();
    let part = place.client.whole("GET", &url, None, &headers).await.expect("an answer");
    assert_eq!((part.status().as_u16(), part.body().to_vec()), (206, file[8..=10].to_vec()));

    // Seen by one more project, by all, by none again.
    let policy = json!({ "object_type": "software_package", "object_id": package,
        "action": "access_as_shared", "target_tenant": OTHER });
    let policy = place.made(OWNER, "rbac-policies", "rbac_policy", policy).await;
    place.reads(OTHER, path, 200).await;
    assert_eq!(place.ask(OTHER, "GET", &format!("software-packages/{package}"), Value::Null).await.0, 200);
    assert_eq!(place.client.raw("GET", &url, None, &who(OTHER)).await.expect("an answer").0, 200);
    assert_eq!(place.put(OTHER, &version, "", b"x").await.0, 403, "it is not theirs");
    let gone = place.ask(OWNER, "DELETE", &format!("rbac-policies/{policy}"), Value::Null).await;
    assert_eq!(gone.0, 204, "{}", gone.1);
    place.reads(OTHER, path, 404).await;
    let shared = json!({ "software_package": { "shared": true } });
    let url = format!("software-packages/{package}");
    assert_eq!(place.ask(OWNER, "PUT", &url, shared.clone()).await.0, 403, "for administrators");
    assert_eq!(place.ask("admin", "PUT", &url, shared).await.0, 200);
    place.reads(OTHER, path, 200).await;

    // Yanked: in no index, still there.
    let index = "/archive/hello/1:2.0~rc1-1/SHA256SUMS";
    let listed = |text: Vec<u8>| String::from_utf8_lossy(&text).contains("hello_2.0");
    assert!(listed(place.depot.read(OTHER, index).await.expect("reads").1));
    let yanked = json!({ "software_version": { "yanked": true } });
    assert_eq!(place.ask(OWNER, "PUT", &format!("software-versions/{version}"), yanked).await.0, 200);
    let left = wait::until(LIMIT, || async {
        (!listed(place.depot.read(OTHER, index).await.ok()?.1)).then_some(())
    });
    assert!(left.await.is_some(), "it stays in the index");
    place.reads(OTHER, path, 200).await;

    assert_eq!(place.ask(OWNER, "DELETE", &url, Value::Null).await.0, 409, "there are versions");
    assert_eq!(place.ask(OWNER, "DELETE", &format!("{url}?force=true"), Value::Null).await.0, 204);
    place.reads(OWNER, path, 404).await;
    let blobs = place.depot.blobs();
    let gone = wait::until(LIMIT, || async { (!blobs.join(&sum[..2]).join(&sum).exists()).then_some(()) });
    assert!(gone.await.is_some(), "the file stays");
}

async fn an_upload_goes_on_where_it_broke_off(engine: Engine) {
    let place = Place::start(engine).await;
    let package = place.package("large", "deb").await;
    let version = place.version(&package, json!({ "version": "1", "architecture": "all" })).await;
    let file = depot::deb("large", "1", 3 << 20);
    let size = file.len();
    // Whoever sends goes away in the middle.
    let mut wire = TcpStream::connect(place.lone.address).expect("connects");
    let head = format!(
        "PUT /v2.0/software-versions/{version}/file HTTP/1.1\r\nHost: a\r\nX-Project-Id: {OWNER}\r\n\
         X-Roles: member\r\nContent-Length: {size}\r\n\r\n"
    );
    wire.write_all(head.as_bytes()).expect("sends");
    wire.write_all(&file[..size / 2]).expect("sends");
    let some = wait::until(LIMIT, || async { (place.depot.spooled() > 0).then_some(()) });
    assert!(some.await.is_some(), "nothing of it comes");
    drop(wire);
    let at = wait::until(LIMIT, || async {
        let shown = place.show(&version).await;
        shown["upload_offset"].as_u64().filter(|at| *at > 0).map(|at| at as usize)
    });
    let at = at.await.expect("what came is counted");
    assert!(at <= size / 2, "{at}");
    assert_eq!(place.show(&version).await["status"], "UPLOADING");

    // From elsewhere: no. From there, in two parts: yes.
    let (status, answer) = place.put(OWNER, &version, &format!("bytes 7-9/{size}"), &file[7..10]).await;
    assert_eq!((status, &answer["NeutronError"]["type"]), (409, &json!("UploadOffsetMismatch")), "{answer}");
    let (status, answer) = place.put(OWNER, &version, "bytes 0-9/10", &file[..10]).await;
    assert_eq!((status, &answer["NeutronError"]["type"]), (400, &json!("UploadSizeMismatch")), "{answer}");
    let middle = at + 100;
    for (from, to) in [(at, middle), (middle, size)] {
        let range = format!("bytes {from}-{}/{size}", to - 1);
        let (status, answer) = place.put(OWNER, &version, &range, &file[from..to]).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["software_version"]["upload_offset"], to);
    }
    assert_eq!(place.show(&version).await["status"], "ACTIVE");
    let (status, _) = place.put(OWNER, &version, "", &file).await;
    assert_eq!(status, 409, "it has a file");
}

async fn what_is_private_is_not_known_to_be_there(engine: Engine) {
    let place = Place::start(engine).await;
    let (package, version) = place.brought("secret", "1").await;
    let nobody = "7a4e5d1c-0f3b-4f1e-9d56-1f3f0c6b2a11";
    for (method, path, body) in [
        ("GET", "software-packages/ID", Value::Null),
        ("PUT", "software-packages/ID", json!({ "software_package": { "description": "x" } })),
        ("DELETE", "software-packages/ID", Value::Null),
        ("DELETE", "software-packages/ID?force=true", Value::Null),
        ("GET", "software-versions/ID", Value::Null),
        ("PUT", "software-versions/ID", json!({ "software_version": { "yanked": true } })),
        ("DELETE", "software-versions/ID", Value::Null),
        ("GET", "software-versions/ID/file", Value::Null),
        ("PUT", "software-versions/ID/file", json!({})),
        ("POST", "software-versions", json!({ "software_version": { "package_id": "ID" } })),
        (
            "POST",
            "software-orders",
            json!({ "software_order": { "packages": [{ "package_id": "ID" }], "targets": ["x"] } }),
        ),
    ] {
        let id = if path.contains("versions/") { &version } else { &package };
        let with = |id: &str| {
            let body = serde_json::from_str(&body.to_string().replace("ID", id)).expect("JSON");
            (path.replace("ID", id), body)
        };
        let ((there, body), (nowhere, nothing)) = (with(id), with(nobody));
        let (status, answer) = place.ask(OTHER, method, &there, body).await;
        let (unknown, other) = place.ask(OTHER, method, &nowhere, nothing).await;
        let alike = |answer: &Value, id: &str| answer.to_string().replace(id, "ID");
        assert_eq!((status, alike(&answer, id)), (unknown, alike(&other, nobody)), "{method} {path}");
        assert_eq!(status, 404, "{method} {path}: {answer}");
    }
    for list in ["software-packages?name=secret", "software-versions"] {
        let (_, answer) = place.ask(OTHER, "GET", list, Value::Null).await;
        assert!(!answer.to_string().contains(&package), "{list}: {answer}");
    }
    // The name is free for others, and taken for its owner.
    let twin = json!({ "software_package": { "name": "secret", "format": "deb" } });
    assert_eq!(place.ask(OTHER, "POST", "software-packages", twin.clone()).await.0, 201);
    assert_eq!(place.ask(OWNER, "POST", "software-packages", twin).await.0, 409);
    for bad in ["../x", "a b", "", ".x", "ä"] {
        let bad = json!({ "software_package": { "name": bad, "format": "deb" } });
        assert_eq!(place.ask(OWNER, "POST", "software-packages", bad.clone()).await.0, 400, "{bad}");
    }
    let (status, _) = place
        .ask(
            "a/b",
            "POST",
            "software-packages",
            json!({ "software_package": { "name": "x", "format": "deb" } }),
        )
        .await;
    assert_eq!(status, 400, "the project could not be told apart");
}

async fn a_file_is_what_it_was_said_to_be(engine: Engine) {
    let place = Place::with(engine, Bus::in_process(), |settings| {
        settings.quotas.0.insert("software_gigabytes".into(), 1);
    })
    .await;
    let package = place.package("hello", "deb").await;
    let good = depot::deb("hello", "1", 1024);
    let other = depot::deb("other", "1", 1024);
    for (said, file, reason) in [
        (json!({}), &other, "name"),
        (json!({ "version": "2" }), &good, "version"),
        (json!({ "architecture": "amd64" }), &good, "architecture"),
        (json!({ "sha256": "00".repeat(32) }), &good, "sum"),
        (json!({}), &b"no package at all".to_vec(), ""),
    ] {
        let version = place.version(&package, said.clone()).await;
        let (status, answer) = place.put(OWNER, &version, "", file).await;
        let shown = &answer["software_version"];
        assert_eq!((status, &shown["status"]), (200, &json!("ERROR")), "{said}: {answer}");
        let text = shown["status_reason"].as_str().unwrap_or_default();
        assert!(!text.is_empty() && text.contains(reason), "{said}: {text}");
        assert_eq!(place.put(OWNER, &version, "", &good).await.0, 409, "it takes no other");
    }
    // How much there is has to be known, and has to fit.
    let version = place.version(&package, json!({})).await;
    let (status, answer) = place.put(OWNER, &version, "bytes 0-0/2147483648", b"x").await;
    assert_eq!((status, &answer["NeutronError"]["type"]), (409, &json!("OverQuota")), "{answer}");
    let large = json!({ "software_version": { "package_id": package, "size": 2_147_483_648_i64 } });
    assert_eq!(place.ask(OWNER, "POST", "software-versions", large).await.0, 409);
    let (_, quota) = place.ask("admin", "GET", &format!("quotas/{OWNER}/details"), Value::Null).await;
    assert_eq!(quota["quota"]["software_gigabytes"], json!({ "limit": 1, "used": 0, "reserved": 0 }));
    // An archive says nothing: its version is said.
    let archive = place.package("tools", "archive").await;
    let nameless = json!({ "software_version": { "package_id": archive } });
    assert_eq!(place.ask(OWNER, "POST", "software-versions", nameless).await.0, 400);
    let version = place.version(&archive, json!({ "version": "2:1.0~rc1" })).await;
    assert_eq!(place.put(OWNER, &version, "", &depot::tar("tool", b"other")).await.0, 200);
    place.reads(OWNER, "/archive/tools/2:1.0~rc1/tools-2-1.0-rc1-all.tar", 200).await;
    let version = place.version(&archive, json!({ "version": "1.0" })).await;
    let (_, answer) = place.put(OWNER, &version, "", &depot::tar("tool", b"content")).await;
    let shown = &answer["software_version"];
    assert_eq!(
        (&shown["status"], &shown["filename"]),
        (&json!("ACTIVE"), &json!("tools-1.0-all.tar")),
        "{answer}"
    );
    place.reads(OWNER, "/archive/tools/1.0/tools-1.0-all.tar", 200).await;

    // Without a repository, names can be kept and files cannot.
    let settings = Settings { auth: AuthSettings::Trusting, ..Settings::default() };
    let off = Lone::start(settings, Bus::in_process()).await.expect("starts");
    let fields = json!({ "software_package": { "name": "hello", "format": "deb" } }).to_string();
    let (_, made) = off
        .client
        .send("POST", "/v2.0/software-packages", Some(fields), &who(OWNER))
        .await
        .expect("an answer");
    let fields = json!({ "software_version": { "package_id": made["software_package"]["id"] } }).to_string();
    let (_, made) = off
        .client
        .send("POST", "/v2.0/software-versions", Some(fields), &who(OWNER))
        .await
        .expect("an answer");
    let path = format!("/v2.0/software-versions/{}/file", id_of(&made["software_version"]));
    let answer = off.client.bytes("PUT", &path, good, &who(OWNER)).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 503);
    assert!(String::from_utf8_lossy(answer.body()).contains("[software]"));
}

async fn of_two_files_of_a_version_one_counts(engine: Engine) {
    let place = Place::start(engine).await;
    let package = place.package("hello", "deb").await;
    let mut versions = Vec::new();
    for _ in 0..4 {
        versions.push(place.version(&package, json!({})).await);
    }
    let file = depot::deb("hello", "1", 1024);
    let puts = versions.iter().map(|version| place.put(OWNER, version, "", &file));
    let answers = futures_util::future::join_all(puts).await;
    let is = |status: &str| {
        let all = answers.iter().filter(|(_, answer)| answer["software_version"]["status"] == status);
        all.count()
    };
    assert_eq!((is("ACTIVE"), is("ERROR")), (1, 3), "{answers:?}");
    place.reads(OWNER, "/archive/hello/1/hello_1_all.deb", 200).await;
    let again = json!({ "software_version":
        { "package_id": package, "version": "1", "architecture": "all" } });
    assert_eq!(place.ask(OWNER, "POST", "software-versions", again).await.0, 409);
    // The same file, of another project: it goes when nobody has it any more.
    for version in &versions {
        let gone = place.ask(OWNER, "DELETE", &format!("software-versions/{version}"), Value::Null).await;
        assert_eq!(gone.0, 204, "{}", gone.1);
    }
    place.reads(OWNER, "/archive/hello/1/hello_1_all.deb", 404).await;
}

async fn the_repository_is_told_anew(engine: Engine) {
    let mut place = Place::start(engine).await;
    let (package, version) = place.brought("hello", "1").await;
    let path = "/archive/hello/1/hello_1_all.deb";
    place.reads(OWNER, path, 200).await;
    // It comes back without anything: what was published has no file, and is shown so.
    place.depot = place.depot.again(false).await.expect("starts again");
    let second = place.more(&package, "hello", "2").await;
    let lost = wait::until(LIMIT, || async {
        let shown = place.show(&version).await;
        (shown["status"] == "ERROR" && shown["status_reason"] != "").then_some(())
    });
    assert!(lost.await.is_some(), "nobody says that the file is gone");
    place.reads(OWNER, "/archive/hello/2/hello_2_all.deb", 200).await;
    assert_eq!(place.show(&second).await["status"], "ACTIVE");
}
