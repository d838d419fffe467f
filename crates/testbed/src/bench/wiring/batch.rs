//! Many devices by one `ip -batch`: what a compute service does, and the floor of wiring.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use testbed::Place;
use testbed::place::run_in;

/// Runs a command in a namespace; what it said, and the CPU time of that child.
async fn counted(namespace: &Path, words: &[&str]) -> anyhow::Result<(String, Duration)> {
    let mut shell = vec!["sh", "-c", "\"$@\" && times", "sh"];
    shell.extend(words);
    let mut said = run_in(namespace, &shell).await?;
    // The last line of `times` is of the shell's children: user and system, such as `0m0.010s 0m0.620s`.
    let last = said.trim_end().rfind('\n').map_or(0, |at| at + 1);
    let spent = said[last..].split_whitespace().filter_map(seconds).sum();
    said.truncate(last);
    Ok((said, spent))
}

fn seconds(text: &str) -> Option<Duration> {
    let (minutes, seconds) = text.strip_suffix('s')?.split_once('m')?;
    let seconds: f64 = seconds.parse().ok()?;
    Some(Duration::from_secs_f64(minutes.parse::<f64>().ok()? * 60.0 + seconds))
}

/// Runs lines of `ip` commands in a namespace, as one child; its CPU time.
pub async fn ip(namespace: &Path, lines: impl IntoIterator<Item = String>) -> anyhow::Result<Duration> {
    let file = tempfile::NamedTempFile::new()?;
    let lines: Vec<String> = lines.into_iter().collect();
    std::fs::write(file.path(), lines.join("\n"))?;
    let path = file.path().to_str().context("the temporary folder has a readable name")?;
    Ok(counted(namespace, &["ip", "-batch", path]).await?.1)
}

/// The device on the host before it has its port's name.
pub fn early(at: usize) -> String {
    format!("early{at}")
}

/// The MAC address of an instance.
pub fn mac(at: usize) -> String {
    format!("fa:16:3e:b0:{:02x}:{:02x}", at / 256, at % 256)
}

/// Pairs of devices, one on the host and down, one in the sink and up.
pub async fn pairs(host: &Path, sink: &Path, count: usize) -> anyhow::Result<()> {
    let sink_text = sink.display();
    let add = |at| {
        let (device, mac) = (early(at), mac(at));
        format!("link add {device} type veth peer name peer{at} address {mac} netns {sink_text}")
    };
    ip(host, (0..count).map(add)).await?;
    ip(sink, (0..count).map(|at| format!("link set peer{at} up"))).await.map(drop)
}

/// CPU time of making devices ports of a bridge and no more.
pub async fn floor(place: &Place, count: usize) -> anyhow::Result<Duration> {
    let (host, sink) = (place.add("floor").await?, place.add("floor-sink").await?);
    pairs(&host, &sink, count).await?;
    let bridge = ["link add br0 type bridge mcast_snooping 0 forward_delay 0", "link set br0 up"];
    ip(&host, bridge.map(str::to_owned)).await?;
    let port = |at| {
        let device = early(at);
        [
            format!("link set {device} master br0"),
            format!("link set {device} type bridge_slave learning off neigh_suppress on"),
            format!("link set {device} up"),
        ]
    };
    let spent = ip(&host, (0..count).flat_map(port)).await?;
    place.remove("floor").await;
    place.remove("floor-sink").await;
    Ok(spent)
}
