//! The software repository as a process: killed at any moment, on a folder and on an S3-compatible store.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use repo::Sha256;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::{Program, wait};

const SOON: Duration = Duration::from_secs(30);
const SECRET: &str = "the secret of this test";

struct Repository {
    folder: TempDir,
    program: Program,
    http: Client<HttpConnector, Full<Bytes>>,
    manage: String,
    reading: String,
}

impl Repository {
    async fn start(set: &[String]) -> Repository {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, SECRET).expect("writes");
        let mut words = vec!["repod".to_owned()];
        let own = [
            format!("repod.folder={}", folder.path().join("repository").display()),
            format!("repod.secret_file={}", secret.display()),
            "repod.bind=127.0.0.1:0".to_owned(),
            "repod.read_bind=127.0.0.1:0".to_owned(),
            "repod.min_free_bytes=0".to_owned(),
            "repod.max_uploads=10000".to_owned(),
        ];
        words.extend(own.iter().chain(set).flat_map(|set| ["--set".to_owned(), set.clone()]));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let log = folder.path().join("log");
        let program = Program::start(Path::new(env!("CARGO_BIN_EXE_neutrino")), &words, log).expect("runs");
        let http = Client::builder(TokioExecutor::new()).build_http();
        let mut repository =
            Repository { folder, program, http, manage: String::new(), reading: String::new() };
        repository.listens().await;
        repository
    }

    async fn listens(&mut self) {
        self.manage = self.program.says("the repository is managed at ", SOON).await.expect("starts");
        self.reading = self.program.says("the repository is read at ", SOON).await.expect("starts");
    }

    async fn kill(&mut self) {
        self.program.again().expect("runs again");
        self.listens().await;
    }

    /// `None`: the connection broke.
    async fn ask(&self, request: Request<Full<Bytes>>) -> Option<(StatusCode, Bytes, hyper::HeaderMap)> {
        let (head, body) = self.http.request(request).await.ok()?.into_parts();
        Some((head.status, body.collect().await.ok()?.to_bytes(), head.headers))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        offset: u64,
        body: Vec<u8>,
    ) -> Option<(StatusCode, Value)> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.manage));
        let request = request.header("authorization", format!("Bearer {SECRET}"));
        let request = request.header("upload-offset", offset).body(Full::from(body)).expect("a request");
        let (status, body, headers) = self.ask(request).await?;
        let mut value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some(offset) = headers.get("upload-offset").and_then(|text| text.to_str().ok()) {
            value["offset"] = offset.parse::<u64>().expect("a number").into();
        }
        Some((status, value))
    }

    async fn read(&self, path: &str) -> Option<(StatusCode, Bytes)> {
        let request = Request::get(format!("{}{path}", self.reading)).header("x-neutrino-project", "red");
        let answer = self.ask(request.body(Full::default()).expect("a request")).await?;
        Some((answer.0, answer.1))
    }

    /// Uploads a file by going on as often as the connection breaks. `None`: the upload itself is gone.
    async fn upload(&self, bytes: &[u8]) -> Option<Sha256> {
        self.upload_in(bytes, 200_000).await
    }

    async fn upload_in(&self, bytes: &[u8], part: usize) -> Option<Sha256> {
        let claim = json!({ "size": bytes.len(), "sha256": Sha256::of(bytes) }).to_string().into_bytes();
        let (_, begun) = self.call(Method::POST, "/uploads", 0, claim).await?;
        let path = format!("/uploads/{}", begun["id"].as_str()?);
        let (mut at, mut status) = (0, StatusCode::CONFLICT);
        while at < bytes.len() {
            let part = &bytes[at..bytes.len().min(at + part)];
            let answer = self.call(Method::PATCH, &path, at as u64, part.to_vec()).await?;
            at = answer.1["offset"].as_u64()? as usize;
            status = answer.0;
        }
        assert_eq!(status, StatusCode::NO_CONTENT);
        let (status, done) = self.call(Method::POST, &format!("{path}/finish"), 0, Vec::new()).await?;
        assert_eq!(status, StatusCode::CREATED, "{done}");
        Some(Sha256::of(bytes))
    }

    /// Every index that is told of is there, and so is every file that an index tells of.
    async fn is_whole(&self) -> usize {
        let (status, release) = self.read("/deb/dists/stable/Release").await.expect("answers");
        assert_eq!(status, StatusCode::OK);
        let mut packages = 0;
        for line in String::from_utf8_lossy(&release).lines().filter(|line| line.ends_with("/Packages.gz")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [sum, size, path] = words[..] else { panic!("{line}") };
            let folder = path.trim_end_matches("/Packages.gz");
            let index = format!("/deb/dists/stable/{folder}/by-hash/SHA256/{sum}");
            let (status, packed) = self.read(&index).await.expect("answers");
            assert_eq!((status, packed.len().to_string().as_str()), (StatusCode::OK, size), "{line}");
            assert_eq!(Sha256::of(&packed).to_string(), sum);
            let mut text = String::new();
            flate2::read::MultiGzDecoder::new(&packed[..]).read_to_string(&mut text).expect("unpacks");
            for paragraph in text.split("\n\n").filter(|one| !one.is_empty()) {
                let field =
                    |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).expect("a field");
                let (status, file) =
                    self.read(&format!("/deb/{}", field("Filename: "))).await.expect("answers");
                assert_eq!(status, StatusCode::OK, "{paragraph}");
                assert_eq!(Sha256::of(&file).to_string(), field("SHA256: "));
                packages += 1;
            }
        }
        packages
    }
}

