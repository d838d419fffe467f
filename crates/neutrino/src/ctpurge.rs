//! Running ctpurge, and what operators ask of it.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use agent::ctpurge::{self, Conversation, Settings};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ipnet::IpNet;
use model::purge::{
    Addresses, Answer, Began, Job, JobId, JobShown, Outcome, Pairs, Peers, Place, Ports, Reason, Request,
    Service, State, Stats, What,
};

use crate::serve;

#[derive(Subcommand)]
pub enum ConntrackCommand {
    /// Lists jobs: those that wait, run, or ended lately
    Jobs {
        /// The most to show; the newest
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Forgets connections of this host
    Purge(PurgeArgs),
    /// Shows what ctpurge has done, what it costs, and what this kernel can
    Stats {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct PurgeArgs {
    /// Addresses or prefixes whose connections go; may repeat
    #[arg(long, value_name = "ADDRESS,...", value_delimiter = ',', required_unless_present = "all_of_zone")]
    removed: Vec<String>,
    /// Only connections with these; any, if not given
    #[arg(long, value_name = "ADDRESS,...", value_delimiter = ',', requires = "removed")]
    peer: Vec<String>,
    /// Only in this zone
    #[arg(long, value_name = "ZONE", requires = "removed")]
    zone: Option<u16>,
    /// Everything of a zone instead
    #[arg(long, value_name = "ZONE", conflicts_with = "removed")]
    all_of_zone: Option<u16>,
    /// In the namespace of a router, such as qrouter-ID, instead of the host's own
    #[arg(long, value_name = "NAME")]
    netns: Option<String>,
    /// Only of this protocol: tcp, udp, sctp, icmp, icmpv6, or a number
    #[arg(long, value_name = "PROTOCOL", requires = "removed")]
    protocol: Option<String>,
    /// Only to this port, or ports FROM:TO, of who was called
    #[arg(long, value_name = "PORTS", requires = "protocol")]
    ports: Option<String>,
    /// Only those that one side began
    #[arg(long, value_enum, default_value_t = Side::Either)]
    began: Side,
    /// Ends once the job is taken, instead of once it is done
    #[arg(long)]
    no_wait: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Side {
    Removed,
    Peer,
    Either,
}

/// Runs the process until it is told to end.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    kernel_limit(&settings)?;
    let stays = "jobs that have not ended are done after the next start";
    serve::until_told("ctpurge", stays, |stopping| ctpurge::run(settings, stopping)).await
}

fn kernel_limit(settings: &Settings) -> anyhow::Result<()> {
    ctpurge::limit_memory(settings).context("cannot limit the memory of this process")
}

pub async fn run(command: &ConntrackCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    let mut ctpurge = Conversation::open(&settings.socket).await?;
    match command {
        ConntrackCommand::Jobs { limit, json } => {
            let Answer::Jobs { jobs, more } = ctpurge.ask(&Request::Jobs { limit: *limit }).await? else {
                bail!("ctpurge answered something else");
            };
            if *json {
                serve::print(serde_json::to_string_pretty(&jobs)?)?;
            } else {
                let before = if more > 0 { format!("\nand {more} before them") } else { String::new() };
                serve::print(format!("{}{before}", table_of(&jobs)))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        ConntrackCommand::Stats { json } => {
            let Answer::Stats { stats } = ctpurge.ask(&Request::Stats).await? else {
                bail!("ctpurge answered something else");
            };
            serve::print(match json {
                true => serde_json::to_string_pretty(&stats)?,
                false => table_of_stats(&stats)?.to_string(),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        ConntrackCommand::Purge(asked) => purge(&mut ctpurge, asked, &settings.socket).await,
    }
}

async fn purge(ctpurge: &mut Conversation, asked: &PurgeArgs, socket: &Path) -> anyhow::Result<ExitCode> {
    let job = asked.job()?;
    job.check()?;
    let id = job.id;
    let Answer::Submitted { outcomes } = ctpurge.ask(&Request::Submit { jobs: vec![job] }).await? else {
        bail!("ctpurge answered something else");
    };
    if let Some(refused) = outcomes.into_iter().flatten().next() {
        bail!("ctpurge refused: {}", refused.message);
    }
    if asked.no_wait {
        println!("{id}");
        return Ok(ExitCode::SUCCESS);
    }
    match wait(ctpurge, id, socket).await? {
        State::Done(outcome) => {
            println!("{}", told(&outcome));
            Ok(ExitCode::SUCCESS)
        }
        State::Failed { reason, outcome } => {
            eprintln!("neutrino: the job failed: {reason} ({})", told(&outcome));
            Ok(ExitCode::FAILURE)
        }
        State::Waiting | State::Running(_) => bail!("the job {id} is still there"),
    }
}

/// Shows how far the job is until it has ended.
async fn wait(ctpurge: &mut Conversation, id: JobId, socket: &Path) -> anyhow::Result<State> {
    let bar = ProgressBar::new_spinner();
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.set_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}")?);
    let mut pause = Duration::from_millis(5);
    loop {
        let Answer::Job { job } = ctpurge.ask(&Request::Job { id }).await? else {
            bail!("ctpurge at {} answered something else", socket.display());
        };
        let Some(job) = job else { bail!("ctpurge knows nothing of the job {id} any more") };
        if job.state.has_ended() {
            bar.finish_and_clear();
            return Ok(job.state);
        }
        bar.set_message(of_state(&job.state));
        bar.tick();
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

impl PurgeArgs {
    fn job(&self) -> anyhow::Result<Job> {
        let place = self.netns.clone().map_or(Place::Host, Place::Netns);
        let what = match self.all_of_zone {
            Some(zone) => What::Zone(zone),
            None => What::Pairs(Pairs {
                zone: self.zone,
                removed: addresses(&self.removed)?,
                peers: if self.peer.is_empty() { Peers::Any } else { Peers::Of(addresses(&self.peer)?) },
                service: self.service()?,
                began: match self.began {
                    Side::Removed => Began::Removed,
                    Side::Peer => Began::Peer,
                    Side::Either => Began::Either,
                },
            }),
        };
        Ok(Job { id: JobId(uuid::Uuid::new_v4()), reason: Reason::Operator, place, what })
    }

    fn service(&self) -> anyhow::Result<Option<Service>> {
        const NAMES: [(&str, u8); 5] = [("tcp", 6), ("udp", 17), ("sctp", 132), ("icmp", 1), ("icmpv6", 58)];
        let Some(protocol) = &self.protocol else { return Ok(None) };
        let named = NAMES.iter().find(|(name, _)| name == protocol).map(|(_, number)| *number);
        let number = match named {
            Some(number) => number,
            None => match protocol.parse() {
                Ok(number) => number,
                Err(_) => {
                    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                    bail!("'{protocol}' is not a protocol: give {}, or 0 to 255", names.join(", "))
                }
            },
        };
        let ports = match &self.ports {
            None => None,
            Some(text) => {
                let (from, to) = text.split_once(':').unwrap_or((text, text));
                let port = |text: &str| text.parse().with_context(|| format!("'{text}' is not a port"));
                Some(Ports { from: port(from)?, to: port(to)? })
            }
        };
        Ok(Some(Service { ports, ..Service::all_of(number) }))
    }
}

fn addresses(texts: &[String]) -> anyhow::Result<Addresses> {
    let net = |text: &String| match text.parse::<std::net::IpAddr>() {
        Ok(address) => Ok(IpNet::from(address)),
        Err(_) => text.parse::<IpNet>().with_context(|| format!("'{text}' is not an address or prefix")),
    };
    texts.iter().map(net).collect()
}

fn told(outcome: &Outcome) -> String {
    let took = format!("in {:.2} s", outcome.took_ms as f64 / 1000.0);
    match (outcome.place_gone, outcome.gone) {
        (true, _) => "the namespace is gone, and its connections with it".to_owned(),
        (false, 0) => format!("{} deleted {took}", outcome.deleted),
        (false, gone) => format!("{} deleted, {gone} went by themselves, {took}", outcome.deleted),
    }
}

fn of_state(state: &State) -> String {
    match state {
        State::Waiting => "waiting".to_owned(),
        State::Running(progress) => {
            let share = (progress.walked * 100).checked_div(progress.entries).unwrap_or(0).min(100);
            let (done, all) = (progress.batches_done, progress.batches);
            format!("batch {} of {all}, {share} % walked, {} deleted", (done + 1).min(all), progress.deleted)
        }
        State::Done(outcome) => told(outcome),
        State::Failed { reason, outcome } => format!("failed: {reason} ({})", told(outcome)),
    }
}

fn plain(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table
}

fn table_of(jobs: &[JobShown]) -> Table {
    let mut table = plain(&["job", "reason", "where", "what", "state", ""]);
    for job in jobs {
        table.add_row([
            job.id.to_string(),
            job.reason.name().to_owned(),
            job.place.to_string(),
            job.what.clone(),
            job.state.name().to_owned(),
            of_state(&job.state),
        ]);
    }
    table
}

/// Every figure by its name in JSON, so that none is forgotten here.
fn table_of_stats(stats: &Stats) -> anyhow::Result<Table> {
    let mut table = plain(&["what", "how much"]);
    let serde_json::Value::Object(all) = serde_json::to_value(stats)? else { bail!("stats are not a table") };
    for (name, value) in all {
        match value {
            serde_json::Value::Object(inner) => {
                for (inner, value) in inner {
                    let name = if name == "counters" { inner } else { format!("{name}.{inner}") };
                    table.add_row([name, value.to_string()]);
                }
            }
            value => drop(table.add_row([name, value.to_string()])),
        }
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        purge: PurgeArgs,
    }

    fn job(line: &str) -> anyhow::Result<Job> {
        let job = Line::try_parse_from(std::iter::once("purge").chain(line.split(' ')))?.purge.job()?;
        job.check()?;
        Ok(job)
    }

    #[test]
    fn what_is_asked_for_is_in_the_job() {
        let job = job(
            "--removed 10.0.0.1,10.1.0.0/24 --peer 10.2.0.1 --zone 5 --protocol tcp --ports 80:90 --began peer",
        );
        let What::Pairs(pairs) = job.expect("good").what else { panic!("not pairs") };
        assert_eq!((pairs.zone, pairs.removed.len(), pairs.began), (Some(5), 2, Began::Peer));
        let service = pairs.service.expect("given");
        assert_eq!((service.protocol, service.ports), (6, Some(Ports { from: 80, to: 90 })));
        assert_eq!(self::job("--all-of-zone 7").expect("good").what, What::Zone(7));
    }

    #[test]
    fn mistakes_are_told() {
        for (line, word) in [
            ("--zone 5", "--removed"),
            ("--removed 10.0.0.300", "not an address"),
            ("--removed 10.0.0.1 --protocol tpc", "not a protocol"),
            ("--removed 10.0.0.1 --ports 80", "--protocol"),
            ("--removed 10.0.0.1 --protocol tcp --ports x", "not a port"),
            ("--removed 10.0.0.1 --all-of-zone 5", "cannot be used"),
            ("--removed 0.0.0.0/0", "all addresses"),
            ("--all-of-zone 0", "host's own"),
            ("--removed 10.0.0.1 --netns init", "qrouter-ID"),
        ] {
            let error = format!("{:#}", job(line).expect_err(line));
            assert!(error.contains(word), "{line}: '{error}' should say '{word}'");
        }
    }

    #[test]
    fn progress_is_in_words() {
        let running = State::Running(model::purge::Progress {
            batches_done: 1,
            batches: 4,
            walked: 50,
            entries: 200,
            deleted: 7,
        });
        assert_eq!(of_state(&running), "batch 2 of 4, 25 % walked, 7 deleted");
        let outcome = Outcome { deleted: 9, gone: 2, took_ms: 1500, place_gone: false };
        assert_eq!(told(&outcome), "9 deleted, 2 went by themselves, in 1.50 s");
        let stats = table_of_stats(&Stats::default()).expect("a table").to_string();
        assert!(stats.contains("whole_walks") && stats.contains("abilities.zone_flush"), "{stats}");
    }
}
