//! Round trips over the bus: over NATS and within a process, beside a bare request and reply of NATS.
//!
//! A host asks what changed for it, and is told that nothing did: no server, no database.

use std::time::{Duration, Instant};

use anyhow::Context;
use async_nats::{Client, ConnectOptions};
use bus::Bus;
use futures_util::StreamExt;
use model::subject::{self, Word};
use model::sync::{No, SyncAnswer, SyncAsk};
use testbed::demo::show::working;
use testbed::nats::{NatsPlan, NatsServer, SERVER};
use testbed::wait;
use tokio::task::JoinSet;

use crate::{process, show};

const HOST: &str = "host-1";
const ROUNDS: usize = 20_000;
const IN_FLIGHT: [usize; 2] = [1, 64];
const START: Duration = Duration::from_secs(20);
/// Bare round trips in a second, one after the other, as they were measured on other machines.
const STORED: &str = "9,000-16,000";

/// What some round trips took.
struct Sample {
    wall: Duration,
    /// Of both ends, which are in this process.
    ends: Duration,
    nats: Duration,
}

impl Sample {
    fn per_second(&self) -> f64 {
        ROUNDS as f64 / self.wall.as_secs_f64().max(1e-9)
    }

    fn cpu_us(&self) -> f64 {
        (self.ends + self.nats).as_secs_f64() * 1e6 / ROUNDS as f64
    }
}

pub async fn run() -> anyhow::Result<()> {
    let nats = NatsServer::start(NatsPlan::of_hosts([HOST])).await?;
    let (mut bare, mut ours, mut inside) = (Vec::new(), Vec::new(), Vec::new());
    for in_flight in IN_FLIGHT {
        bare.push(working("bare round trips", bare_trips(&nats, in_flight)).await?);
        let (server, host) = (nats.server_bus()?, nats.host_bus(HOST)?);
        ours.push(working("round trips over NATS", our_trips(server, host, nats.pid(), in_flight)).await?);
        let bus = Bus::in_process();
        let trips = our_trips(bus.clone(), bus, None, in_flight);
        inside.push(working("round trips within the process", trips).await?);
    }
    let mut table = show::table(&[
        "round trips",
        "in flight",
        "n",
        "per second",
        "stored/s",
        "CPU us",
        "of it nats-server",
        "CPU ours/floor",
        "per second ours/floor",
    ]);
    for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
        let rows = [
            ("async-nats alone: the floor", &bare[at]),
            ("Bus::ask over NATS", &ours[at]),
            ("Bus::ask within a process", &inside[at]),
        ];
        for (what, sample) in rows {
            let is_floor = std::ptr::eq(sample, &raw const bare[at]);
            table.add_row([
                what.to_owned(),
                in_flight.to_string(),
                ROUNDS.to_string(),
                format!("{:.0}", sample.per_second()),
                if is_floor && in_flight == 1 { STORED.to_owned() } else { String::new() },
                format!("{:.1}", sample.cpu_us()),
                format!("{:.1}", sample.nats.as_secs_f64() * 1e6 / ROUNDS as f64),
                format!("{:.2}", sample.cpu_us() / bare[at].cpu_us()),
                format!("{:.2}", sample.per_second() / bare[at].per_second()),
            ]);
        }
    }
    println!("{table}");
    println!(
        "The same question and answer as bytes in all rows; a round trip over NATS is four messages (two to \
         nats-server, two from it). CPU: both ends, which are this process, and nats-server. stored: not \
         measured in this run."
    );
    Ok(())
}

fn question() -> SyncAsk {
    SyncAsk { since: Some(1), epoch: "of a database".to_owned(), ..SyncAsk::all(HOST) }
}

fn answer() -> Result<SyncAnswer, No> {
    Ok(SyncAnswer {
        kinds: model::sync::words(),
        revision: 1,
        epoch: "of a database".to_owned(),
        full: false,
        parts: vec![],
        untold: vec![],
        next: None,
        skipped: vec![],
    })
}

/// A login's connection without us between.
async fn connect(nats: &NatsServer, name: &str, inbox: &str) -> anyhow::Result<Client> {
    let options = nats.options(name);
    let password = std::fs::read_to_string(options.password_file.context("logins have passwords")?)?;
    let login = ConnectOptions::with_user_and_password(name.to_owned(), password.trim().to_owned());
    Ok(login.custom_inbox_prefix(inbox).connect(nats.url()).await?)
}

async fn bare_trips(nats: &NatsServer, in_flight: usize) -> anyhow::Result<Sample> {
    let inbox = subject::inbox(HOST).context("a host may be called so")?;
    let (server, host) = (connect(nats, SERVER, "_INBOX").await?, connect(nats, HOST, &inbox).await?);
    let subject = Word::Sync.of(HOST).context("a host may be called so")?;
    let mut requests = server.queue_subscribe(Word::Sync.of_all(), "servers".to_owned()).await?;
    server.flush().await?;
    let (ask, reply) = (serde_json::to_vec(&question())?, serde_json::to_vec(&answer())?);
    let answers = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let Some(to) = request.reply else { continue };
            if server.publish(to, reply.clone().into()).await.is_err() {
                return;
            }
        }
    });
    let trip = move || {
        let (host, subject, ask) = (host.clone(), subject.clone(), ask.clone());
        async move { host.request(subject, ask.into()).await.map(drop).map_err(anyhow::Error::from) }
    };
    let sample = trips(trip, nats.pid(), in_flight).await;
    answers.abort();
    sample
}

async fn our_trips(server: Bus, host: Bus, nats: Option<u32>, in_flight: usize) -> anyhow::Result<Sample> {
    let mut requests = server.serve(Word::Sync);
    let answers = tokio::spawn(async move {
        while let Some(request) = requests.recv().await {
            let read = request.parse::<SyncAsk>();
            let no = |error: serde_json::Error| No::Refused { reason: error.to_string() };
            request.answer(&read.map_err(no).and_then(|_| answer())).await;
        }
    });
    let trip = move || {
        let host = host.clone();
        async move {
            let told: SyncAnswer = host.ask(Word::Sync, HOST, &question()).await?;
            anyhow::ensure!(told.revision == 1, "another answer");
            Ok(())
        }
    };
    let served = wait::until(START, || async { trip().await.ok() }).await;
    served.context("nobody answers")?;
    let sample = trips(trip, nats, in_flight).await;
    answers.abort();
    sample
}

/// As many as [`ROUNDS`], with some under way at any time.
async fn trips<F>(
    trip: impl Fn() -> F + Clone + Send + 'static,
    nats: Option<u32>,
    in_flight: usize,
) -> anyhow::Result<Sample>
where
    F: Future<Output = anyhow::Result<()>> + Send,
{
    let used = || (process::own_cpu(), nats.map(|pid| process::cpu(&[pid])).unwrap_or_default());
    let (before, start) = (used(), Instant::now());
    let mut running = JoinSet::new();
    for at in 0..in_flight {
        let (trip, share) = (trip.clone(), (at..ROUNDS).step_by(in_flight));
        running.spawn(async move {
            for _ in share {
                trip().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = running.join_next().await {
        done.context("an asker panicked")??;
    }
    let (wall, after) = (start.elapsed(), used());
    Ok(Sample { wall, ends: after.0.saturating_sub(before.0), nats: after.1.saturating_sub(before.1) })
}
