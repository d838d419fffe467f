//! Who is neither root nor named in the settings is heard by neither gateway, though the sockets are open to all.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testbed::gateways::Gateways;

use super::{SOON, gateways};

const NAMED: u32 = 4242;
const STRANGER: u32 = 5555;

/// The program where anybody may run it, in a folder that anybody may write to.
fn open_folder(bed: &Gateways) -> PathBuf {
    let folder = bed.dir.path().join("open");
    fs::create_dir(&folder).expect("a folder");
    for (path, mode) in [(bed.dir.path(), 0o755), (&folder, 0o777)] {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("may be entered");
    }
    fs::copy(env!("CARGO_BIN_EXE_neutrino"), folder.join("neutrino")).expect("the program");
    folder
}

/// `neutrino gateway ...` by somebody.
fn by(user: u32, folder: &Path, set: &[(&str, PathBuf)], what: &str) -> Command {
    let mut command = Command::new(folder.join("neutrino"));
    for (option, path) in set {
        command.args(["--set", &format!("gateway.{option}={}", path.display())]);
    }
    command.args(["gateway", what]).env_remove("NEUTRINO_CONFIG").current_dir(folder).uid(user).gid(user);
    command
}

#[tokio::test]
async fn strangers_are_not_heard() {
    let bed = gateways("gw-stranger", 1, &[&format!("users=[{NAMED}]")]).await;
    let folder = open_folder(&bed);
    let at = |name: &str| bed.dir.path().join(name);
    let controls = [("tenant.control", at("tenant.sock")), ("management.control", at("management.sock"))];
    for (user, heard) in [(NAMED, true), (STRANGER, false)] {
        let said = by(user, &folder, &controls, "status").output().expect("runs");
        let text = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.success(), heard, "user {user}: {text}");
        assert!(
            heard || text.contains("only root, and the users in gateway.users, are heard"),
            "user {user}: {text}"
        );
    }
    // Whoever pretends to be the tenants' gateway could say who asks.
    let own = [("socket", at("between.sock")), ("tenant.control", folder.join("own.sock"))];
    let mut pretends = by(STRANGER, &folder, &own, "tenant");
    let mut pretends = pretends.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
    let noticed = bed.management.says("a stranger called at the socket between the gateways", SOON).await;
    pretends.kill().and_then(|()| pretends.wait()).expect("ends");
    noticed.expect("is noticed");
    assert_eq!(bed.management.said().matches("the tenants' gateway is there").count(), 1);
    assert_eq!(bed.get(0, "/deb/small").await.expect("an answer"), "small\n");
}
