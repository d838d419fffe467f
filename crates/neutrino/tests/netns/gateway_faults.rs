//! Either process killed, the repository gone, a namespace made anew.

use std::io::{Read, Write};

use model::gateway::Limits;
use testbed::gateways::{ADDRESS, Gateways};
use testbed::place::command_in;
use testbed::wait;

use super::{SOON, gateways};

/// Slow enough to be met under way.
const SLOW: u64 = 8 << 20;

async fn slow(name: &str) -> Gateways {
    let mut bed = gateways(name, 1, &[]).await;
    bed.networks[0].limits = Limits { bytes_per_s: Some(SLOW), ..Limits::default() };
    assert_eq!(bed.tell().await.expect("told"), []);
    bed
}

/// A download under way, and where it goes.
async fn download(bed: &Gateways) -> (tokio::process::Child, std::path::PathBuf) {
    let to = bed.dir.path().join("got");
    let _ = std::fs::remove_file(&to);
    let (url, file) = (format!("http://{ADDRESS}:8080/deb/big"), to.display().to_string());
    let words = ["curl", "-s", "-f", "-m", "60", "-o", &file, &url];
    let child = command_in(&bed.client(0), &words).spawn().expect("curl runs");
    let begun = || async { std::fs::metadata(&to).ok().filter(|file| file.len() > 1 << 20) };
    wait::until(SOON, begun).await.expect("it begins");
    (child, to)
}

async fn answers(bed: &Gateways) {
    let looks = || async { bed.get(0, "/deb/small").await.ok().filter(|text| text == "small\n") };
    assert!(wait::until(SOON, looks).await.is_some(), "tenant: {}", bed.tenant.said());
}

#[tokio::test]
async fn downloads_outlive_the_tenants_gateway() {
    let mut bed = slow("gw-kill-tenant").await;
    let (mut curl, to) = download(&bed).await;
    bed.tenant.again().expect("is killed and starts");
    assert!(curl.wait().await.expect("ends").success(), "the download broke: {}", bed.management.said());
    let kept = std::fs::read(bed.file("big")).expect("reads");
    assert!(std::fs::read(to).expect("reads") == kept, "other bytes came");
    bed.up().await.expect("is back");
    assert_eq!(bed.tell().await.expect("told"), []);
    answers(&bed).await;
}

#[tokio::test]
async fn without_the_management_gateway_it_is_said_and_connections_stay() {
    let mut bed = slow("gw-kill-mgmt").await;
    let mut stream = bed.connect(0).expect("connects");
    let mut ask = || {
        stream.write_all(b"GET /deb/small HTTP/1.1\r\nHost: x\r\n\r\n").expect("is sent");
        let mut bytes = [0; 4096];
        let got = stream.read(&mut bytes).expect("an answer");
        String::from_utf8_lossy(&bytes[..got]).into_owned()
    };
    assert!(ask().contains("HTTP/1.1 200 "));
    let (mut curl, to) = download(&bed).await;
    bed.management.kill();
    // What was begun ends early, and curl can tell.
    assert_eq!(curl.wait().await.expect("ends").code(), Some(18));
    assert!(std::fs::metadata(&to).expect("is there").len() < 32 << 20);
    let said = ask();
    assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("Retry-After: "), "{said}");
    assert!(!bed.status("tenant").await.expect("status").linked);
    bed.management.again().expect("starts");
    assert!(
        wait::until(SOON, || async { bed.tell().await.ok() }).await.is_some(),
        "{}",
        bed.management.said()
    );
    answers(&bed).await;
    let said = ask();
    assert!(said.contains("HTTP/1.1 200 "), "the connection from before: {said}");
}

/// The request is with the management gateway, which has written nothing yet when it ends.
#[tokio::test]
async fn who_waits_when_the_management_gateway_ends_is_told() {
    let mut bed = gateways("gw-kill-wait", 1, &[]).await;
    let mut stream = bed.connect(0).expect("connects");
    stream.write_all(b"GET /orders?after=0&wait=40 HTTP/1.1\r\nHost: x\r\n\r\n").expect("is sent");
    let asked = || async { (bed.status("tenant").await.ok()?.counters.asked == 1).then_some(()) };
    assert!(wait::until(SOON, asked).await.is_some());
    bed.management.kill();
    let mut bytes = [0; 4096];
    let got = stream.read(&mut bytes).expect("an answer");
    assert!(bytes[..got].starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&bytes[..got]));
}

#[tokio::test]
async fn without_the_repository_it_is_said() {
    let mut bed = slow("gw-no-repo").await;
    answers(&bed).await;
    let (mut curl, _) = download(&bed).await;
    bed.stop_repository().await;
    assert_eq!(curl.wait().await.expect("ends").code(), Some(18));
    let said = bed.curl(0, &["-i", &format!("http://{ADDRESS}:8080/deb/small")]).await.expect("an answer");
    assert!(said.starts_with("HTTP/1.1 502 ") && said.contains("Retry-After: "), "{said}");
    assert!(said.contains("the repository is not reached"), "{said}");
    bed.repository().await.expect("is back");
    answers(&bed).await;
}

#[tokio::test]
async fn a_namespace_that_is_made_anew_is_listened_in_again() {
    let mut bed = gateways("gw-anew", 1, &[]).await;
    answers(&bed).await;
    // Mostly so quickly that nobody sees it missing.
    bed.forget_tenant(0).await;
    bed.make_tenant(0).await.expect("anew");
    answers(&bed).await;
    bed.forget_tenant(0).await;
    let unserved = || async {
        let status = bed.status("tenant").await.ok()?;
        (status.unserved.len() == 1).then_some(status)
    };
    assert!(wait::until(SOON, unserved).await.is_some());
    bed.make_tenant(0).await.expect("anew");
    answers(&bed).await;
    assert_eq!(bed.status("tenant").await.expect("status").unserved, []);
    // What was never told, or is told no longer, is not listened on.
    bed.networks.clear();
    assert_eq!(bed.tell().await.expect("told"), []);
    assert!(bed.connect(0).is_err());
}
