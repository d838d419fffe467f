//! Settings under `/proc/sys/net`, of one namespace.
//!
//! All namespaces' `ipv4` and `ipv6` hang in one place of the kernel's cache of names, which walks
//! past the others' until it finds the right one: with a thousand namespaces that is most of the time
//! of a write. So each of the two is looked up once, everything else from there, and in a
//! `/proc` of this process alone ([`procfs`]).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use host::op::{Of, Sysctl};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::procfs;

/// Settings of the namespace in which they were opened.
pub(crate) struct Settings {
    ipv4: OwnedFd,
    /// `None`: a kernel without IPv6.
    ipv6: Option<OwnedFd>,
}

impl Settings {
    /// Those of the namespace of the calling thread.
    pub fn open() -> io::Result<Settings> {
        let root = procfs::current()?;
        let ipv6 = match folder(&root, "sys/net/ipv6") {
            Err(Errno::ENOENT) => None,
            found => Some(found?),
        };
        Ok(Settings { ipv4: folder(&root, "sys/net/ipv4")?, ipv6 })
    }

    /// Writes `net.ipv6.conf.DEVICE.NAME`.
    pub fn set_ipv6(&self, device: &str, name: &str, value: &str) -> io::Result<()> {
        self.write(&format!("net/ipv6/conf/{device}/{name}"), value)
    }

    pub fn set(&self, name: &Sysctl, value: u32) -> io::Result<()> {
        self.write(&name.to_string(), &value.to_string())
    }

    /// Keeps the other addresses of a subnet when the first is taken away.
    pub fn promote_secondaries(&self) -> io::Result<()> {
        self.write("net/ipv4/conf/all/promote_secondaries", "1")
    }

    /// The settings on our list that are the namespace's, or of all its devices.
    pub fn read(&self) -> BTreeMap<Sysctl, u32> {
        let names =
            Sysctl::plain().chain(Sysctl::of_devices(&Of::All)).chain(Sysctl::of_devices(&Of::Default));
        // These are a device's alone, or of those to come.
        let is_read = |name: &Sysctl| !matches!(name, Sysctl::ProxyDelay(_) | Sysctl::AddrGenMode(Of::All));
        let names = names.filter(is_read);
        names.filter_map(|name| self.value(&name).map(|value| (name, value))).collect()
    }

    /// How long a device waits before it answers for others.
    pub fn proxy_delay(&self, device: &str) -> Option<(Sysctl, u32)> {
        let name = Sysctl::ProxyDelay(Of::Device(device.to_owned()));
        self.value(&name).map(|value| (name, value))
    }

    fn value(&self, name: &Sysctl) -> Option<u32> {
        let mut text = [0; 16];
        let length = self.file(&name.to_string(), OFlag::O_RDONLY).ok()??.read(&mut text).ok()?;
        std::str::from_utf8(&text[..length]).ok()?.trim().parse().ok()
    }

    fn write(&self, name: &str, value: &str) -> io::Result<()> {
        match self.file(name, OFlag::O_WRONLY)? {
            Some(mut file) => file.write_all(value.as_bytes()),
            // Without IPv6 there is nothing to switch.
            None => Ok(()),
        }
    }

    /// `None` of IPv6 where there is none.
    fn file(&self, name: &str, flags: OFlag) -> io::Result<Option<File>> {
        let (folder, rest) = match (name.strip_prefix("net/ipv4/"), name.strip_prefix("net/ipv6/")) {
            (Some(rest), _) => (Some(&self.ipv4), rest),
            (_, Some(rest)) => (self.ipv6.as_ref(), rest),
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let Some(folder) = folder else { return Ok(None) };
        let file = openat(folder, rest, flags | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok(Some(File::from(file)))
    }
}

const FOLDER: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

fn folder(root: &impl AsFd, path: &str) -> nix::Result<OwnedFd> {
    openat(root, path, FOLDER, Mode::empty())
}

const BRIDGED: [&str; 2] =
    ["/proc/sys/net/bridge/bridge-nf-call-iptables", "/proc/sys/net/bridge/bridge-nf-call-ip6tables"];

/// Whether bridged packets are handed to the IP layer; `None` where the kernel cannot.
pub(crate) fn bridged() -> Option<bool> {
    let on = |name: &str| fs::read_to_string(name).ok().map(|value| value.trim() == "1");
    BRIDGED.iter().map(|name| on(name)).try_fold(true, |all, one| Some(all && one?))
}

/// Hands them on; a kernel that has this as a module is asked to load it.
pub(crate) fn set_bridged() -> io::Result<()> {
    if !fs::exists(BRIDGED[0]).unwrap_or(false) {
        // What it cannot do shows at once.
        let _ = std::process::Command::new("modprobe").arg("br_netfilter").output();
    }
    BRIDGED.iter().try_for_each(|name| fs::write(name, "1"))
}
