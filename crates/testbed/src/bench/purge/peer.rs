//! One command per pair, as the usual agent does, and one per address: some of them, to say what one costs.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use kernel::netns;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use testbed::wait;

use super::field::Field;
use crate::process;

/// Commands of a sample.
const SAMPLE: usize = 3;
/// Between two looks at a command's memory.
const PAUSE: Duration = Duration::from_millis(1);

/// What one command takes.
#[derive(Clone, Copy)]
pub struct Taken {
    pub cpu: Duration,
    pub wall: Duration,
    pub peak_kib: u64,
}

/// A command that deletes what one peer has with one address.
pub async fn per_pair(field: &Field) -> anyhow::Result<Taken> {
    sample(field, |at| vec!["-s".to_owned(), Field::peer(at).to_string()]).await
}

/// The same with all peers of the address.
pub async fn per_address(field: &Field) -> anyhow::Result<Taken> {
    sample(field, |_| Vec::new()).await
}

async fn sample(field: &Field, more: impl Fn(usize) -> Vec<String>) -> anyhow::Result<Taken> {
    let (before, begun) = (children()?, Instant::now());
    let mut peak_kib = 0;
    for at in 0..SAMPLE {
        let (address, zone) = (Field::address(at).to_string(), Field::zone(at).to_string());
        let mut command = Command::new("conntrack");
        command.args(["-D", "-f", "ipv4", "-d", &address, "-w", &zone]).args(more(at));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = netns::within(field.namespace(), || command.spawn())?;
        let mut child = child.context("conntrack is not installed: see scripts/install-packages bench")?;
        let status = loop {
            peak_kib = peak_kib.max(process::peak_kib(child.id()));
            match child.try_wait()? {
                Some(status) => break status,
                None => wait::pause(PAUSE).await,
            }
        };
        anyhow::ensure!(status.success(), "{command:?}: {status}");
    }
    let (cpu, wall) = (children()?.saturating_sub(before), begun.elapsed());
    Ok(Taken { cpu: cpu / SAMPLE as u32, wall: wall / SAMPLE as u32, peak_kib })
}

/// CPU time of all commands that have ended.
fn children() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(us as u64))
}
