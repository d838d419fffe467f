//! What `tshark` reads in a packet that was captured.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::process::Child;

use crate::place::{command_in, run_in};
use crate::wait;

/// A capture that runs; dropping it ends it.
pub struct Capture {
    child: Child,
    file: PathBuf,
    namespace: PathBuf,
}

impl Capture {
    /// Captures what a filter takes at a device, from when this returns.
    pub async fn start(namespace: &Path, device: &str, filter: &str, file: &Path) -> anyhow::Result<Capture> {
        let text = file.display().to_string();
        let words = ["tcpdump", "-i", device, "-U", "-s", "0", "-w", &text, filter];
        let mut command = command_in(namespace, &words);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("tcpdump")?;
        let begun = wait::until(Duration::from_secs(10), || async {
            std::fs::metadata(file).is_ok_and(|file| file.len() >= 24).then_some(())
        });
        begun.await.context("tcpdump does not begin")?;
        Ok(Capture { child, file: file.to_owned(), namespace: namespace.to_owned() })
    }

    /// Ends it once there are so many packets, and gives them as tshark reads them: a map of layers each.
    pub async fn packets(mut self, count: usize, words: &[&str]) -> anyhow::Result<Vec<Value>> {
        let file = self.file.display().to_string();
        let base =
            ["tshark", "-r", &file, "-T", "json", "--no-duplicate-keys", "-o", "udp.check_checksum:TRUE"];
        let more = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"];
        let all: Vec<&str> = [&base[..], &more[..], words].concat();
        let read = wait::until(Duration::from_secs(10), || async {
            let text = run_in(&self.namespace, &all).await.ok()?;
            let packets: Vec<Value> = serde_json::from_str(&text).ok()?;
            (packets.len() >= count).then_some(packets)
        });
        let packets = read.await;
        let _ = self.child.kill().await;
        match packets {
            Some(packets) => {
                Ok(packets.into_iter().map(|mut packet| packet["_source"]["layers"].take()).collect())
            }
            None => bail!("fewer than {count} packets: {:?}", run_in(&self.namespace, &all).await),
        }
    }
}

/// All values of a field, wherever it is in the layers.
pub fn values<'a>(layers: &'a Value, field: &str) -> Vec<&'a str> {
    match layers {
        Value::Object(all) => {
            let own = all.get(field).and_then(Value::as_str);
            own.into_iter().chain(all.values().flat_map(|inner| values(inner, field))).collect()
        }
        Value::Array(all) => all.iter().flat_map(|inner| values(inner, field)).collect(),
        _ => Vec::new(),
    }
}
