//! HTTP as any tool speaks it.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// A client of one server; keeps its connections.
#[derive(Clone)]
pub struct Client {
    base: String,
    hyper: Hyper<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        Client::at(format!("http://{address}"))
    }

    /// A client of the server whose API is below a URL such as `http://host:port`.
    pub fn at(base: impl Into<String>) -> Client {
        let hyper = Hyper::builder(TokioExecutor::new()).build_http();
        Client { base: base.into().trim_end_matches('/').to_owned(), hyper }
    }

    /// `http://host:port`
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Status and body as they come.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<(u16, Bytes)> {
        let answer = self.whole(method, path, body, headers).await?;
        Ok((answer.status().as_u16(), answer.into_body()))
    }

    /// The same with the answer's headers.
    pub async fn whole(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Response<Bytes>> {
        self.bytes(method, path, body.unwrap_or_default().into_bytes(), headers).await
    }

    /// The same with a body of bytes.
    pub async fn bytes(
        &self,
        method: &str,
        path: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Response<Bytes>> {
        let uri = format!("{}{}", self.base, path.replace(' ', "%20"));
        let mut request = Request::builder().method(method).uri(&uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let response = self.hyper.request(request).await.with_context(|| format!("{method} {uri}"))?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Status, and the body as JSON; as text when it is not JSON, null when it is empty.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<String>,
        headers: &[(&str, &str)],
    ) -> anyhow::Result<(u16, Value)> {
        let (status, bytes) = self.raw(method, path, body, headers).await?;
        if bytes.is_empty() {
            return Ok((status, Value::Null));
        }
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_else(|_| text())))
    }

    /// The resource of a successful answer; an error tells what the server said.
    async fn resource(&self, method: &str, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let text = body.map(|body| body.to_string());
        let (status, answer) = self.send(method, path, text, &[]).await?;
        if status >= 300 {
            bail!("{method} {path} answered {status}: {}", answer["NeutronError"]["message"]);
        }
        let inner = answer.as_object().and_then(|fields| fields.values().next()).cloned();
        Ok(inner.unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.resource("GET", &format!("/v2.0/{path}"), None).await
    }

    /// Creates one `singular`, such as `port`.
    pub async fn create(&self, singular: &str, fields: Value) -> anyhow::Result<Value> {
        let path = format!("/v2.0/{singular}s");
        self.resource("POST", &path, Some(json!({ singular: fields }))).await
    }

    pub async fn update(&self, singular: &str, id: &str, fields: Value) -> anyhow::Result<Value> {
        let path = format!("/v2.0/{singular}s/{id}");
        self.resource("PUT", &path, Some(json!({ singular: fields }))).await
    }

    /// An act on one resource, such as `routers/ID/add_router_interface`; what was answered.
    pub async fn act(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let (status, answer) =
            self.send("PUT", &format!("/v2.0/{path}"), Some(body.to_string()), &[]).await?;
        if status >= 300 {
            bail!("PUT {path} answered {status}: {}", answer["NeutronError"]["message"]);
        }
        Ok(answer)
    }

    pub async fn delete(&self, singular: &str, id: &str) -> anyhow::Result<()> {
        self.resource("DELETE", &format!("/v2.0/{singular}s/{id}"), None).await.map(drop)
    }
}

/// The `id` of a resource.
pub fn id_of(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_default().to_owned()
}
