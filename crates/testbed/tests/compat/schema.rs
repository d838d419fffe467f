//! The document that the server gives of itself, read by a fuzzer (schemathesis): whatever is asked by it, and
//! against it, is answered as it says.

use bus::Bus;
use server::Settings;
use testbed::{Lone, python};
use tokio::process::Command;

/// Bounds of schemathesis's own; a POST to `/v2.0/quotas` is answered with 501, as Neutron does.
const BOUNDS: &str = "[phases.coverage]\nunexpected-methods = []\n";
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// `NEUTRINO_SEED` has it ask otherwise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fuzzer_is_answered_as_the_document_says() {
    let seed = std::env::var("NEUTRINO_SEED").unwrap_or_else(|_| "1".into());
    let lone = Lone::start(Settings::default(), Bus::in_process()).await.expect("starts");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("schemathesis.toml"), BOUNDS).expect("writes");
    let url = format!("http://{}", lone.address);
    let output = Command::new(python::program("schemathesis"))
        .args(["run", &format!("{url}/openapi.json"), "--url", &url, "--checks", CHECKS, "--seed", &seed])
        .args(["--phases", "coverage,fuzzing", "--max-examples", "4", "--workers", "2", "--no-shrink"])
        .args(["--continue-on-failure", "--warnings", "off", "--no-color"])
        .current_dir(folder.path())
        .output()
        .await
        .expect("schemathesis runs: scripts/install-packages test");
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "NEUTRINO_SEED={seed}\n{said}{wrong}");
    let asked = said.split_whitespace().zip(said.split_whitespace().skip(1));
    let asked = asked.filter(|(_, word)| word.starts_with("generated"));
    let asked: usize = asked.filter_map(|(count, _)| count.parse::<usize>().ok()).sum();
    assert!(asked > 5000, "{asked} cases:\n{said}");
}
