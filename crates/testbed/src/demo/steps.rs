//! Each thing that the demo shows, and what was seen.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::client::id_of;
use crate::cloud::Cloud;
use crate::demo::show::Table;
use crate::guest::Guest;

const SOON: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(5);

/// An instance of the demo and its port.
pub struct Instance {
    pub guest: Guest,
    pub port: Value,
}

impl Instance {
    /// Boots one in security groups, the default group when none is named, and takes its lease.
    pub async fn boot(
        cloud: &Cloud,
        name: &str,
        network: &str,
        host: usize,
        groups: &[&str],
    ) -> anyhow::Result<Instance> {
        let (guest, port) = cloud.boot_in(name, network, host, groups).await?;
        let port = cloud.port_is(&id_of(&port), "ACTIVE", SOON).await?;
        let lease = guest.dhcp().await?;
        let instance = Instance { guest, port };
        let address = instance.address(false)?;
        if !lease.contains(&format!("'{address}'")) {
            bail!("the lease is not for {address}: {lease}");
        }
        Ok(instance)
    }

    /// Its address of an IP version.
    pub fn address(&self, ipv6: bool) -> anyhow::Result<String> {
        let ips = self.port["fixed_ips"].as_array().into_iter().flatten();
        let mut texts = ips.filter_map(|ip| ip["ip_address"].as_str());
        let found = texts.find(|text| text.contains(':') == ipv6).context("an address of that version")?;
        Ok(found.to_owned())
    }
}

/// Shows everything; true when all of it worked. What a failed step leaves out cannot be shown.
pub async fn all(cloud: &Cloud, table: &mut Table) -> bool {
    let mut passed = true;
    let mut network = String::new();
    passed &=
        table.step("a network with an IPv4 and an IPv6 subnet", create_network(cloud, &mut network)).await;
    let mut instances = Vec::new();
    for (name, host) in [("blue-1", 0), ("blue-2", 1)] {
        let what = format!("instance {name} on {}: wired, lease by DHCP", cloud.hosts[host].name);
        passed &= table.step(&what, boot(cloud, name, &network, host, &mut instances)).await;
    }
    if let [one, two] = instances.as_slice() {
        let (from, to) = (one.guest.name.clone(), two.guest.name.clone());
        passed &= table.step(&format!("{from} pings {to} over VXLAN, IPv4"), ping(one, two, false)).await;
        passed &=
            table.step(&format!("{from} pings {to} over VXLAN, IPv6 (SLAAC)"), ping(one, two, true)).await;
        passed &=
            table.step("ARP is answered on the host, none crosses the tunnel", no_arp(cloud, one, two)).await;
        passed &= table.step("a packet with a stolen source address is dropped", spoof(one, two)).await;
        passed &= table.step("another network with the same addresses is apart", apart(cloud, one)).await;
    }
    if let Some(last) = instances.pop() {
        passed &= table
            .step("an instance is deleted: nothing of it is left", delete(cloud, last, &instances))
            .await;
    }
    passed
}

async fn create_network(cloud: &Cloud, id: &mut String) -> anyhow::Result<String> {
    let network = cloud.client.create("network", json!({ "name": "blue" })).await?;
    *id = id_of(&network);
    let v4 = json!({
        "network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "name": "blue-v4",
        "allocation_pools": [{ "start": "10.0.0.2", "end": "10.0.0.199" }],
        "dns_nameservers": ["192.0.2.53"],
    });
    cloud.client.create("subnet", v4).await?;
    let v6 = json!({
        "network_id": network["id"], "ip_version": 6, "cidr": "2001:db8:1::/64", "name": "blue-v6",
        "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac",
    });
    cloud.client.create("subnet", v6).await?;
    Ok(format!(
        "{} {}, MTU {}",
        network["provider:network_type"].as_str().unwrap_or_default(),
        network["provider:segmentation_id"],
        network["mtu"]
    ))
}

async fn boot(
    cloud: &Cloud,
    name: &str,
    network: &str,
    host: usize,
    instances: &mut Vec<Instance>,
) -> anyhow::Result<String> {
    let instance = Instance::boot(cloud, name, network, host, &[]).await?;
    let address = instance.address(false)?;
    instances.push(instance);
    Ok(format!("port ACTIVE, lease {address}"))
}

