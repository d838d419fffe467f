//! The API over TLS, and Keystone over TLS.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use bus::Bus;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use server::{Settings, TlsSettings};
use tempfile::TempDir;
use testbed::authority::Signed;
use testbed::keystone::{Plan, Scope};
use testbed::{Authority, Keystone, Lone, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// For what has to come true by itself.
const SOON: Duration = Duration::from_secs(30);
/// Longer than the server takes from one look at its files to the next.
const LOOKED: Duration = Duration::from_secs(3);

/// A server with TLS, and the files that it reads.
struct Secured {
    authority: Authority,
    files: TempDir,
    server: Lone,
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")
}

/// A client that trusts one authority, and may have a certificate itself.
fn client(
    trusted: &Authority,
    own: Option<&Signed>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(trusted.pem())).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_protocol_versions(versions).expect("versions").with_root_certificates(roots);
    Arc::new(match own {
        None => config.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("PEM");
            config.with_client_auth_cert(vec![certificate(&own.certificate)], key).expect("a pair")
        }
    })
}

/// Asks for the versions over a connection of its own: the body, and the certificate shown.
async fn ask(address: SocketAddr, config: Arc<ClientConfig>) -> anyhow::Result<(Value, Vec<u8>)> {
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost")?;
    let tls = TlsConnector::from(config).connect(name, tcp).await?;
    let shown = tls.get_ref().1.peer_certificates().context("a certificate")?[0].to_vec();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await?;
    let driver = tokio::spawn(connection);
    let request = Request::get("/").header("host", format!("localhost:{}", address.port()));
    let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    let body = response.into_body().collect().await?.to_bytes();
    driver.abort();
    Ok((serde_json::from_slice(&body)?, shown))
}

impl Secured {
    async fn start(client_ca: Option<&Authority>) -> Secured {
        let authority = Authority::new("of the API").expect("made");
        let files = tempfile::tempdir().expect("a folder");
        let path = |name: &str| files.path().join(name);
        write(&files, &authority.sign("first").expect("signed"));
        let client_ca = client_ca.map(|clients| {
            fs::write(path("clients.pem"), clients.pem()).expect("written");
            path("clients.pem")
        });
        let tls = TlsSettings { certificate: path("api.pem"), key: path("api.key"), client_ca };
        let settings = Settings { tls: Some(tls), ..Settings::default() };
        let server = Lone::start(settings, Bus::in_process()).await.expect("starts");
        Secured { authority, files, server }
    }

    async fn ask(&self, config: Arc<ClientConfig>) -> anyhow::Result<(Value, Vec<u8>)> {
        ask(self.server.address, config).await
    }

    fn client(&self) -> Arc<ClientConfig> {
        client(&self.authority, None, &[&TLS13])
    }

    /// The certificate that a handshake shows.
    async fn shown(&self) -> Vec<u8> {
        self.ask(self.client()).await.expect("an answer").1
    }
}

fn write(files: &TempDir, signed: &Signed) {
    replace(&files.path().join("api.pem"), &signed.certificate);
    replace(&files.path().join("api.key"), &signed.key);
}

