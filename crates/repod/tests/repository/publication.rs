//! Who sees what, and what becomes of it.

use std::io::Read;

use hyper::{Method, StatusCode};
use repo::Sha256;
use repod::Settings;
use serde_json::{Value, json};

use super::apt::Apt;
use super::place::{Answer, Place, ask, deb, run, settings, version};

fn unpacked(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&answer.body[..]).read_to_string(&mut text).expect("unpacks");
    text
}

/// Names that a project finds in its apt indexes.
async fn listed(place: &Place, project: &str) -> Vec<String> {
    let mut all = Vec::new();
    for component in ["main", "project"] {
        let path = format!("/deb/dists/stable/{component}/binary-all/Packages.gz");
        let text = unpacked(&place.read(project, &path, &[]).await);
        all.extend(text.lines().filter_map(|line| line.strip_prefix("Package: ").map(str::to_owned)));
    }
    all.sort();
    all
}

async fn path_of(place: &Place, project: &str, name: &str) -> String {
    for component in ["main", "project"] {
        let path = format!("/deb/dists/stable/{component}/binary-all/Packages.gz");
        let text = unpacked(&place.read(project, &path, &[]).await);
        let mut paragraphs = text.split("\n\n");
        if let Some(found) = paragraphs.find(|one| one.lines().any(|line| line == format!("Package: {name}")))
        {
            let path = found.lines().find_map(|line| line.strip_prefix("Filename: ")).expect("a path");
            return format!("/deb/{path}");
        }
    }
    panic!("{project} does not see {name}")
}

