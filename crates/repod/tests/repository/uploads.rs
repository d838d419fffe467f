//! Files that come in bits, that are not what they were to be, that are too much.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use repo::Sha256;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::place::{Place, SECRET, deb, settings, version};

async fn begin(place: &Place, claim: serde_json::Value) -> String {
    let begun = place.say(Method::POST, "/uploads", &claim).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text());
    format!("/uploads/{}", begun.json()["id"].as_str().expect("an id"))
}

#[tokio::test]
async fn a_file_comes_in_bits_over_a_restart_and_a_broken_connection() {
    let place = Place::start().await;
    let file = deb(place.folder.path(), "a", "1", "xz", &vec![7; 300_000]);
    let bytes = std::fs::read(&file).expect("reads");
    let sum = Sha256::of(&bytes);
    let upload = begin(&place, json!({ "size": bytes.len(), "sha256": sum, "name": "a" })).await;
    let third = bytes.len() / 3;
    let range = format!("bytes 0-{}/{}", third - 1, bytes.len());
    let sent =
        place.call(Method::PATCH, &upload, &[("content-range", &range)], bytes[..third].to_vec()).await;
    assert_eq!((sent.status, sent.header("upload-offset")), (StatusCode::NO_CONTENT, &*third.to_string()));
    let early = place.call(Method::POST, &format!("{upload}/finish"), &[], "").await;
    assert_eq!((early.status, &early.json()["error"]["type"]), (StatusCode::CONFLICT, &json!("Incomplete")));

    let place = place.again().await;
    // Somebody sends half of what was announced, and goes.
    let address = place.manage();
    let mut tcp = tokio::net::TcpStream::connect(address).await.expect("connects");
    let head = format!(
        "PATCH {upload} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {SECRET}\r\nupload-offset: {third}\r\n\
         content-length: {}\r\n\r\n",
        bytes.len() - third
    );
    tcp.write_all(head.as_bytes()).await.expect("sends");
    tcp.write_all(&bytes[third..2 * third]).await.expect("sends");
    drop(tcp);
    // What came of it is there; where exactly it ends is asked.
    let wrong = loop {
        let wrong = place.call(Method::PATCH, &upload, &[("upload-offset", "1")], "x").await;
        if wrong.json()["error"]["type"] != "Busy" && wrong.header("upload-offset") != third.to_string() {
            break wrong;
        }
    };
    assert_eq!((wrong.status, &wrong.json()["error"]["type"]), (StatusCode::CONFLICT, &json!("Offset")));
    let looked = place.call(Method::HEAD, &upload, &[], "").await;
    let at: usize = looked.header("upload-offset").parse().expect("a number");
    assert!(at > third && at <= 2 * third, "{at}");
    let rest = bytes[at..].to_vec();
    let sent = place.call(Method::PATCH, &upload, &[("upload-offset", &at.to_string())], rest).await;
    assert_eq!(sent.status, StatusCode::NO_CONTENT, "{}", sent.text());
    // Finished twice, as a client does that did not get the answer.
    for _ in 0..2 {
        let done = place.call(Method::POST, &format!("{upload}/finish"), &[], "").await;
        assert_eq!(done.status, StatusCode::CREATED, "{}", done.text());
        let said = done.json();
        assert_eq!(
            (&said["sha256"], &said["name"], &said["format"]),
            (&json!(sum), &json!("a"), &json!("deb"))
        );
        assert_eq!(said["detail"]["control"]["Maintainer"], "A <a@example.org>");
    }
    let got = place.call(Method::GET, &format!("/blobs/{sum}"), &[("range", "bytes=10-19")], "").await;
    assert_eq!((got.status, &got.body[..]), (StatusCode::PARTIAL_CONTENT, &bytes[10..20]));
    assert_eq!(place.call(Method::DELETE, &upload, &[], "").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn what_is_not_what_it_was_to_be_is_refused() {
    let place = Place::start().await;
    let file = deb(place.folder.path(), "a", "1", "gzip", b"x");
    let bytes = std::fs::read(&file).expect("reads");
    let mut damaged = bytes.clone();
    let middle = 150;
    damaged[middle] ^= 0xff;
    let cut = &bytes[..bytes.len() - 10];
    for (bytes, claim, kind) in [
        (&bytes[..], json!({ "name": "b" }), "Differs"),
        (&bytes, json!({ "version": "2" }), "Differs"),
        (&bytes, json!({ "architecture": "amd64" }), "Differs"),
        (&bytes, json!({ "format": "rpm" }), "Differs"),
        (&bytes, json!({ "sha256": Sha256::of(b"other") }), "SumDiffers"),
        (&bytes, json!({ "size": 1_000_000 }), "Incomplete"),
        (&damaged, json!({}), "Malformed"),
        (cut, json!({}), "Malformed"),
        (b"just text", json!({}), "Malformed"),
        (b"", json!({}), "Malformed"),
    ] {
        let answer = place.upload(bytes, &claim).await;
        assert!(answer.status.is_client_error(), "{kind}: {}", answer.text());
        assert_eq!(answer.json()["error"]["type"], kind, "{}", answer.text());
    }
    let sum = Sha256::of(&bytes);
    let nothing = place.call(Method::GET, &format!("/blobs/{sum}"), &[], "").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    // Longer than was said: what was said is what is taken.
    let upload = begin(&place, json!({ "size": 10 })).await;
    let long = place.call(Method::PATCH, &upload, &[("upload-offset", "0")], bytes).await;
    assert_eq!(long.json()["error"]["type"], "TooLarge");
}

#[tokio::test]
async fn limits_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings(folder.path());
    (settings.max_file_bytes, settings.max_uploads) = (1000, 2);
    let place = Place::with(folder, settings).await;
    let answer = place.say(Method::POST, "/uploads", &json!({ "size": 1001 })).await;
    assert_eq!(answer.json()["error"]["type"], "TooLarge");
    let first = begin(&place, json!({})).await;
    let long = place.call(Method::PATCH, &first, &[("upload-offset", "0")], vec![0; 1001]).await;
    assert_eq!(long.json()["error"]["type"], "TooLarge");
    let _second = begin(&place, json!({})).await;
    let third = place.say(Method::POST, "/uploads", &json!({})).await;
    assert_eq!(
        (third.status, &third.json()["error"]["type"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("TooManyUploads"))
    );
    assert_eq!(place.call(Method::DELETE, &first, &[], "").await.status, StatusCode::NO_CONTENT);
    begin(&place, json!({})).await;
    // Who does not know the secret is told nothing.
    for said in ["", "Bearer ", "Bearer x", SECRET] {
        let http = super::place::http();
        let request =
            hyper::Request::get(format!("http://{}/status", place.manage())).header("authorization", said);
        let answer = super::place::ask(&http, request.body(Default::default()).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_writes_at_a_time() {
    let place = Arc::new(Place::start().await);
    let upload = begin(&place, json!({})).await;
    let writes = (0..20).map(|_| {
        let (place, upload) = (place.clone(), upload.clone());
        tokio::spawn(async move {
            place.call(Method::PATCH, &upload, &[("upload-offset", "0")], vec![1; 100_000]).await.status
        })
    });
    let mut taken = 0;
    for write in writes.collect::<Vec<_>>() {
        match write.await.expect("answers") {
            StatusCode::NO_CONTENT => taken += 1,
            status => assert_eq!(status, StatusCode::CONFLICT),
        }
    }
    assert_eq!(taken, 1);
    let offset = place.call(Method::HEAD, &upload, &[], "").await;
    assert_eq!(offset.header("upload-offset"), "100000");
}

#[tokio::test]
async fn no_space_is_said_and_nothing_is_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = settings(folder.path());
    settings.min_free_bytes = u64::MAX;
    let place = Place::with(folder, settings).await;
    let answer = place.say(Method::POST, "/uploads", &json!({})).await;
    assert_eq!(answer.status, StatusCode::INSUFFICIENT_STORAGE, "{}", answer.text());
    assert_eq!(answer.json()["error"]["type"], "Full");
}

mod netns {
    use std::path::{Path, PathBuf};

    use super::super::place::run;
    use super::*;

    /// A small disk, gone with the test.
    struct Disk(PathBuf);

    impl Disk {
        fn at(path: &Path) -> Disk {
            let at = path.to_str().expect("text");
            run("mount", &["-t", "tmpfs", "-o", "size=2m", "tmpfs", at]);
            Disk(path.to_owned())
        }
    }

    impl Drop for Disk {
        fn drop(&mut self) {
            run("umount", &["--lazy", self.0.to_str().expect("text")]);
        }
    }

    #[tokio::test]
    async fn what_is_to_stay_free_is_not_filled_by_an_upload_under_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = settings(folder.path());
        settings.min_free_bytes = 1 << 20;
        std::fs::create_dir(&settings.folder).expect("a folder");
        let disk = Disk::at(&settings.folder);
        let place = Place::with(folder, settings).await;
        let upload = begin(&place, json!({})).await;
        let more = vec![9; 600 << 10];
        for (at, status) in [
            (0, StatusCode::NO_CONTENT),
            (more.len(), StatusCode::NO_CONTENT),
            // A third fits on the disk, and not into what may be filled.
            (2 * more.len(), StatusCode::INSUFFICIENT_STORAGE),
        ] {
            let at = at.to_string();
            let sent = place.call(Method::PATCH, &upload, &[("upload-offset", &at)], more.clone()).await;
            assert_eq!(sent.status, status, "{at}");
        }
        drop(place);
        drop(disk);
    }

    #[tokio::test]
    async fn a_full_disk_leaves_what_was_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(folder.path());
        std::fs::create_dir(&settings.folder).expect("a folder");
        let disk = Disk::at(&settings.folder);
        let place = Place::with(folder, settings).await;
        let sum = place.bring(&deb(place.folder.path(), "small", "1", "none", b"x")).await;
        place.publish(1, &[version("v", sum, "red", &["*"])]).await;
        let upload = begin(&place, json!({})).await;
        let full = place.call(Method::PATCH, &upload, &[("upload-offset", "0")], vec![9; 4 << 20]).await;
        assert_eq!(
            (full.status, &full.json()["error"]["type"]),
            (StatusCode::INSUFFICIENT_STORAGE, &json!("Full"))
        );
        // A publication that finds no space changes nothing either.
        let second = place.say(Method::PUT, "/publication", &json!({ "revision": 2, "versions": [] })).await;
        assert_eq!(second.status, StatusCode::INSUFFICIENT_STORAGE, "{}", second.text());
        let listed = place.read("blue", "/deb/dists/stable/main/binary-all/Packages.gz", &[]).await;
        assert_eq!(listed.status, StatusCode::OK);
        let place = place.again().await;
        assert_eq!(place.call(Method::GET, "/publication", &[], "").await.json()["revision"], 1);
        // With the upload gone there is space again.
        assert_eq!(place.call(Method::DELETE, &upload, &[], "").await.status, StatusCode::NO_CONTENT);
        place.publish(2, &[]).await;
        drop(place);
        drop(disk);
    }
}