/// As careful programs do it: no reader sees half a file.
fn replace(path: &Path, text: &str) {
    let aside: PathBuf = path.with_extension("new");
    fs::write(&aside, text).expect("written");
    fs::rename(&aside, path).expect("renamed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_answers_and_links_to_https() {
    let secured = Secured::start(None).await;
    for version in [&TLS12, &TLS13] {
        let answer = secured.ask(client(&secured.authority, None, &[version])).await.expect("an answer").0;
        let link = answer["versions"][0]["links"][0]["href"].as_str().expect("a link");
        assert_eq!(link, format!("https://localhost:{}/v2.0/", secured.server.address.port()));
    }
    let stranger = Authority::new("somebody else").expect("made");
    assert!(secured.ask(client(&stranger, None, &[&TLS13])).await.is_err(), "the wrong authority");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_http_is_turned_away_and_harms_nobody() {
    let secured = Secured::start(None).await;
    let mut tcp = TcpStream::connect(secured.server.address).await.expect("connects");
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    let ended = timeout(SOON, tcp.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the connection is not closed");
    assert!(!answer.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&answer));
    secured.shown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_handshakes_hold_up_nobody() {
    let secured = Secured::start(None).await;
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut tcp = TcpStream::connect(secured.server.address).await.expect("connects");
        if n % 2 == 0 {
            // The head of a ClientHello whose rest never comes.
            tcp.write_all(&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]).await.expect("sent");
        }
        slow.push(tcp);
    }
    // Each of the slow ones is given more time than this.
    timeout(Duration::from_secs(4), secured.shown()).await.expect("an answer meanwhile");
    for mut tcp in slow {
        let ended = timeout(SOON, tcp.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "a handshake is not given up");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_replaced_under_load() {
    let secured = Secured::start(None).await;
    let (first, done) = (secured.shown().await, Arc::new(AtomicBool::new(false)));
    let asked = Arc::new(AtomicUsize::new(0));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (address, config) = (secured.server.address, secured.client());
            let (done, asked) = (done.clone(), asked.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    ask(address, config.clone()).await.expect("no request fails");
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let second = secured.authority.sign("second").expect("signed");
    write(&secured.files, &second);
    let replaced = wait::until(SOON, || async { (secured.shown().await != first).then_some(()) }).await;
    assert!(replaced.is_some(), "the files are not read again");
    assert_eq!(secured.shown().await, certificate(&second.certificate).to_vec());
    done.store(true, Ordering::Relaxed);
    for one in load {
        one.await.expect("no request fails");
    }
    println!("{} connections meanwhile", asked.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_files_leave_the_certificate_as_it_was() {
    let secured = Secured::start(None).await;
    let first = secured.shown().await;
    let other = secured.authority.sign("other").expect("signed");
    let key = secured.files.path().join("api.key");
    for broken in [None, Some("no key"), Some(other.key.as_str())] {
        match broken {
            None => fs::remove_file(&key).expect("removed"),
            // The last is a good key, of another certificate.
            Some(text) => replace(&key, text),
        }
        let changed = wait::until(LOOKED, || async { (secured.shown().await != first).then_some(()) }).await;
        assert!(changed.is_none(), "after {broken:?}");
    }
    // The certificate that the key belongs to makes it whole.
    replace(&secured.files.path().join("api.pem"), &other.certificate);
    let whole = wait::until(SOON, || async { (secured.shown().await != first).then_some(()) }).await;
    assert!(whole.is_some(), "good files are not read");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_does_not_start_on_broken_files() {
    let files = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("of the API").expect("made");
    let (one, other) = (authority.sign("one").expect("signed"), authority.sign("other").expect("signed"));
    let path = |name: &str| files.path().join(name);
    replace(&path("api.pem"), &one.certificate);
    replace(&path("api.key"), &other.key);
    let tls = TlsSettings { certificate: path("api.pem"), key: path("api.key"), client_ca: None };
    let started = |tls| Lone::start(Settings { tls: Some(tls), ..Settings::default() }, Bus::in_process());
    assert!(started(tls.clone()).await.is_err(), "a key of another certificate");
    assert!(started(TlsSettings { key: path("nothing"), ..tls.clone() }).await.is_err(), "no key");
    replace(&path("api.key"), &one.key);
    let client_ca = Some(path("api.key"));
    assert!(started(TlsSettings { client_ca, ..tls.clone() }).await.is_err(), "no authority");
    assert!(started(tls).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_client_ca_only_its_clients_come_in() {
    let clients = Authority::new("of the clients").expect("made");
    let secured = Secured::start(Some(&clients)).await;
    let (good, bad) = (clients.sign("good").expect("signed"), secured.authority.sign("bad").expect("signed"));
    for version in [&TLS12, &TLS13] {
        let ask = |own| secured.ask(client(&secured.authority, own, &[version]));
        assert!(ask(Some(&good)).await.is_ok());
        assert!(ask(None).await.is_err(), "no certificate");
        assert!(ask(Some(&bad)).await.is_err(), "a certificate of another authority");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keystone_is_asked_over_tls_and_has_to_be_trusted() {
    let authority = Authority::new("of Keystone").expect("made");
    let signed = authority.sign("Keystone").expect("signed");
    let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).expect("PEM");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate(&signed.certificate)], key)
        .expect("a pair");
    let plan = Plan { tls: Some(Arc::new(config)), ..Plan::default() };
    let keystone = Keystone::start(plan).await.expect("Keystone starts");
    let token = keystone.token("blue-member", Scope::Project("blue")).await.expect("a token");
    let folder = tempfile::tempdir().expect("a folder");
    let stranger = folder.path().join("stranger.pem");
    fs::write(&stranger, Authority::new("somebody else").expect("made").pem()).expect("written");
    for (ca_file, status) in [(authority.write(folder.path()).expect("written"), 200), (stranger, 503)] {
        let settings = server::keystone::Settings { ca_file: Some(ca_file), ..keystone.settings() };
        let server = Lone::start(keystone.api(settings), Bus::in_process()).await.expect("starts");
        let answer = server.client.raw("GET", "/v2.0/networks", None, &[("x-auth-token", &token)]).await;
        assert_eq!(answer.expect("an answer").0, status);
    }
}
