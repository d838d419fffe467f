//! Settings under `/proc/sys/net`, of the namespace of the calling thread.

use std::fs;
use std::io;

/// Writes `net.ipv6.conf.DEVICE.NAME`.
pub(crate) fn set_ipv6(device: &str, name: &str, value: &str) -> io::Result<()> {
    let path = format!("/proc/sys/net/ipv6/conf/{device}/{name}");
    match fs::write(path, value) {
        // Without IPv6 there is nothing to switch.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !has_ipv6() => Ok(()),
        other => other,
    }
}

fn has_ipv6() -> bool {
    fs::exists("/proc/sys/net/ipv6").unwrap_or(false)
}
