//! Settings under `/proc/sys`, of the namespace of the calling thread.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use host::op::{Of, Sysctl};

/// Writes `net.ipv6.conf.DEVICE.NAME`.
pub(crate) fn set_ipv6(device: &str, name: &str, value: &str) -> io::Result<()> {
    write(&format!("net/ipv6/conf/{device}/{name}"), value, true)
}

pub(crate) fn set(name: &Sysctl, value: u32) -> io::Result<()> {
    write(&name.to_string(), &value.to_string(), name.is_ipv6())
}

/// Keeps the other addresses of a subnet when the first is taken away.
pub(crate) fn promote_secondaries() -> io::Result<()> {
    write("net/ipv4/conf/all/promote_secondaries", "1", false)
}

/// Whether bridged packets are handed to the IP layer; `None` where the kernel cannot.
pub(crate) fn bridged() -> Option<bool> {
    let on =
        |name: &str| fs::read_to_string(format!("/proc/sys/{name}")).ok().map(|value| value.trim() == "1");
    BRIDGED.iter().map(|name| on(name)).try_fold(true, |all, one| Some(all && one?))
}

/// Hands them on; a kernel that has this as a module is asked to load it.
pub(crate) fn set_bridged() -> io::Result<()> {
    if !fs::exists(format!("/proc/sys/{}", BRIDGED[0])).unwrap_or(false) {
        // What it cannot do shows at once.
        let _ = std::process::Command::new("modprobe").arg("br_netfilter").output();
    }
    BRIDGED.iter().try_for_each(|name| write(name, "1", false))
}

const BRIDGED: [&str; 2] = ["net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"];

/// The settings on our list that are the namespace's, or of all its devices.
pub(crate) fn read() -> BTreeMap<Sysctl, u32> {
    let value = |name: &Sysctl| fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok();
    let names = Sysctl::plain().chain(Sysctl::of_devices(&Of::All)).chain(Sysctl::of_devices(&Of::Default));
    names.filter_map(|name| value(&name).map(|value| (name, value))).collect()
}

fn write(name: &str, value: &str, is_ipv6: bool) -> io::Result<()> {
    match fs::write(format!("/proc/sys/{name}"), value) {
        // Without IPv6 there is nothing to switch.
        Err(error) if is_ipv6 && error.kind() == io::ErrorKind::NotFound && !has_ipv6() => Ok(()),
        other => other,
    }
}

fn has_ipv6() -> bool {
    fs::exists("/proc/sys/net/ipv6").unwrap_or(false)
}