async fn ping(one: &Instance, two: &Instance, ipv6: bool) -> anyhow::Result<String> {
    let to = two.address(ipv6)?;
    if ipv6 {
        for instance in [one, two] {
            has_address(instance, &instance.address(true)?).await?;
        }
    }
    let first = one.guest.ping(&to, ANSWER).await?;
    let second = one.guest.ping(&to, ANSWER).await?;
    Ok(format!("{to}: first {:.2} ms, then {:.2} ms", ms(first), ms(second)))
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Waits until an instance has made its address of a router advertisement, and may use it.
async fn has_address(instance: &Instance, address: &str) -> anyhow::Result<()> {
    let made = crate::wait::until(SOON, || async {
        let words = ["ip", "-6", "address", "show", "dev", "eth0", "-tentative"];
        let shown = instance.guest.run(&words).await.ok()?;
        shown.contains(address).then_some(())
    });
    made.await.with_context(|| format!("{} did not make the address {address}", instance.guest.name))
}

/// Frames that left a host's device by now.
async fn sent(cloud: &Cloud, host: usize, device: &str) -> anyhow::Result<u64> {
    let path = format!("/sys/class/net/{device}/statistics/tx_packets");
    let words = ["cat", path.as_str()];
    // The namespace's own devices are in a sysfs that is mounted inside it.
    let words = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        "mount -t sysfs none /sys && exec \"$@\"",
        "sh",
        words[0],
        words[1],
    ];
    let text = crate::place::run_in(&cloud.hosts[host].namespace, &words).await?;
    text.trim().parse().context("a counter")
}

async fn no_arp(cloud: &Cloud, one: &Instance, two: &Instance) -> anyhow::Result<String> {
    let to = two.address(false)?;
    one.guest.run(&["ip", "neigh", "flush", "dev", "eth0"]).await?;
    let before = sent(cloud, 0, "under0").await?;
    let words = ["arping", "-q", "-c", "1", "-w", "3", "-I", "eth0", to.as_str()];
    one.guest.run(&words).await.with_context(|| format!("nobody answered ARP for {to}"))?;
    let crossed = sent(cloud, 0, "under0").await? - before;
    if crossed > 0 {
        bail!("{crossed} frames left the host while it asked for {to}");
    }
    Ok(format!("{to} answered, 0 frames left the host"))
}

async fn spoof(one: &Instance, two: &Instance) -> anyhow::Result<String> {
    let to = two.address(false)?;
    let stolen = "10.0.0.253";
    one.guest.run(&["ip", "address", "add", &format!("{stolen}/32"), "dev", "eth0"]).await?;
    let spoofed = one.guest.run(&["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-I", stolen, &to]).await;
    one.guest.run(&["ip", "address", "del", &format!("{stolen}/32"), "dev", "eth0"]).await?;
    // It asked for the other as the stolen address, which nobody answers, and may be giving up.
    one.guest.run(&["ip", "neigh", "flush", "dev", "eth0"]).await?;
    if spoofed.is_ok() {
        bail!("packets from {stolen} reached {to}");
    }
    one.guest.ping(&to, ANSWER).await.context("its own address no longer works")?;
    Ok(format!("from {stolen}: 2 sent, 0 answered; its own address works"))
}

async fn apart(cloud: &Cloud, one: &Instance) -> anyhow::Result<String> {
    let network = cloud.network("green").await?;
    let mut greens = Vec::new();
    boot(cloud, "green-1", &network, 1, &mut greens).await?;
    let green = &greens[0];
    let to = one.address(false)?;
    if green.address(false)? != to && green.guest.ping(&to, Duration::from_secs(1)).await.is_ok() {
        bail!("green-1 reaches {to} of the other network");
    }
    Ok(format!("green-1 has {} and cannot reach {to}", green.address(false)?))
}

async fn delete(cloud: &Cloud, instance: Instance, left: &[Instance]) -> anyhow::Result<String> {
    let id = id_of(&instance.port);
    let address = instance.address(false)?;
    let host = instance.guest.host.clone();
    instance.guest.shut_down(&cloud.place).await?;
    cloud.client.delete("port", &id).await?;
    let mac = instance.port["mac_address"].as_str().unwrap_or_default().to_owned();
    let gone = crate::wait::until(SOON, || async {
        let here = crate::place::run_in(&host, &["bridge", "fdb", "show"]).await.ok()?;
        let there = crate::place::run_in(&left.first()?.guest.host, &["bridge", "fdb", "show"]).await.ok()?;
        (!here.contains(&mac) && !there.contains(&mac)).then_some(())
    });
    gone.await.context("forwarding entries of it are left")?;
    let (status, _) = cloud.client.send("GET", &format!("/v2.0/ports/{id}"), None, &[]).await?;
    Ok(format!("GET answers {status}, no host forwards to {address}"))
}
