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
        ("agent.txt", &["agent", "--help"]),
        ("bus-nats-config.txt", &["bus", "nats-config", "--help"]),
        ("bus-permissions.txt", &["bus", "permissions", "--help"]),
        ("demo.txt", &["demo", "--help"]),
        ("config-print.txt", &["config", "print", "--help"]),
        ("policy.txt", &["policy", "--help"]),
        ("repod.txt", &["repod", "--help"]),
        ("repod-key.txt", &["repod", "key", "--help"]),
        ("router.txt", &["router", "--help"]),
        ("software.txt", &["software", "--help"]),
        ("software-order.txt", &["software", "order", "--help"]),
        ("software-upload.txt", &["software", "upload", "--help"]),
        ("ctpurge.txt", &["ctpurge", "--help"]),
        ("vswitchd.txt", &["vswitchd", "--help"]),
        ("vswitch.txt", &["vswitch", "--help"]),
        ("vswitch-trace.txt", &["vswitch", "trace", "--help"]),
        ("gateway.txt", &["gateway", "--help"]),
        ("guest.txt", &["guest", "--help"]),
        ("guest-run.txt", &["guest", "run", "--help"]),
        ("conntrack.txt", &["conntrack", "--help"]),
        ("conntrack-purge.txt", &["conntrack", "purge", "--help"]),
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
fn what_nats_server_is_told() {
    let key = format!("compute-2=U{}", "A".repeat(55));
    let hosts = format!("c1.example.org,{key},control-1");
    is_kept(
        "nats.conf",
        &said(&["bus", "nats-config", "--hosts", &hosts, "--servers", "control-1,control-2"]),
    );
    let of_host = said(&["bus", "permissions", "--host", "c1.example.org"]);
    let of_server = said(&["bus", "permissions"]);
    is_kept("permissions.conf", &format!("{of_host}{of_server}"));
}

#[test]
fn a_mistake_is_told_in_one_sentence() {
    for (words, word) in [
        (&["server", "--set", "server.bind=0.0.0.0:9696"] as &[&str], "allow_remote_without_auth"),
        (&["server", "--set", "bus.kind=nats", "--set", "bus.nats.urls=[]"], "no URL"),
        (&["server", "--set", "bus.kind=nats", "--set", "bus.nats.user=u"], "password_file"),
        (&["agent"], "agent.host"),
        (&["agent", "--set", "agent.host=compute-1"], "bus.kind = \"nats\""),
        (&["vswitch", "neigh", "--set", "vswitchd.socket=/nowhere/socket"], "neutrino vswitchd"),
        (&["vswitch", "apply", "/nowhere/wanted.json"], "cannot read"),
        (&["bus", "permissions", "--host", ""], "no host"),
        (&["bus", "nats-config", "--hosts", ""], "nothing can be called"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_neutrino"))
            .args(words)
            .env_remove("NEUTRINO_CONFIG")
            .output()
            .expect("neutrino runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(word), "{words:?}: {said}");
    }
}
