//! HTTP to the object store, by the client that all of neutrino uses: one TLS library, not two.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::StartError;

/// For the head of an answer, which comes after the whole of a part was taken.
const PATIENCE: Duration = Duration::from_secs(120);
const CONNECTING: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub struct Connect(Client<HttpsConnector<Tcp>, HttpRequestBody>);

impl fmt::Debug for Connect {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Connect")
    }
}

impl Connect {
    /// Trusts the authorities in a file, or those of this machine.
    pub fn new(ca_file: &Path) -> Result<Connect, StartError> {
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECTING));
        tcp.set_nodelay(true);
        let https =
            HttpsConnectorBuilder::new().with_tls_config(trust(ca_file)?).https_or_http().enable_http1();
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE);
        Ok(Connect(builder.build(https.wrap_connector(tcp))))
    }

    async fn ask(self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = tokio::time::timeout(PATIENCE, self.0.request(request)).await;
        let answer = asked.map_err(|late| HttpError::new(HttpErrorKind::Timeout, late))?;
        let answer = answer.map_err(|error| match error.is_connect() {
            true => HttpError::new(HttpErrorKind::Connect, error),
            false => HttpError::new(HttpErrorKind::Request, error),
        })?;
        let (head, body) = answer.into_parts();
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
        Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)))
    }
}

impl HttpConnector for Connect {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for Connect {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(self.clone().ask(request))
    }
}

fn trust(ca_file: &Path) -> Result<ClientConfig, StartError> {
    let mut roots = RootCertStore::empty();
    if ca_file.as_os_str().is_empty() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    } else {
        let pem = std::fs::read(ca_file)
            .map_err(|source| StartError::Folder { path: ca_file.to_owned(), source })?;
        let certificates = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
        roots.add_parsable_certificates(certificates);
        if roots.is_empty() {
            return Err(StartError::Setting("repod.s3.ca_file holds no certificate"));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| StartError::Setting("TLS cannot be used here"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
