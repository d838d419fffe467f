//! The API as the command line speaks it: where it is, who asks, requests and files.

use std::fs::File;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context as Turn, Poll};

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame};
use hyper::{Method, Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use indicatif::ProgressBar;
use serde_json::{Value, json};

/// What is read of a file at a time.
const PART: usize = 256 << 10;
const NOWHERE: &str = "http://127.0.0.1:9696";

type Whole = http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>;

/// A server of the network API, and who asks it.
pub struct Api {
    http: Client<HttpsConnector<HttpConnector>, Whole>,
    base: String,
    token: Option<String>,
    /// Without tokens, the project that is named.
    project: Option<String>,
}

/// What was answered.
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The body of what was done; an error tells what the server said.
    pub fn done(self) -> anyhow::Result<Value> {
        if self.status < 300 {
            return Ok(self.body);
        }
        let message =
            self.body["NeutronError"]["message"].as_str().or(self.body["error"]["message"].as_str());
        bail!("{} ({})", message.unwrap_or("the server refuses"), self.status)
    }
}

fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Api {
    /// As the environment says: OS_ENDPOINT, and OS_TOKEN or a login at OS_AUTH_URL, as `openstack` reads it.
    pub async fn open() -> anyhow::Result<Api> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let https = HttpsConnectorBuilder::new().with_native_roots();
        let https = https.context("this machine trusts no certificates")?.https_or_http().enable_http1();
        let http = Client::builder(TokioExecutor::new()).build(https.wrap_connector(tcp));
        let endpoint = said("OS_ENDPOINT").or_else(|| said("OS_ENDPOINT_OVERRIDE"));
        let mut api = Api { http, base: String::new(), token: said("OS_TOKEN"), project: None };
        let mut catalog = None;
        match (&api.token, said("OS_AUTH_URL")) {
            (None, Some(keystone)) => {
                let (token, found) = api.login(&keystone).await?;
                (api.token, catalog) = (Some(token), found);
            }
            (None, None) => api.project = said("OS_PROJECT_ID"),
            (Some(_), _) => {}
        }
        let base = endpoint.or(catalog).unwrap_or_else(|| NOWHERE.into());
        let base = base.trim_end_matches('/');
        api.base = base.strip_suffix("/v2.0").unwrap_or(base).to_owned();
        Ok(api)
    }

    /// A token by a name and a password, and where Keystone says that the network API is.
    async fn login(&self, keystone: &str) -> anyhow::Result<(String, Option<String>)> {
        let must = |name: &str| said(name).with_context(|| format!("{name} is not set"));
        let domain = |name: &str| json!({ "name": said(name).unwrap_or_else(|| "Default".into()) });
        let project = match said("OS_PROJECT_ID") {
            Some(id) => json!({ "id": id }),
            None => json!({ "name": must("OS_PROJECT_NAME")?, "domain": domain("OS_PROJECT_DOMAIN_NAME") }),
        };
        let user = json!({ "name": must("OS_USERNAME")?, "password": must("OS_PASSWORD")?,
            "domain": domain("OS_USER_DOMAIN_NAME") });
        let asked = json!({ "auth": {
            "identity": { "methods": ["password"], "password": { "user": user } },
            "scope": { "project": project },
        }});
        let keystone = keystone.trim_end_matches('/');
        let version = if keystone.ends_with("/v3") { "" } else { "/v3" };
        let request = Request::post(format!("{keystone}{version}/auth/tokens"))
            .header("content-type", "application/json")
            .body(whole(asked.to_string().into()))?;
        let answer = self.http.request(request).await.context("Keystone does not answer")?;
        let token = answer.headers().get("x-subject-token").and_then(|token| token.to_str().ok());
        let token = token.map(str::to_owned);
        let body = read(answer).await?.done().context("Keystone")?;
        let catalog = body["token"]["catalog"].as_array().into_iter().flatten();
        let network = catalog.filter(|service| service["type"] == "network");
        let mut endpoints = network.flat_map(|service| service["endpoints"].as_array().into_iter().flatten());
        let public = endpoints.find(|endpoint| endpoint["interface"] == "public");
        let url = public.and_then(|endpoint| endpoint["url"].as_str()).map(str::to_owned);
        Ok((token.context("Keystone gave no token")?, url))
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        let mut request = Request::builder().method(method).uri(format!("{}/v2.0/{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("x-auth-token", token);
        }
        if let Some(project) = &self.project {
            request = request.header("x-project-id", project);
        }
        request
    }

    pub async fn ask(&self, method: Method, path: &str, body: Value) -> anyhow::Result<Answer> {
        let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let request = self.request(method, path).body(whole(body))?;
        let answer = self.http.request(request).await;
        read(answer.with_context(|| format!("{} does not answer", self.base))?).await
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, Value::Null).await?.done()
    }

    /// Sends a file from an offset on.
    pub async fn send(
        &self,
        path: &str,
        file: File,
        (from, size): (u64, u64),
        bar: &ProgressBar,
    ) -> anyhow::Result<Answer> {
        let range = match from {
            from if from >= size => format!("bytes */{size}"),
            from => format!("bytes {from}-{}/{size}", size - 1),
        };
        let body = FileBody { file, left: size.saturating_sub(from), bar: bar.clone() };
        let request = self.request(Method::PUT, path).header("content-range", range);
        let answer = self.http.request(request.body(body.boxed_unsync())?).await;
        read(answer.context("the upload broke off")?).await
    }
}

fn whole(bytes: Bytes) -> Whole {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

async fn read(answer: Response<hyper::body::Incoming>) -> anyhow::Result<Answer> {
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await.context("the answer broke off")?.to_bytes();
    Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
}

/// A file as it is sent, part by part. Reading it is all that this program does meanwhile, so it may block.
struct FileBody {
    file: File,
    left: u64,
    bar: ProgressBar,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Turn<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let want = usize::try_from(self.left).unwrap_or(PART).min(PART);
        if want == 0 {
            return Poll::Ready(None);
        }
        let mut part = vec![0; want];
        let read = match self.file.read_exact(&mut part) {
            Ok(()) => Ok(Frame::data(Bytes::from(part))),
            Err(error) => Err(error),
        };
        self.left -= want as u64;
        self.bar.inc(want as u64);
        Poll::Ready(Some(read))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.left)
    }
}
