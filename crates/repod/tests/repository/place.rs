//! A repository on free ports of this machine, a client of its server's side, a gateway for readers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use repo::Sha256;
use repod::{Serving, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub const SECRET: &str = "the secret of this test's server";

pub type Http = Client<HttpConnector, Full<Bytes>>;

pub fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

pub struct Place {
    pub folder: TempDir,
    pub settings: Settings,
    pub http: Http,
    serving: Option<Serving>,
    stop: watch::Sender<bool>,
    manage: SocketAddr,
    pub reading: SocketAddr,
}

pub fn settings(folder: &Path) -> Settings {
    let secret_file = folder.join("secret");
    std::fs::write(&secret_file, format!("{SECRET}\n")).expect("writes");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Settings {
        bind: any,
        read_bind: any,
        secret_file,
        gateway_secret_file: PathBuf::new(),
        folder: folder.join("repository"),
        address: "http://169.254.169.254:8080".into(),
        architectures: vec!["amd64".into(), "arm64".into()],
        max_file_bytes: 1 << 30,
        max_uploads: 16,
        min_free_bytes: 0,
        upload_idle_s: 86_400,
        shared_on_shelves: false,
        s3: None,
    }
}

/// An answer, read whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {:?}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

pub async fn ask(http: &Http, request: Request<Full<Bytes>>) -> Answer {
    let (head, body) = http.request(request).await.expect("an answer").into_parts();
    let body = body.collect().await.expect("a whole answer").to_bytes();
    Answer { status: head.status, headers: head.headers, body }
}

impl Place {
    pub async fn start() -> Place {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(folder.path());
        Place::with(folder, settings).await
    }

    pub async fn with(folder: TempDir, settings: Settings) -> Place {
        let (stop, stopping) = watch::channel(false);
        let serving = repod::start(settings.clone(), stopping).await.expect("starts");
        let (manage, reading) = (serving.manage, serving.reading);
        Place { folder, settings, http: http(), serving: Some(serving), stop, manage, reading }
    }

    pub fn manage(&self) -> SocketAddr {
        self.manage
    }

    /// Stops it and starts it again.
    pub async fn again(mut self) -> Place {
        self.stop.send_replace(true);
        drop(self.http);
        self.serving.take().expect("serves").until_stopped().await;
        Place::with(self.folder, self.settings).await
    }

    /// Asks as the server does.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.manage));
        request = request.header("authorization", format!("Bearer {SECRET}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        ask(&self.http, request.body(Full::new(body.into())).expect("a request")).await
    }

    pub async fn say(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.call(method, path, &[], body.to_string()).await
    }

    /// Reads as a project does.
    pub async fn read(&self, project: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(format!("http://{}{path}", self.reading));
        request = request.header("x-neutrino-project", project);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        ask(&self.http, request.body(Full::default()).expect("a request")).await
    }

    /// Uploads a file whole.
    pub async fn upload(&self, bytes: &[u8], claim: &Value) -> Answer {
        let begun = self.say(Method::POST, "/uploads", claim).await;
        assert_eq!(begun.status, StatusCode::CREATED, "{}", begun.text());
        let id = begun.json()["id"].as_str().expect("an id").to_owned();
        let path = format!("/uploads/{id}");
        let sent = self.call(Method::PATCH, &path, &[("upload-offset", "0")], bytes.to_vec()).await;
        assert_eq!(sent.status, StatusCode::NO_CONTENT, "{}", sent.text());
        self.call(Method::POST, &format!("{path}/finish"), &[], "").await
    }

    /// Uploads a file that is fine, and says its sum.
    pub async fn bring(&self, file: &Path) -> Sha256 {
        let bytes = std::fs::read(file).expect("a file");
        let done = self.upload(&bytes, &json!({})).await;
        assert_eq!(done.status, StatusCode::CREATED, "{}", done.text());
        Sha256::of(&bytes)
    }

    pub async fn publish(&self, revision: u64, versions: &[Value]) -> Value {
        let wanted = json!({ "revision": revision, "versions": versions });
        let answer = self.say(Method::PUT, "/publication", &wanted).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()
    }

    /// A gateway: whoever comes to its address reads as the project.
    pub async fn gateway(&self, project: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address = listener.local_addr().expect("an address");
        let way = Arc::new((self.reading, project.to_owned(), http()));
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let way = way.clone();
                let pass = service_fn(move |request| pass(way.clone(), request));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), pass);
                tokio::spawn(connection);
            }
        });
        format!("http://{address}")
    }
}

async fn pass(
    way: Arc<(SocketAddr, String, Http)>,
    request: Request<Incoming>,
) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
    let (to, project, http) = &*way;
    let (mut head, _) = request.into_parts();
    head.uri = format!("http://{to}{}", head.uri.path()).parse().expect("a URL");
    head.headers.insert("x-neutrino-project", project.parse().expect("a header"));
    http.request(Request::from_parts(head, Full::default())).await
}

/// Runs a program that must succeed.
pub fn run(program: &str, words: &[&str]) -> String {
    let output = output(program, words);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn output(program: &str, words: &[&str]) -> Output {
    let command = Command::new(program).args(words).env("LC_ALL", "C").output();
    command.unwrap_or_else(|error| panic!("{program}: {error}"))
}

/// Makes a .deb with one file of some bytes.
pub fn deb(folder: &Path, name: &str, version: &str, packing: &str, content: &[u8]) -> PathBuf {
    let root = folder.join(format!("{name}-{}", version.replace(':', "_")));
    std::fs::create_dir_all(root.join("DEBIAN")).expect("a folder");
    std::fs::create_dir_all(root.join("usr/share").join(name)).expect("a folder");
    std::fs::write(root.join("usr/share").join(name).join("content"), content).expect("writes");
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\n\
         Description: what {name} is\n More of it.\n"
    );
    std::fs::write(root.join("DEBIAN/control"), control).expect("writes");
    let file = folder.join(format!("{name}_{}_all.{packing}.deb", version.replace(':', "_")));
    let (root, made) = (root.to_str().expect("text"), file.to_str().expect("text"));
    run("dpkg-deb", &["--root-owner-group", &format!("-Z{packing}"), "--build", root, made]);
    file
}

pub fn version(id: &str, sum: Sha256, project: &str, seen_by: &[&str]) -> Value {
    json!({ "id": id, "sha256": sum, "project": project, "seen_by": seen_by })
}
