//! What it costs to guard: the same requests of an administrator, whom the rules let pass at once, and
//! of a member, whose every attribute they judge.
//!
//! Headers say who asks, which no configuration allows: the server runs in this process, on threads of
//! its own, whose CPU time is told.

use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context;
use bus::Bus;
use serde_json::json;
use server::{AuthSettings, Settings};
use testbed::demo::show::working;
use testbed::{Client, Lone};
use tokio::sync::oneshot;

use crate::api::{self, Work};
use crate::load::{self, Cpu, Job, Load, Measured, Target};
use crate::{server as ours, show};

/// Threads of the server.
const THREADS: &str = "bench-server";
const REQUESTS: usize = 2000;
const LISTS: usize = 100;
const CLIENTS: usize = 16;
const PROJECT: &str = "bench";

/// A server on threads of its own; dropping it ends them.
struct Apart {
    client: Client,
    _end: oneshot::Sender<()>,
}

impl Apart {
    fn start() -> anyhow::Result<Apart> {
        let (end, ended) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let settings =
            Settings { auth: AuthSettings::Trusting, quotas: ours::no_quotas(), ..Settings::default() };
        let serve = async move {
            let lone = Lone::start(settings, Bus::in_process()).await;
            let client = lone.as_ref().map(|lone| lone.client.clone()).map_err(|error| format!("{error:#}"));
            let _ = tell.send(client);
            let _ = ended.await;
        };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().thread_name(THREADS).enable_all().build()?;
        std::thread::Builder::new().name(THREADS.to_owned()).spawn(move || runtime.block_on(serve))?;
        let client = told.recv().context("the server's thread ended")?;
        Ok(Apart { client: client.map_err(anyhow::Error::msg)?, _end: end })
    }

    fn asked_by(&self, role: &str) -> Target {
        let headers = [("X-User-Id", "someone"), ("X-Project-Id", PROJECT), ("X-Roles", role)]
            .map(|(name, value)| (name, value.to_owned()));
        Target {
            clients: vec![self.client.clone()],
            headers: headers.into(),
            cpu: Cpu::Threads(THREADS),
            database: None,
        }
    }
}

pub async fn run() -> anyhow::Result<()> {
    let server = tokio::task::spawn_blocking(Apart::start).await??;
    let (admin, member) = (server.asked_by("admin,member,reader"), server.asked_by("member,reader"));
    let listed = api::large_network(&member, "10.64.0.0/16").await?;
    let large = api::large_network(&member, "10.65.0.0/16").await?;
    let ports = working("1,000 ports to list", api::fill(&member, &listed)).await?;
    let mut table = show::table(&[
        "who may do what, on SQLite",
        "clients",
        "n",
        "admin CPU ms/req",
        "member CPU ms/req",
        "guard CPU ms",
        "member/admin",
    ]);
    for work in [Work::CreatePort, Work::ShowPort, Work::ListPorts] {
        let job = |at: usize| match work {
            Work::ListPorts => Job::get(format!("/v2.0/ports?network_id={listed}&limit={}", api::PAGE)),
            Work::ShowPort => Job::get(format!("/v2.0/ports/{}", ports[at * 7919 % ports.len()])),
            _ => Job::post("/v2.0/ports", &json!({ "port": { "network_id": large } })),
        };
        let count = if work == Work::ListPorts { LISTS } else { REQUESTS };
        let jobs: Vec<Job> = (0..count).map(job).collect();
        let what = format!("{} as admin and as member", work.name());
        let (by_admin, by_member) = working(&what, both(&admin, &member, &jobs)).await?;
        let (least, cpu) = (by_admin.cpu_ms(), by_member.cpu_ms());
        table.add_row([
            work.name().to_owned(),
            CLIENTS.to_string(),
            by_member.count.to_string(),
            format!("{least:.3}"),
            format!("{cpu:.3}"),
            format!("{:.3}", cpu - least),
            format!("{:.2}", cpu / least),
        ]);
    }
    println!("{table}");
    println!(
        "guard: what a member's request costs more than an administrator's, in the same run, taking turns. \
         CPU is that of the server's threads in this process."
    );
    Ok(())
}

/// In turns, so that what else the machine does meets both.
async fn both(admin: &Target, member: &Target, jobs: &[Job]) -> anyhow::Result<(Measured, Measured)> {
    let load = Load { clients: CLIENTS, limit: Duration::from_secs(20), keep: false };
    let (mut first, mut second) = (Measured::default(), Measured::default());
    for part in jobs.chunks(jobs.len().div_ceil(4)) {
        for (target, sum) in [(admin, &mut first), (member, &mut second)] {
            let measured = load::run(target, part.to_vec(), load).await?;
            sum.count += measured.count;
            sum.cpu += measured.cpu;
        }
    }
    Ok((first, second))
}