/// Makes a .deb of a name.
fn deb(folder: &Path, name: &str, size: usize) -> PathBuf {
    let root = folder.join(name);
    std::fs::create_dir_all(root.join("DEBIAN")).expect("a folder");
    std::fs::write(root.join("content"), vec![b'x'; size]).expect("writes");
    let control = format!(
        "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: {name}\n"
    );
    std::fs::write(root.join("DEBIAN/control"), control).expect("writes");
    let file = folder.join(format!("{name}.deb"));
    let made =
        std::process::Command::new("dpkg-deb").args(["-Znone", "--build"]).arg(&root).arg(&file).output();
    assert!(made.expect("dpkg-deb").status.success());
    file
}

fn version(number: usize, sum: Sha256) -> Value {
    json!({ "id": format!("v{number}"), "sha256": sum, "project": "red", "seen_by": ["*"] })
}

/// Kills while files come in and are published, as often as `rounds` says.
async fn killed_at_any_moment(rounds: u64, set: &[String]) {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let mut seed = seed.unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1);
    println!("SEED={seed}");
    let mut repository = Repository::start(set).await;
    let beside = tempfile::tempdir().expect("a folder");
    let files: Vec<Vec<u8>> = (0..4)
        .map(|number| {
            std::fs::read(deb(beside.path(), &format!("p{number}"), 300_000 * (number + 1))).expect("reads")
        })
        .collect();
    let (mut revision, mut acknowledged) = (0, 0);
    for round in 0..rounds {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_micros((seed >> 33) % 120_000);
        let work = async {
            for file in &files {
                let sum = repository.upload(file).await?;
                let wanted = acknowledged + 1;
                revision += 1;
                let number = (round as usize + wanted) % files.len();
                let all: Vec<Value> = files[..=number]
                    .iter()
                    .enumerate()
                    .map(|(at, file)| version(at, Sha256::of(file)))
                    .collect();
                let body = json!({ "revision": revision, "versions": all }).to_string().into_bytes();
                let (status, told) = repository.call(Method::PUT, "/publication", 0, body).await?;
                assert_eq!((status, &told["revision"]), (StatusCode::OK, &json!(revision)), "{sum}");
                acknowledged = revision as usize;
            }
            Some(())
        };
        // Either it ends, or it is killed in the middle.
        let _ = tokio::time::timeout(moment, work).await;
        repository.kill().await;
        let (_, told) = repository.call(Method::GET, "/publication", 0, Vec::new()).await.expect("answers");
        let now = told["revision"].as_u64().expect("a revision");
        assert!(now >= acknowledged as u64 && now <= revision, "{acknowledged} <= {now} <= {revision}");
        repository.is_whole().await;
    }
    // And it goes on.
    for file in &files {
        repository.upload(file).await.expect("is taken");
    }
    let all: Vec<Value> = files.iter().enumerate().map(|(at, file)| version(at, Sha256::of(file))).collect();
    let body = json!({ "revision": revision + 1, "versions": all }).to_string().into_bytes();
    let (status, _) = repository.call(Method::PUT, "/publication", 0, body).await.expect("answers");
    assert_eq!((status, repository.is_whole().await), (StatusCode::OK, files.len()));
    let left: Vec<_> =
        std::fs::read_dir(repository.folder.path().join("repository/tmp")).into_iter().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(repository.program.runs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_on_a_folder() {
    killed_at_any_moment(25, &[]).await;
}

/// moto's server: it speaks S3, with multipart uploads and conditional writes, and keeps all in memory.
struct Moto {
    folder: TempDir,
    endpoint: String,
    program: Program,
}

impl Moto {
    async fn start() -> Moto {
        let folder = tempfile::tempdir().expect("a folder");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a free port").port();
        let words = ["-H", "127.0.0.1", "-p", &port.to_string()];
        let program = testbed::python::program("moto_server");
        let program = Program::start(&program, &words, folder.path().join("log")).expect("runs");
        let moto = Moto { folder, endpoint: format!("http://127.0.0.1:{port}"), program };
        let http: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        let bucket = format!("{}/software", moto.endpoint);
        let made = wait::until(SOON, || async {
            let request = Request::put(&bucket).body(Full::default()).expect("a request");
            http.request(request).await.ok().filter(|answer| answer.status().is_success()).map(|_| ())
        });
        assert!(made.await.is_some(), "{}", moto.program.said());
        std::fs::write(moto.folder.path().join("secret"), "a secret of S3 that is long").expect("writes");
        moto
    }

    fn set(&self) -> Vec<String> {
        vec![
            "repod.s3.bucket=software".to_owned(),
            format!("repod.s3.endpoint={}", self.endpoint),
            "repod.s3.access_key_id=neutrino".to_owned(),
            "repod.s3.prefix=some/where".to_owned(),
            format!("repod.s3.secret_access_key_file={}", self.folder.path().join("secret").display()),
        ]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_on_s3() {
    let moto = Moto::start().await;
    killed_at_any_moment(4, &moto.set()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_on_one_bucket_do_not_undo_each_other() {
    let moto = Moto::start().await;
    let (one, other) = (Repository::start(&moto.set()).await, Repository::start(&moto.set()).await);
    let beside = tempfile::tempdir().expect("a folder");
    // Large enough for parts of their own.
    let large = std::fs::read(deb(beside.path(), "large", 17 << 20)).expect("reads");
    let small = std::fs::read(deb(beside.path(), "small", 10)).expect("reads");
    let (large, small) = (one.upload_in(&large, 8 << 20).await, other.upload_in(&small, 8 << 20).await);
    let (large, small) = (large.expect("is taken"), small.expect("is taken"));
    let publish = async |at: &Repository, method: Method, body: Value| {
        at.call(method, "/publication", 0, body.to_string().into_bytes()).await.expect("answers")
    };
    let put = |revision: u64| json!({ "revision": revision, "versions": [version(0, large)] });
    let (status, told) = publish(&one, Method::PUT, put(1)).await;
    assert_eq!((status, &told["listed"]), (StatusCode::OK, &json!(1)), "{told}");
    // What one published, the other goes on from.
    let change = json!({ "revision": 2, "after": 1, "put": [version(1, small)] });
    let (status, told) = publish(&other, Method::PATCH, change).await;
    assert_eq!((status, &told["listed"]), (StatusCode::OK, &json!(2)), "{told}");
    let (status, _) = publish(&one, Method::PUT, put(1)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let seen = wait::until(SOON, || async {
        let (_, text) = one.read("/deb/dists/stable/main/binary-all/Packages.gz").await?;
        let mut plain = String::new();
        flate2::read::MultiGzDecoder::new(&text[..]).read_to_string(&mut plain).ok()?;
        plain.contains("Package: small").then_some(())
    });
    assert!(seen.await.is_some());
    assert_eq!((one.is_whole().await, other.is_whole().await), (2, 2));
    assert!(moto.program.runs());
}