async fn bring(place: &Place, name: &str) -> Sha256 {
    place.bring(&deb(place.folder.path(), name, "1", "none", name.as_bytes())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_project_sees_what_it_may_and_nothing_tells_of_the_rest() {
    let place = Place::start().await;
    let (open, own) = (bring(&place, "open").await, bring(&place, "own").await);
    let (shared, both) = (bring(&place, "shared").await, bring(&place, "both").await);
    place
        .publish(
            1,
            &[
                version("1", open, "red", &["*"]),
                version("2", own, "red", &[]),
                version("3", shared, "red", &["blue"]),
                // The same file, of two who do not know of each other.
                version("4", both, "red", &[]),
                version("5", both, "blue", &[]),
            ],
        )
        .await;
    assert_eq!(listed(&place, "red").await, ["both", "open", "own", "shared"]);
    // Nobody puts anything on another's shelf: what is shared is had by its path.
    assert_eq!(listed(&place, "blue").await, ["both", "open"]);
    assert_eq!(listed(&place, "green").await, ["open"]);
    let by_path = ["/archive/shared/1/shared_1_all.deb".to_owned(), path_of(&place, "red", "shared").await];
    for path in &by_path {
        assert_eq!(place.read("blue", path, &[]).await.status, StatusCode::OK, "{path}");
        assert_eq!(place.read("green", path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }

    let private = path_of(&place, "red", "own").await;
    assert_eq!(place.read("red", &private, &[]).await.status, StatusCode::OK);
    // Whatever names what is another's is answered as what names nothing.
    let index = "/deb/dists/stable/project/binary-all/Packages.gz";
    let theirs = place.read("red", index, &[]).await;
    let sum = Sha256::of(&theirs.body);
    let nothing = place.read("green", "/deb/pool/00/nothing/x.deb", &[]).await;
    for path in [
        private.clone(),
        private.replace("own_1_all.deb", "other.deb"),
        format!("/deb/dists/stable/project/binary-all/by-hash/SHA256/{sum}"),
        format!("/deb/dists/stable/main/binary-all/by-hash/SHA256/{sum}"),
        "/archive/own/1/own_1_all.deb".to_owned(),
        "/archive/own/1/SHA256SUMS".to_owned(),
        format!("/rpm/project/packages/{}/{own}/own_1_all.deb", &own.to_string()[..2]),
    ] {
        let answer = place.read("green", &path, &[]).await;
        assert_eq!((answer.status, &answer.body), (nothing.status, &nothing.body), "{path}");
        assert_eq!(
            answer.headers.keys().collect::<Vec<_>>(),
            nothing.headers.keys().collect::<Vec<_>>(),
            "{path}"
        );
    }
    let release = place.read("green", "/deb/dists/stable/Release", &[]).await.text();
    assert!(!release.contains(&sum.to_string()), "{release}");

    // Shared no more: gone at once, for whoever had it.
    let told = place
        .say(
            Method::PATCH,
            "/publication",
            &json!({ "revision": 2, "after": 1, "put": [version("3", shared, "red", &[])] }),
        )
        .await;
    assert_eq!((told.status, &told.json()["rebuilt"]), (StatusCode::OK, &json!(0)), "{}", told.text());
    for path in &by_path {
        assert_eq!(place.read("blue", path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// Where the operator says so, and not before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shared_may_be_shelved() {
    let mut place = Place::start().await;
    let shared = bring(&place, "shared").await;
    place.publish(1, &[version("1", shared, "red", &["blue"])]).await;
    assert!(listed(&place, "blue").await.is_empty());
    place.settings.shared_on_shelves = true;
    place = place.again().await;
    assert_eq!(
        (listed(&place, "blue").await, listed(&place, "green").await),
        (vec!["shared".into()], vec![])
    );
    let change = json!({ "revision": 2, "after": 1, "put": [version("1", shared, "red", &[])] });
    let told = place.say(Method::PATCH, "/publication", &change).await;
    assert_eq!((told.status, &told.json()["rebuilt"]), (StatusCode::OK, &json!(1)), "{}", told.text());
    assert!(listed(&place, "blue").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apt_follows_what_is_published() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings { shared_on_shelves: true, ..settings(folder.path()) };
    let place = Place::with(folder, settings).await;
    let (open, own) = (bring(&place, "open").await, bring(&place, "own").await);
    place.publish(1, &[version("1", open, "red", &["*"]), version("2", own, "red", &[])]).await;
    let (red, blue) = (Apt::of(&place, "red").await, Apt::of(&place, "blue").await);
    red.said(&["update"]).await;
    blue.said(&["update"]).await;
    assert!(red.known().await.contains("own") && !blue.known().await.contains("own"));
    let old = place.read("red", "/deb/dists/stable/project/binary-all/Packages.gz", &[]).await;

    // All in the same second, and some of it back and forth.
    place.publish(2, &[version("1", open, "red", &["*"]), version("2", own, "red", &["blue"])]).await;
    blue.said(&["update"]).await;
    assert!(blue.known().await.contains("own"));
    blue.said(&["install", "-y", "--download-only", "own"]).await;
    place.publish(3, &[version("1", open, "red", &["*"])]).await;
    blue.said(&["update"]).await;
    assert!(!blue.known().await.contains("own"));
    // Who was told of the index before still gets it.
    let by_hash = format!("/deb/dists/stable/project/binary-all/by-hash/SHA256/{}", Sha256::of(&old.body));
    let kept = place.read("red", &by_hash, &[]).await;
    assert_eq!((kept.status, &kept.body), (StatusCode::OK, &old.body));
    assert_eq!(place.read("green", &by_hash, &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_under_apt() {
    let place = Place::start().await;
    let sum = bring(&place, "open").await;
    place.publish(1, &[version("1", sum, "red", &["*"])]).await;
    let old = Apt::of(&place, "red").await;
    old.said(&["update"]).await;
    let keys = place.settings.key_folder();
    let first = repod::Keys::open(&keys).expect("keys").shown();
    assert_eq!(first.len(), 1);
    let mode =
        std::fs::metadata(keys.join(format!("{}.key", first[0].fingerprint))).expect("a file").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    assert!(
        repod::Keys::retire(&keys, &first[0].fingerprint).expect("looks").is_none(),
        "the last key stays"
    );
    let second = repod::Keys::rotate(&keys).expect("another key");

    let place = place.again().await;
    let (knows_first, knows_both) = (Apt::of(&place, "red").await, Apt::of(&place, "red").await);
    // One that was set up before the rotation.
    let before = std::fs::read_to_string(old.path("etc/sources.list.d/neutrino.sources")).expect("reads");
    let key = before.split_once("Signed-By:").expect("a key").1;
    let file = knows_first.path("etc/sources.list.d/neutrino.sources");
    let text = std::fs::read_to_string(&file).expect("reads");
    std::fs::write(&file, format!("{}Signed-By:{key}", text.split_once("Signed-By:").expect("a key").0))
        .expect("writes");
    for apt in [&knows_first, &knows_both] {
        let said = apt.run("apt-get", &["update"]).await;
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
    repod::Keys::retire(&keys, &first[0].fingerprint).expect("looks").expect("is retired");
    let place = place.again().await;
    let gateway = place.gateway("red").await;
    for (apt, trusts) in [(&knows_first, false), (&knows_both, true)] {
        let file = apt.path("etc/sources.list.d/neutrino.sources");
        let text = std::fs::read_to_string(&file).expect("reads");
        let uri = text.lines().find_map(|line| line.strip_prefix("URIs: ")).expect("a URI").to_owned();
        std::fs::write(&file, text.replace(&uri, &format!("{gateway}/deb"))).expect("writes");
        let said = apt.run("apt-get", &["update", "-o", "APT::Update::Error-Mode=any"]).await;
        assert_eq!(said.status.success(), trusts, "{}", String::from_utf8_lossy(&said.stderr));
    }
    assert!(place.read("red", "/key.asc", &[]).await.text().contains("PUBLIC KEY"));
    let shown = place.call(Method::GET, "/status", &[], "").await.json();
    assert_eq!(shown["keys"][0]["fingerprint"], second.fingerprint);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archives_have_signed_sums() {
    let place = Place::start().await;
    let folder = place.folder.path().join("archive");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("file"), "content").expect("writes");
    let at = folder.to_str().expect("text");
    let mut versions: Vec<Value> = Vec::new();
    for (number, (kind, option)) in [("tar", "-c"), ("tar.gz", "-cz"), ("tar.xz", "-cJ")].iter().enumerate() {
        let file = format!("{at}/x.{kind}");
        run("tar", &[option, "-f", &file, "-C", at, "file"]);
        let sum = place.bring(file.as_ref()).await;
        let mut one = version(&number.to_string(), sum, "red", &["*"]);
        (one["name"], one["version"], one["architecture"]) = ("tool".into(), "1.0".into(), "amd64".into());
        versions.push(one);
    }
    // Of these, one is red's own, under the name of one that everybody sees.
    let told = place.publish(1, &versions).await;
    assert_eq!(told["listed"], 3, "{told}");
    let sums = place.read("blue", "/archive/tool/1.0/SHA256SUMS", &[]).await;
    assert_eq!(sums.text().lines().count(), 3, "{}", sums.text());
    let signature = place.read("blue", "/archive/tool/1.0/SHA256SUMS.asc", &[]).await;
    let key = place.read("blue", "/key.gpg", &[]).await;
    for (name, answer) in [("SHA256SUMS", &sums), ("SHA256SUMS.asc", &signature), ("key.gpg", &key)] {
        std::fs::write(folder.join(name), &answer.body).expect("writes");
    }
    run(
        "gpgv",
        &[
            "--keyring",
            &format!("{at}/key.gpg"),
            &format!("{at}/SHA256SUMS.asc"),
            &format!("{at}/SHA256SUMS"),
        ],
    );
    for line in sums.text().lines() {
        let name = line.split("  ").nth(1).expect("a name");
        let file = place.read("blue", &format!("/archive/tool/1.0/{name}"), &[]).await;
        std::fs::write(folder.join(name), &file.body).expect("writes");
    }
    run("sh", &["-c", &format!("cd {at} && sha256sum --check --strict SHA256SUMS")]);

    // Yanked: in no list, but there for who knows it.
    versions[0]["yanked"] = true.into();
    place.publish(2, &versions).await;
    let sums = place.read("blue", "/archive/tool/1.0/SHA256SUMS", &[]).await.text();
    assert!(sums.lines().count() == 2 && !sums.contains("amd64.tar\n"), "{sums}");
    assert_eq!(place.read("blue", "/archive/tool/1.0/tool-1.0-amd64.tar", &[]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_in_use_stay_and_missing_ones_are_listed_when_they_come() {
    let place = Place::start().await;
    let file = deb(place.folder.path(), "late", "1", "xz", b"late");
    let sum = Sha256::of(&std::fs::read(&file).expect("reads"));
    let told = place.publish(5, &[version("v", sum, "red", &["*"])]).await;
    assert_eq!((&told["listed"], &told["missing"]), (&json!(0), &json!(["v"])));
    assert!(listed(&place, "blue").await.is_empty());
    place.bring(&file).await;
    assert_eq!(listed(&place, "blue").await, ["late"]);

    let stale = place.say(Method::PUT, "/publication", &json!({ "revision": 4, "versions": [] })).await;
    assert_eq!((stale.status, &stale.json()["error"]["type"]), (StatusCode::CONFLICT, &json!("Stale")));
    let stale = place.say(Method::PATCH, "/publication", &json!({ "revision": 7, "after": 6 })).await;
    assert_eq!(stale.json()["error"]["type"], "Stale");

    let blob = format!("/blobs/{sum}");
    let refused = place.call(Method::DELETE, &blob, &[], "").await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["type"]),
        (StatusCode::CONFLICT, &json!("Published"))
    );
    let path = path_of(&place, "blue", "late").await;
    assert_eq!(
        place.call(Method::DELETE, &format!("{blob}?force=true"), &[], "").await.status,
        StatusCode::NO_CONTENT
    );
    assert!(listed(&place, "blue").await.is_empty());
    assert_eq!(place.read("blue", &path, &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.call(Method::DELETE, &blob, &[], "").await.status, StatusCode::NOT_FOUND, "yet missed");
    place.publish(6, &[]).await;
    assert_eq!(place.call(Method::DELETE, &blob, &[], "").await.status, StatusCode::NOT_FOUND);

    // One that came a moment ago may be about to be published.
    place.bring(&file).await;
    let lately = place.call(Method::DELETE, &format!("{blob}?unused_s=900"), &[], "").await;
    assert_eq!((lately.status, &lately.json()["error"]["type"]), (StatusCode::CONFLICT, &json!("Busy")));
    assert_eq!(place.call(Method::DELETE, &blob, &[], "").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn only_reading_and_only_as_somebody() {
    let place = Place::start().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let request = hyper::Request::builder()
            .method(method.clone())
            .uri(format!("http://{}/deb/dists/stable/Release", place.reading));
        let request =
            request.header("x-neutrino-project", "red").body(Default::default()).expect("a request");
        assert_eq!(ask(&place.http, request).await.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    for projects in [&[] as &[&str], &[""], &["a/b"], &["red", "blue"], &["red,blue"]] {
        let mut request = hyper::Request::get(format!("http://{}/key.asc", place.reading));
        for project in projects {
            request = request.header("x-neutrino-project", *project);
        }
        let answer = ask(&place.http, request.body(Default::default()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{projects:?}");
    }
    for path in
        ["/status", "/uploads", "/publication", "/deb/../key.asc", "/deb//dists", "/%2e%2e/secret", "/keys"]
    {
        assert_eq!(place.read("red", path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let key = place.read("red", "/key.asc", &[]).await;
    let same = place.read("red", "/key.asc", &[("if-none-match", key.header("etag"))]).await;
    assert_eq!((same.status, same.body.len()), (StatusCode::NOT_MODIFIED, 0));
}

#[tokio::test]
async fn a_gateway_must_know_its_secret_where_there_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings(folder.path());
    settings.gateway_secret_file = folder.path().join("gateway");
    std::fs::write(&settings.gateway_secret_file, "what the gateway knows").expect("writes");
    let place = Place::with(folder, settings).await;
    let wrong = super::place::SECRET.to_owned();
    for (said, status) in [
        ("Bearer what the gateway knows".to_owned(), StatusCode::OK),
        (format!("Bearer {wrong}"), StatusCode::UNAUTHORIZED),
        (String::new(), StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(place.read("red", "/key.asc", &[("authorization", &said)]).await.status, status, "{said}");
    }
    let mut open = place.settings.clone();
    open.gateway_secret_file = Default::default();
    open.read_bind = ([0, 0, 0, 0], 0).into();
    assert!(open.check().is_err(), "anybody could read as anybody");
}
