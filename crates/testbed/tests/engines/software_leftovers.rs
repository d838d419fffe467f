//! Bytes that no version has: of uploads that came whole while nobody took note, and of versions that go.

use db::Engine;
use model::api::software_version::{SOFTWARE_VERSION, SoftwareVersion};
use repo::Sha256;
use serde_json::{Value, json};
use testbed::{depot, wait};

use super::software::{LIMIT, OWNER, Place};

testbed::on_both_engines!(nothing_stays_of_what_no_version_has);

/// A server that ends between the last byte and the note of it, and versions that go meanwhile.
async fn nothing_stays_of_what_no_version_has(engine: Engine) {
    let place = Place::start(engine).await;
    let package = place.package("hello", "deb").await;
    let there = |file: &[u8]| {
        let sum = Sha256::of(file).to_string();
        place.depot.blobs().join(&sum[..2]).join(&sum)
    };
    // All of it came and is whole there, and nobody took note: the server does.
    let file = depot::deb("hello", "1", 2048);
    let version = place.version(&package, json!({ "size": file.len() })).await;
    let (status, _) = place.put(OWNER, &version, &format!("bytes 0-9/{}", file.len()), &file[..10]).await;
    assert_eq!(status, 200);
    let upload = upload_of(&place, &version).await;
    place.depot.bring(&upload, 10, &file[10..]).await.expect("came and finished");
    assert!(there(&file).exists());
    let (status, _) = place.put(OWNER, &version, &format!("bytes */{}", file.len()), b"").await;
    assert_eq!(status, 200);
    assert_eq!(place.show(&version).await["status"], "ACTIVE");

    // The same, and its version is deleted: the file goes, and so does a part of another.
    let (lost, part) = (depot::deb("hello", "2", 2048), depot::deb("hello", "3", 2048));
    for file in [&lost, &part] {
        let version = place.version(&package, json!({ "size": file.len() })).await;
        let range = format!("bytes 0-9/{}", file.len());
        assert_eq!(place.put(OWNER, &version, &range, &file[..10]).await.0, 200);
        let upload = upload_of(&place, &version).await;
        if *file == lost {
            place.depot.bring(&upload, 10, &file[10..]).await.expect("came and finished");
            assert!(there(file).exists());
        }
        let path = format!("software-versions/{version}");
        assert_eq!(place.ask(OWNER, "DELETE", &path, Value::Null).await.0, 204);
    }
    // Something that is published has the server look. Of the first, the upload is known for a day.
    let gone = wait::until(LIMIT, || async {
        nudge(&place, &package).await;
        (!there(&lost).exists() && place.depot.uploads() == 1).then_some(())
    });
    assert!(gone.await.is_some(), "{} uploads stay", place.depot.uploads());
    assert!(there(&file).exists(), "what a version has stays");

    for size in [json!(0), json!(-1)] {
        let fields = json!({ "package_id": package, "size": size });
        let asked = json!({ "software_version": fields });
        let (status, answer) = place.ask(OWNER, "POST", "software-versions", asked).await;
        assert_eq!(status, 400, "{answer}");
    }
    let empty = place.version(&package, json!({})).await;
    let (status, answer) = place.put(OWNER, &empty, "", b"").await;
    assert!([400, 411].contains(&status), "a file has at least one byte: {status} {answer}");
}

/// The repository's name for what comes of a version.
async fn upload_of(place: &Place, version: &str) -> String {
    let db = place.lone.open().await.expect("opens");
    let mut tx = db.read().await.expect("reads");
    let found: SoftwareVersion = tx.get(&SOFTWARE_VERSION, version).await.expect("reads").expect("is there");
    found.upload_id.expect("it began")
}

/// Has the server tell the repository something.
async fn nudge(place: &Place, package: &str) {
    for shared in [true, false] {
        let change = json!({ "software_package": { "shared": shared } });
        let (status, answer) =
            place.ask("admin", "PUT", &format!("software-packages/{package}"), change).await;
        assert_eq!(status, 200, "{answer}");
    }
}
