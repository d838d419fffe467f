//! Requests that are too large, too deep, too many or too slow: bounded work and an answer, and others are
//! served meanwhile. And races on what there is one of, with as many servers as the engine takes.

use std::time::{Duration, Instant};

use bus::Bus;
use serde_json::json;
use server::Settings;
use testbed::{Engine, Lone};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::racing::{Asked, Servers, counts};

testbed::on_both_engines!(
    the_last_addresses_are_given_once,
    one_port_gets_the_mac_address,
    one_network_gets_the_vlan_id,
    many_filters_are_one_question
);

const RACING: usize = 8;
/// Nobody waits so long for another's mischief.
const SOON: Duration = Duration::from_secs(5);

fn post(path: &str, body: serde_json::Value) -> Asked {
    ("POST", format!("/v2.0/{path}"), Some(body))
}

/// A /29 has a gateway and five more.
async fn the_last_addresses_are_given_once(engine: Engine) {
    let servers = Servers::start(engine).await;
    let (network, _) = servers.subnet("10.0.0.0/29", false).await;
    let port = json!({ "port": { "network_id": network } });
    let answers = servers.all((0..RACING).map(|_| post("ports", port.clone())).collect()).await;
    assert_eq!(counts(&answers), [(201, 5), (409, RACING - 5)], "{answers:?}");
    assert!(answers[&409].iter().all(|no| no["NeutronError"]["type"] == "IpAddressGenerationFailure"));
    let mut given: Vec<_> =
        answers[&201].iter().map(|made| made["port"]["fixed_ips"][0]["ip_address"].to_string()).collect();
    given.sort();
    given.dedup();
    assert_eq!(given.len(), 5);
}

async fn one_port_gets_the_mac_address(engine: Engine) {
    let servers = Servers::start(engine).await;
    let (network, _) = servers.subnet("10.0.0.0/24", false).await;
    let port = json!({ "port": { "network_id": network, "mac_address": "fa:16:3e:00:00:01" } });
    let answers = servers.all((0..RACING).map(|_| post("ports", port.clone())).collect()).await;
    assert_eq!(counts(&answers), [(201, 1), (409, RACING - 1)], "{answers:?}");
    assert!(answers[&409].iter().all(|no| no["NeutronError"]["type"] == "MacAddressInUse"));
}

async fn one_network_gets_the_vlan_id(engine: Engine) {
    let mut settings = Settings::default();
    settings.rules.vlan_ranges.insert("physnet1".into(), vec![[1, 99]]);
    let servers = Servers::start_with(engine, settings).await;
    let network = json!({ "network": { "provider:network_type": "vlan",
        "provider:physical_network": "physnet1", "provider:segmentation_id": 77 } });
    let answers = servers.all((0..RACING).map(|_| post("networks", network.clone())).collect()).await;
    assert_eq!(counts(&answers), [(201, 1), (409, RACING - 1)], "{answers:?}");
    assert!(answers[&409].iter().all(|no| no["NeutronError"]["type"] == "VlanIdInUse"));
}

async fn many_filters_are_one_question(engine: Engine) {
    let servers = Servers::start(engine).await;
    let (network, _) = servers.subnet("10.0.0.0/24", false).await;
    servers.make("port", json!({ "network_id": network, "name": "wanted" })).await;
    let names: Vec<String> = (0..5000).map(|n| format!("name=n{n}")).collect();
    let begun = Instant::now();
    let path = format!("/v2.0/ports?{}&name=wanted", names.join("&"));
    let (status, found) = servers.client(0).send("GET", &path, None, &[]).await.expect("an answer");
    assert_eq!((status, found["ports"].as_array().map(Vec::len)), (200, Some(1)), "{found}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    // Longer than any URL.
    let path = format!("/v2.0/ports?name={}", "x".repeat(70_000));
    assert_eq!(raw(&servers.client(0), &path).await, 414);
}

/// The status of a request that the test's client would not make.
async fn raw(client: &testbed::Client, path: &str) -> u16 {
    let address = client.base().trim_start_matches("http://").to_owned();
    say(&address, format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())
        .await
}

/// Sends as much as is taken, and reads the status of the answer.
async fn say(address: &str, bytes: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let (mut read, mut write) = stream.split();
    let mut answer = Vec::new();
    let said = async {
        // The server may have answered and closed before it has read all.
        let _ = write.write_all(bytes).await;
    };
    let heard = async {
        let mut chunk = [0; 4096];
        while let Ok(bytes @ 1..) = read.read(&mut chunk).await {
            answer.extend_from_slice(&chunk[..bytes]);
            if answer.len() > 12 {
                break;
            }
        }
    };
    tokio::time::timeout(SOON * 2, async { tokio::join!(said, heard) }).await.expect("an answer in time");
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{text:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_refused() {
    let lone = Lone::start(Settings::default(), Bus::in_process()).await.expect("starts");
    let address = lone.address.to_string();
    let head = |bytes: usize| {
        format!(
            "POST /v2.0/networks HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {bytes}\r\n\r\n"
        )
    };
    let body = |body: String| [head(body.len()).into_bytes(), body.into_bytes()].concat();
    let large = format!("{{\"network\": {{\"name\": \"{}\"}}}}", "x".repeat(10 << 20));
    assert_eq!(say(&address, &body(large)).await, 413);
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{{\"network\": {}1{}}}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(say(&address, &body(deep)).await, 400, "{open}");
    }
    let flood: String = (0..5000).map(|n| format!("x-{n}: y\r\n")).collect();
    let flood = format!("GET /v2.0/networks HTTP/1.1\r\nhost: localhost\r\n{flood}\r\n");
    assert_eq!(say(&address, flood.as_bytes()).await, 431);
    let long =
        format!("GET /v2.0/networks HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(4 << 20));
    assert_eq!(say(&address, long.as_bytes()).await, 431);
    assert!(lone.client.get("networks").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_hold_up_nobody() {
    let lone = Lone::start(Settings::default(), Bus::in_process()).await.expect("starts");
    let mut slow = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(lone.address).await.expect("connects");
        // Half of a head, or of a body.
        let begun = match n % 2 {
            0 => "POST /v2.0/networks HTTP/1.1\r\nhost: loc",
            _ => "POST /v2.0/networks HTTP/1.1\r\nhost: localhost\r\ncontent-length: 50\r\n\r\n{\"network\"",
        };
        stream.write_all(begun.as_bytes()).await.expect("is taken");
        slow.push(stream);
    }
    let begun = Instant::now();
    for _ in 0..20 {
        lone.client.create("network", json!({})).await.expect("is made");
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    drop(slow);
}
