//! A small HTTP client for tests.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

pub struct Client {
    base: String,
    hyper: Hyper<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        let hyper = Hyper::builder(TokioExecutor::new()).build_http();
        Client { base: format!("http://{address}"), hyper }
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// The status, and the body as JSON; as text when it is not JSON, null when it is empty.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let uri = format!("{}{}", self.base, path.replace(' ', "%20"));
        let mut request = Request::builder().method(method).uri(&uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).unwrap_or_else(|error| panic!("{method} {uri}: {error}"));
        let response = self.hyper.request(request).await.expect("the server answers");
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.expect("a whole body").to_bytes();
        if bytes.is_empty() {
            return (status, Value::Null);
        }
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| text()))
    }
}
