//! One command per pair, as the usual agent does, and one per address: some of them, to say what one costs.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use kernel::netns;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::field::Field;

/// Commands of a sample.
const SAMPLE: usize = 3;

/// CPU time of a command that deletes what one peer has with one address.
pub fn per_pair(field: &Field) -> anyhow::Result<Duration> {
    sample(field, |at| vec!["-s".to_owned(), Field::peer(at).to_string()])
}

/// The same with all peers of the address.
pub fn per_address(field: &Field) -> anyhow::Result<Duration> {
    sample(field, |_| Vec::new())
}

fn sample(field: &Field, more: impl Fn(usize) -> Vec<String> + Sync) -> anyhow::Result<Duration> {
    let run = || -> anyhow::Result<()> {
        for at in 0..SAMPLE {
            let (address, zone) = (Field::address(at).to_string(), Field::zone(at).to_string());
            let mut command = Command::new("conntrack");
            command.args(["-D", "-f", "ipv4", "-d", &address, "-w", &zone]).args(more(at));
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            let status = status.context("conntrack is not installed: see scripts/install-packages bench")?;
            anyhow::ensure!(status.success(), "{command:?}: {status}");
        }
        Ok(())
    };
    let before = children()?;
    netns::within(&field.namespace(), run)??;
    Ok(children()?.saturating_sub(before) / SAMPLE as u32)
}

/// CPU time of all commands that have ended.
fn children() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(us as u64))
}
