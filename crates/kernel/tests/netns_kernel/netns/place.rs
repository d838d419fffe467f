//! One host: a namespace with a physical interface and taps of instances.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use host::names;
use kernel::{Kernel, netns};
use model::PortId;
use tempfile::TempDir;
use uuid::Uuid;

pub struct Place {
    dir: TempDir,
    pub kernel: Kernel,
}

impl Place {
    /// `None`, said aloud, where these tests were switched off.
    pub fn new() -> Option<Place> {
        let dir = tempfile::tempdir().expect("directory");
        if let Err(error) = netns::create(dir.path(), "host") {
            let skip = std::env::var("NEUTRINO_ROOT_TESTS").is_ok_and(|value| value == "skip");
            assert!(skip, "needs root ({error}); NEUTRINO_ROOT_TESTS=skip goes without");
            eprintln!("SKIPPED: needs root");
            return None;
        }
        let kernel = Kernel::open(Some(&dir.path().join("host")), &dir.path().join("d")).expect("door");
        Some(Place { dir, kernel })
    }

    /// With `eth1`, and taps for the ports that `want` makes.
    pub fn with_devices() -> Option<Place> {
        let place = Place::new()?;
        place.ip("link add eth1 type veth peer name cable");
        for n in 0..4u128 {
            let tap = names::tap(PortId(Uuid::from_u128((0xf0 + n) << 120 | 0xbb)));
            place.ip(&format!("link add {tap} type veth peer name g{n}"));
        }
        Some(place)
    }

    pub fn netns_dir(&self) -> PathBuf {
        self.dir.path().join("d")
    }

    /// `ip`, which must succeed; its output.
    pub fn ip(&self, line: &str) -> String {
        let output = self.run(&format!("ip {line}"));
        assert!(output.status.success(), "ip {line}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Of the host.
    pub fn path(&self) -> PathBuf {
        self.dir.path().join("host")
    }

    pub fn run(&self, line: &str) -> Output {
        run_in(&self.path(), line)
    }

    /// Runs a program in one of the host's namespaces.
    pub fn inside(&self, netns: &str, line: &str) -> Output {
        run_in(&self.netns_dir().join(netns), line)
    }
}

fn run_in(namespace: &Path, line: &str) -> Output {
    let words: Vec<&str> = line.split_whitespace().collect();
    let run = || Command::new(words[0]).args(&words[1..]).output().expect("program starts");
    netns::within(namespace, run).expect("namespace entered")
}

impl Drop for Place {
    fn drop(&mut self) {
        for dir in [self.netns_dir(), self.dir.path().to_owned()] {
            for name in netns::list(&dir).unwrap_or_default() {
                if netns::id(&dir.join(&name)).is_ok()
                    && let Err(error) = netns::delete(&dir, &name)
                {
                    eprintln!("namespace {name} left behind: {error}");
                }
            }
        }
    }
}
