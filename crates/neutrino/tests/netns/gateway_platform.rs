//! What the platform's other services see of it: a metadata service that is asked, and the log of who asked what.

use std::time::Instant;

use testbed::gateways::{ADDRESS, Gateways, NOVA, SECRET};
use testbed::wait;

use super::{SOON, gateways};

/// As Nova makes it of `SECRET`: `hmac.new(b'secret-of-the-tests', b'instance-0', hashlib.sha256).hexdigest()`.
const SIGNATURES: [&str; 2] = [
    "f6c922dfbad39a367bfc9bf40d28609539d6b6d3e625093863129ef2ad245bcf",
    "5827c55e0dcf94e1ad5e78e7d03c3a963d97de8f71eb4a8dcaa572b58fe8911f",
];

#[tokio::test]
async fn a_metadata_service_is_asked_in_the_name_of_the_instance() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("shared");
    std::fs::write(&secret, SECRET).expect("writes");
    let more = [
        format!("management.metadata={NOVA}"),
        format!("management.metadata_secret_file={}", secret.display()),
    ];
    let mut bed = gateways("gw-nova", 2, &more.each_ref().map(String::as_str)).await;
    let at = format!("http://{ADDRESS}");
    let path = "/openstack/latest/meta_data.json";
    let url = &format!("{at}{path}");
    // Equal addresses; and what it says of itself does not count.
    let forged =
        ["-H", "X-Instance-ID: instance-9", "-H", "X-Instance-ID-Signature: 00", "-H", "X-Tenant-ID: p"];
    for (tenant, signature) in SIGNATURES.iter().enumerate() {
        let expected = format!("GET {path} instance-{tenant} project-{tenant} {signature} 10.1.0.5\n");
        for words in [&[][..], &forged] {
            let words = [words, &[url.as_str()]].concat();
            assert_eq!(bed.curl(tenant, &words).await.expect("an answer"), expected);
        }
    }
    let code = async |bed: &Gateways, words: &[&str]| {
        let words = [&["-o", "/dev/null", "-w", "%{http_code}"], words].concat();
        bed.curl(0, &words).await.expect("an answer")
    };
    assert_eq!(code(&bed, &[&format!("{at}/latest/nothing")]).await, "404");
    // No way to what is no metadata, and no other method.
    assert_eq!(code(&bed, &[&format!("{at}/servers")]).await, "404");
    assert_eq!(code(&bed, &["-X", "POST", url]).await, "405");
    bed.stop_repository().await;
    let away = bed.curl(0, &["-i", url]).await.expect("an answer");
    assert!(
        away.starts_with("HTTP/1.1 502 ") && away.contains("the metadata service is not reached"),
        "{away}"
    );
    bed.repository().await.expect("is back");
    let back = bed.curl(0, &[url]).await.expect("an answer");
    assert!(back.contains(SIGNATURES[0]), "{back}");
}

#[tokio::test]
async fn the_log_tells_who_asked_what_and_who_was_refused() {
    const PER_S: usize = 5;
    let bed = gateways("gw-log", 2, &[&format!("tenant.log_per_s={PER_S}")]).await;
    // What is over the rate is not told, so it is asked again.
    let line = async |at: usize, path: &str, word: &str| {
        let port = &bed.networks[at].ports[0];
        let told = || async {
            bed.get(at, path).await.expect("an answer");
            bed.tenant.said().lines().find(|line| line.contains(word)).map(ToOwned::to_owned)
        };
        let told = wait::until(SOON, told).await;
        let told = told.unwrap_or_else(|| panic!("{word}: {}", bed.tenant.said()));
        let who = format!(
            "network.id={} port.id={} instance=\"{}\" project=\"{}\"",
            bed.networks[at].id, port.id, port.instance, port.project
        );
        assert!(told.contains("gateway::access: ") && told.contains(&who), "{told}");
        told
    };
    let answered = line(1, "/deb/small", "path=\"/deb/small\"").await;
    for word in ["method=\"GET\"", "status=200", "bytes=", "whole=true"] {
        assert!(answered.contains(word), "{word}: {answered}");
    }
    assert!(line(1, "/elsewhere", "refused").await.contains("status=404"));
    // A name that would be a second line is none of its lines.
    assert!(!line(1, "/deb/a%0Aanswered", "status=400").await.contains("%0A"));
    // The noise of one network is bounded, and does not take another's place.
    let began = Instant::now();
    let noise = format!("http://{ADDRESS}:8080/deb/noise/[1-1000]");
    bed.curl(1, &["-o", "/dev/null", &noise]).await.expect("answers");
    let most = PER_S * (2 + began.elapsed().as_secs() as usize);
    line(0, "/deb/quiet", "path=\"/deb/quiet\"").await;
    let told = bed.tenant.said().matches("path=\"/deb/noise/").count();
    assert!(told <= most, "{told} of 1,000 in {:?}", began.elapsed());
}
