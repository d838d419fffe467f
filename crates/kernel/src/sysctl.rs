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

/// The settings on our list that are the namespace's, or of all its devices.
pub(crate) fn read() -> BTreeMap<Sysctl, u32> {
    let names = Sysctl::plain().chain(Sysctl::of_devices(&Of::All)).chain(Sysctl::of_devices(&Of::Default));
    // These are a device's alone, or of those to come.
    let is_read = |name: &Sysctl| !matches!(name, Sysctl::ProxyDelay(_) | Sysctl::AddrGenMode(Of::All));
    let names = names.filter(is_read);
    names.filter_map(|name| value(&name).map(|value| (name, value))).collect()
}

/// How long a device waits before it answers for others.
pub(crate) fn proxy_delay(device: &str) -> Option<(Sysctl, u32)> {
    let name = Sysctl::ProxyDelay(Of::Device(device.to_owned()));
    value(&name).map(|value| (name, value))
}

fn value(name: &Sysctl) -> Option<u32> {
    fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok()
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
