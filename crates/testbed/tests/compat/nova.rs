//! What Nova hears of its instances' ports, with a token of a real Keystone, also when it was away.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::Bus;
use db::Engine;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use server::{NovaSettings, Settings};
use testbed::client::id_of;
use testbed::keystone::Scope;
use testbed::lone::Home;
use testbed::simulated::SimulatedHost;
use testbed::{Keystone, Lone, wait};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server that ends while it tells keeps its turn for 30 s.
const SOON: Duration = Duration::from_secs(60);
const INSTANCE: &str = "5f1c3a52-6d0b-4f3c-9d56-1f3f0c6b2a11";

/// Listens where Nova would, and answers as it is told.
struct Nova {
    address: SocketAddr,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Inner {
    /// 200 where it is 0.
    status: Mutex<u16>,
    /// Event, its status and the port; and the tokens of requests.
    heard: Mutex<Vec<(String, String, String)>>,
    tokens: Mutex<Vec<String>>,
    asked: Mutex<usize>,
}

impl Nova {
    async fn start() -> Nova {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner::default());
        let serving = inner.clone();
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let inner = serving.clone();
                let service = service_fn(move |request| answer(request, inner.clone()));
                let connection =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tcp), service);
                tokio::spawn(connection);
            }
        });
        Nova { address, inner, task }
    }

    fn answers(&self, status: u16) {
        *self.inner.status.lock().expect("not poisoned") = status;
    }

    fn asked(&self) -> usize {
        *self.inner.asked.lock().expect("not poisoned")
    }

    /// Waits until so many were heard since the last call, and gives them with how often each.
    async fn heard(&self, number: usize) -> Vec<(String, String, String)> {
        let all = wait::until(SOON, || async {
            let heard = self.inner.heard.lock().expect("not poisoned");
            (heard.len() >= number).then_some(())
        });
        let came = all.await.is_some();
        let heard = std::mem::take(&mut *self.inner.heard.lock().expect("not poisoned"));
        assert!(came && heard.len() == number, "{number} of {heard:?}");
        heard
    }
}

