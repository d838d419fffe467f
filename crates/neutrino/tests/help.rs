//! The help texts and the commented defaults are the kept ones; UPDATE=1 rewrites them.

use std::path::Path;
use std::process::Command;

fn said(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_neutrino"))
        .args(words)
        .env_remove("NEUTRINO_CONFIG")
        .output()
        .expect("neutrino runs");
    assert!(output.status.success(), "neutrino {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn is_kept(name: &str, said: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, said).expect("writes");
    }
    let kept = std::fs::read_to_string(&path).expect("is kept");
    assert_eq!(said, kept, "{name} changed: look at it with UPDATE=1 and git diff");
}

#[test]
fn help_of_every_command() {
    for (name, words) in [
        ("help.txt", &["--help"] as &[&str]),
        ("server.txt", &["server", "--help"]),
        ("demo.txt", &["demo", "--help"]),
        ("config-print.txt", &["config", "print", "--help"]),
        ("policy.txt", &["policy", "--help"]),
    ] {
        is_kept(name, &said(words));
    }
}

#[test]
fn what_is_in_force_can_be_read_again() {
    let printed = said(&["--set", "server.bind=127.0.0.1:9797", "config", "print"]);
    assert!(printed.contains("127.0.0.1:9797"), "{printed}");
    let folder = std::env::temp_dir().join(format!("neutrino-help-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("again.toml");
    std::fs::write(&file, &printed).expect("writes");
    let again = said(&["--config", file.to_str().expect("text"), "config", "print"]);
    std::fs::remove_dir_all(&folder).expect("removes");
    assert_eq!(printed, again);
}

#[test]
fn a_mistake_is_told_in_one_sentence() {
    let output = Command::new(env!("CARGO_BIN_EXE_neutrino"))
        .args(["server", "--set", "server.bind=0.0.0.0:9696"])
        .output()
        .expect("neutrino runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("allow_remote_without_auth"), "{said}");
}
