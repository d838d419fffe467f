//! The kernel's own switch: a bridge with a VXLAN device, learning.

use super::{Side, VNI};
use crate::place::run_in;

pub(super) async fn start(side: &Side) -> anyhow::Result<()> {
    let (vni, local, remote) = (VNI.to_string(), side.ip.to_string(), side.remote.to_string());
    let checksum = if side.ip.is_ipv4() { "noudpcsum" } else { "udpcsum" };
    let lines: [&[&str]; 7] = [
        &["link", "add", "lan", "type", "bridge"],
        &[
            "link", "add", "vx", "type", "vxlan", "id", &vni, "dstport", "4789", "local", &local, "remote",
            &remote, checksum,
        ],
        &["link", "set", side.port, "master", "lan"],
        &["link", "set", "vx", "mtu", "1500"],
        &["link", "set", "vx", "master", "lan"],
        &["link", "set", "vx", "up"],
        &["link", "set", "lan", "up"],
    ];
    for line in lines {
        run_in(&side.host, &[&["ip"], line].concat()).await?;
    }
    Ok(())
}