impl Drop for Nova {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(request: Request<Incoming>, inner: Arc<Inner>) -> anyhow::Result<Response<Full<Bytes>>> {
    assert_eq!(request.uri().path(), "/v2.1/os-server-external-events");
    *inner.asked.lock().expect("not poisoned") += 1;
    let status = *inner.status.lock().expect("not poisoned");
    if status != 0 {
        return Ok(Response::builder().status(StatusCode::from_u16(status)?).body(Full::default())?);
    }
    let token = request.headers().get("x-auth-token").and_then(|token| token.to_str().ok());
    inner.tokens.lock().expect("not poisoned").push(token.unwrap_or_default().to_owned());
    let body: Value = serde_json::from_slice(&request.into_body().collect().await?.to_bytes())?;
    let text = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    for event in body["events"].as_array().into_iter().flatten() {
        assert_eq!(event["server_uuid"], INSTANCE);
        let told = (text(event, "name"), text(event, "status"), text(event, "tag"));
        inner.heard.lock().expect("not poisoned").push(told);
    }
    let answer = json!({ "events": body["events"] }).to_string();
    Ok(Response::new(Full::from(answer)))
}

struct Cloud {
    keystone: Keystone,
    nova: Nova,
    settings: Settings,
    server: Lone,
    bus: Bus,
    token: String,
}

impl Cloud {
    async fn start(engine: Engine) -> Cloud {
        let keystone = Keystone::start(Default::default()).await.expect("Keystone starts");
        let nova = Nova::start().await;
        let mut settings = keystone.api(keystone.settings());
        settings.nova = NovaSettings { url: format!("http://{}/v2.1/", nova.address) };
        let bus = Bus::in_process();
        let server = Lone::start_on(engine, settings.clone(), bus.clone()).await.expect("starts");
        let token = keystone.token("admin", Scope::Project("admin")).await.expect("a token");
        Cloud { keystone, nova, settings, server, bus, token }
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then(|| body.to_string());
        let headers = [("x-auth-token", self.token.as_str())];
        let sent = self.server.client.send(method, &format!("/v2.0/{path}"), body, &headers).await;
        let (status, answer) = sent.expect("an answer");
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    async fn create(&self, path: &str, singular: &str, fields: Value) -> String {
        id_of(&self.send("POST", path, json!({ singular: fields })).await[singular])
    }

    async fn update_port(&self, id: &str, fields: Value) {
        self.send("PUT", &format!("ports/{id}"), json!({ "port": fields })).await;
    }
}

fn told(name: &str, port: &str) -> (String, String, String) {
    (name.to_owned(), "completed".to_owned(), port.to_owned())
}

async fn hears_of_ports(engine: Engine) {
    let cloud = Cloud::start(engine).await;
    let host = SimulatedHost::start(cloud.bus.clone(), "compute-1", [192, 0, 2, 1].into()).await;
    let network = cloud.create("networks", "network", json!({})).await;
    let outside = cloud.create("networks", "network", json!({ "router:external": true })).await;
    let cidr = |network: &str, cidr: &str| json!({ "network_id": network, "ip_version": 4, "cidr": cidr });
    let subnet = cloud.create("subnets", "subnet", cidr(&network, "10.0.0.0/24")).await;
    cloud.create("subnets", "subnet", cidr(&outside, "203.0.113.0/24")).await;
    let gateway = json!({ "external_gateway_info": { "network_id": outside } });
    let router = cloud.create("routers", "router", gateway).await;
    let path = format!("routers/{router}/add_router_interface");
    cloud.send("PUT", &path, json!({ "subnet_id": subnet })).await;
    let fields = |host: &str, owner: &str| {
        json!({
            "network_id": network, "device_id": INSTANCE, "device_owner": owner, "binding:host_id": host,
        })
    };

    // Of others, and of what Nova does itself, it hears nothing.
    let other = cloud.create("ports", "port", fields("compute-1", "baremetal:none")).await;
    let port = cloud.create("ports", "port", fields("compute-1", "compute:nova")).await;
    assert_eq!(cloud.nova.heard(1).await, [told("network-vif-plugged", &port)]);
    cloud.update_port(&port, json!({ "name": "web" })).await;
    let address = json!([{ "subnet_id": subnet, "ip_address": "10.0.0.77" }]);
    cloud.update_port(&port, json!({ "fixed_ips": address })).await;
    assert_eq!(cloud.nova.heard(1).await, [told("network-changed", &port)]);
    let floating = json!({ "floating_network_id": outside, "port_id": port });
    let floating = cloud.create("floatingips", "floatingip", floating).await;
    assert_eq!(cloud.nova.heard(1).await, [told("network-changed", &port)]);
    cloud.send("DELETE", &format!("floatingips/{floating}"), Value::Null).await;
    assert_eq!(cloud.nova.heard(1).await, [told("network-changed", &port)]);
    cloud.update_port(&port, json!({ "admin_state_up": false })).await;
    assert_eq!(cloud.nova.heard(1).await, [told("network-vif-unplugged", &port)]);
    let tokens = std::mem::take(&mut *cloud.nova.inner.tokens.lock().expect("not poisoned"));
    assert!(tokens.iter().all(|token| !token.is_empty()) && !tokens.is_empty());

    // It is away for a while, and the server ends meanwhile: in order, once each, nothing is lost.
    cloud.nova.answers(503);
    let before = cloud.nova.asked();
    cloud.update_port(&port, json!({ "admin_state_up": true })).await;
    let tried = wait::until(SOON, || async { (cloud.nova.asked() > before).then_some(()) });
    assert!(tried.await.is_some(), "Nova is tried");
    let Cloud { keystone, nova, settings, server, bus, token } = cloud;
    let home: Home = server.stop().await;
    let server = Lone::start_in(home, settings.clone(), bus.clone()).await.expect("starts");
    let cloud = Cloud { keystone, nova, settings, server, bus, token };
    cloud.send("DELETE", &format!("ports/{port}"), Value::Null).await;
    cloud.send("DELETE", &format!("ports/{other}"), Value::Null).await;
    cloud.nova.answers(0);
    let heard = cloud.nova.heard(2).await;
    assert_eq!(heard, [told("network-vif-plugged", &port), told("network-vif-deleted", &port)]);

    // What is of no instance that it could know holds up nothing.
    let named = "x".repeat(36);
    let strange = json!({ "network_id": network, "device_id": named, "device_owner": "compute:nova" });
    let strange = cloud.create("ports", "port", strange).await;
    let floating = json!({ "floating_network_id": outside, "port_id": strange });
    cloud.create("floatingips", "floatingip", floating).await;

    // It knows no such instance: that is no reason to ask again.
    let port = cloud.create("ports", "port", fields("", "compute:nova")).await;
    cloud.nova.answers(404);
    let before = cloud.nova.asked();
    cloud.send("DELETE", &format!("ports/{port}"), Value::Null).await;
    let tried = wait::until(SOON, || async { (cloud.nova.asked() > before).then_some(()) });
    assert!(tried.await.is_some(), "Nova is tried");
    cloud.nova.answers(0);

    let port = cloud.create("ports", "port", fields("compute-1", "compute:nova")).await;
    assert_eq!(cloud.nova.heard(1).await, [told("network-vif-plugged", &port)]);
    drop(host);
}

testbed::on_both_engines!(hears_of_ports);

#[tokio::test]
async fn a_nova_without_keystone_is_refused() {
    let nova = NovaSettings { url: "http://127.0.0.1:1/v2.1".into() };
    let settings = Settings { nova, ..Settings::default() };
    let refused = Lone::start(settings, Bus::in_process()).await.err().expect("refused");
    assert!(format!("{refused:#}").contains("[nova]: Nova is told with a token"), "{refused:#}");
}
