//! Who uses much harms nobody: idle connections, slow readers, bandwidth, half requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use model::gateway::Limits;
use testbed::gateways::{ADDRESS, Gateways};
use testbed::{process, wait};

use super::{SOON, gateways, told};

const IDLE: usize = 10_000;

fn many(bed: &Gateways, at: usize, count: usize) -> Vec<TcpStream> {
    kernel::raise_file_limit().expect("many files");
    let connect = |_| bed.connect(at).expect("connects");
    (0..count).map(connect).collect()
}

async fn connections(bed: &Gateways) -> u64 {
    bed.status("tenant").await.expect("status").connections
}

#[tokio::test]
async fn ten_thousand_idle_connections_of_one_tenant_harm_nobody() {
    let mut bed = gateways("gw-idle", 2, &["tenant.idle_s=600"]).await;
    let limits = Limits { connections: Some(12_000), connections_of_port: Some(12_000), ..Limits::default() };
    bed.networks[0].limits = limits;
    assert_eq!(bed.tell().await.expect("told"), []);
    let pid = bed.tenant.pid().expect("runs");
    let before = process::memory(pid).resident_kib;
    let open = bed.connect_many(0, IDLE).expect("connect");
    let all = || async { (connections(&bed).await == IDLE as u64).then_some(()) };
    assert!(wait::until(SOON, all).await.is_some(), "{} are there", connections(&bed).await);
    let grown = process::memory(pid).resident_kib.saturating_sub(before);
    assert!(grown < 40 << 10, "{grown} KiB more for {IDLE} connections");
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(bed.get(1, "/deb/small").await.expect("an answer"), "small\n");
    }
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    drop(open);
    let none = || async { (connections(&bed).await == 0).then_some(()) };
    assert!(wait::until(SOON, none).await.is_some(), "{} stay", connections(&bed).await);
}

/// The repository has places for all networks: those who read slowly take theirs, and not for ever.
#[tokio::test]
async fn slow_readers_of_a_network_wait_for_each_other() {
    let more = ["management.answers_of_network=2", "management.stall_s=3"];
    let bed = gateways("gw-slow-two", 2, &more).await;
    let mut slow = many(&bed, 0, 2);
    for stream in &mut slow {
        stream.write_all(b"GET /deb/big HTTP/1.1\r\nHost: x\r\n\r\n").expect("is sent");
        stream.read_exact(&mut [0]).expect("begins");
    }
    let begun = Instant::now();
    assert_eq!(bed.get(1, "/deb/small").await.expect("an answer"), "small\n");
    let of_others = begun.elapsed();
    assert_eq!(bed.get(0, "/deb/small").await.expect("an answer"), "small\n");
    let own = begun.elapsed();
    assert!(of_others < Duration::from_secs(2) && own >= Duration::from_secs(2), "{of_others:?}, {own:?}");
}

#[tokio::test]
async fn a_network_and_a_port_have_so_many_connections_and_no_more() {
    let mut bed = gateways("gw-most", 2, &["tenant.connections=60"]).await;
    bed.networks[0].limits =
        Limits { connections: Some(50), connections_of_port: Some(20), ..Limits::default() };
    assert_eq!(bed.tell().await.expect("told"), []);
    let open = many(&bed, 0, 20);
    assert!(wait::until(SOON, || async { (connections(&bed).await == 20).then_some(()) }).await.is_some());
    let said = told(&bed, 0, b"GET /deb/small HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("Retry-After: "), "{said}");
    assert_eq!(bed.get(1, "/deb/small").await.expect("an answer"), "small\n");
    drop(open);
    assert!(wait::until(SOON, || async { (connections(&bed).await == 0).then_some(()) }).await.is_some());
    assert_eq!(bed.get(0, "/deb/small").await.expect("an answer"), "small\n");
    assert!(bed.status("tenant").await.expect("status").counters.too_many >= 1);
}

#[tokio::test]
async fn slow_readers_slow_nobody_else() {
    let bed = gateways("gw-slow", 2, &[]).await;
    // Fewer than the answers that a network has at a time.
    let mut open = many(&bed, 0, 60);
    for stream in &mut open {
        stream.write_all(b"GET /deb/big HTTP/1.1\r\nHost: x\r\n\r\n").expect("is sent");
    }
    let asked = || async { (bed.status("tenant").await.ok()?.counters.asked >= 60).then_some(()) };
    assert!(wait::until(SOON, asked).await.is_some());
    let to = bed.dir.path().join("got").display().to_string();
    let url = format!("http://{ADDRESS}:8080/deb/big");
    let took = bed.curl(1, &["-f", "-o", &to, "-w", "%{time_total}", &url]).await.expect("is downloaded");
    let took: f64 = took.parse().expect("seconds");
    assert!(took < 10.0, "{took} s for 32 MiB beside slow readers");
    // They are answered all the same, once they read.
    let mut bytes = [0; 4096];
    let got = open[59].read(&mut bytes).expect("an answer");
    assert!(bytes[..got].starts_with(b"HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_network_gets_its_rate_and_others_theirs() {
    let mut bed = gateways("gw-rate", 2, &[]).await;
    bed.networks[0].limits = Limits { bytes_per_s: Some(8 << 20), ..Limits::default() };
    assert_eq!(bed.tell().await.expect("told"), []);
    let url = format!("http://{ADDRESS}:8080/deb/big");
    let words = ["-f", "-o", "/dev/null", "-w", "%{time_total}", "-r", "0-16777215", &url];
    let took = async |at: usize| -> f64 {
        let said = bed.curl(at, &words).await.expect("is downloaded");
        said.parse().expect("seconds")
    };
    // Two of 16 MiB share 8 MiB in a second.
    let (one, two, other) = tokio::join!(took(0), took(0), took(1));
    let longest = one.max(two);
    assert!((3.2..=8.0).contains(&longest), "{one} s, {two} s for 4 s of bytes");
    assert!(other < longest, "{other} s without a limit");
}

#[tokio::test]
async fn half_requests_are_not_waited_for() {
    let bed = gateways("gw-half", 1, &["tenant.head_s=1", "tenant.idle_s=1"]).await;
    let said = told(&bed, 0, b"GET /deb/small HTTP/1.1\r\nHo");
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    let said = told(&bed, 0, b"POST /orders/5 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{");
    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    let begun = Instant::now();
    assert_eq!(told(&bed, 0, b""), "");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // A letter now and then buys no more time, and neither does one of a body.
    for begins in [
        "GET /deb/small HTTP/1.1\r\nX: ",
        "POST /orders/5 HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n",
    ] {
        let mut stream = bed.connect(0).expect("connects");
        stream.write_all(begins.as_bytes()).expect("is sent");
        let begun = Instant::now();
        let mut writes = stream.try_clone().expect("another handle");
        let drips = async {
            while writes.write_all(b"x").is_ok() {
                wait::pause(Duration::from_millis(200)).await;
            }
            std::future::pending::<()>().await;
        };
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 512];
            let got = stream.read(&mut bytes).unwrap_or(0);
            String::from_utf8_lossy(&bytes[..got]).into_owned()
        });
        let said = tokio::select! {
            said = read => said.expect("reads"),
            () = drips => unreachable!("it has no end"),
        };
        assert!(said.starts_with("HTTP/1.1 408 ") && begun.elapsed() < SOON, "{said}, {:?}", begun.elapsed());
    }
}
