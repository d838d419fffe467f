//! `neutrino router`: which routers take their place on which hosts, and why; read from the database.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use comfy_table::{ContentArrangement, Table, presets};
use db::Db;
use server::operator::{self, HostShown, RouterShown};

use crate::config::Config;
use crate::serve;

#[derive(Subcommand)]
pub enum RouterCommand {
    /// Lists routers: where they are, whether they are loaded there, and why
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Shows one router
    Show {
        #[arg(value_name = "ID")]
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(command: &RouterCommand, config: Config) -> anyhow::Result<ExitCode> {
    let db = Db::open_existing(config.database.options()).await.context("cannot open the database")?;
    let (routers, json) = match command {
        RouterCommand::List { json } => (operator::routers(&db).await?, *json),
        RouterCommand::Show { id, json } => {
            let parsed = id.parse().with_context(|| format!("'{id}' is not the id of a router"))?;
            let Some(router) = operator::router(&db, parsed).await? else { bail!("there is no router {id}") };
            (vec![router], *json)
        }
    };
    match (json, command) {
        (true, RouterCommand::Show { .. }) => serve::print(serde_json::to_string_pretty(&routers[0])?)?,
        (true, RouterCommand::List { .. }) => serve::print(serde_json::to_string_pretty(&routers)?)?,
        (false, _) => serve::print(table(&routers).to_string())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(routers: &[RouterShown]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header([
        "router",
        "name",
        "project",
        "kind",
        "bare metal",
        "IPv4",
        "IPv6",
        "host",
        "agent",
        "HA state",
        "load",
        "reason",
        "decided",
    ]);
    for router in routers {
        let mut first = vec![
            router.id.clone(),
            router.name.clone(),
            router.project_id.clone(),
            kind(router).to_owned(),
            router.counts.baremetal.to_string(),
            router.counts.ipv4.to_string(),
            router.counts.ipv6.to_string(),
        ];
        if router.hosts.is_empty() {
            table.add_row(first.clone().into_iter().chain(["-"; 6].map(str::to_owned)));
        }
        for host in &router.hosts {
            table.add_row(first.iter().cloned().chain(of_host(host)));
            first.fill(String::new());
        }
    }
    table
}

fn kind(router: &RouterShown) -> &'static str {
    match (router.distributed, router.ha) {
        (false, false) => "legacy",
        (false, true) => "HA",
        (true, false) => "distributed",
        (true, true) => "distributed HA",
    }
}

fn of_host(host: &HostShown) -> [String; 6] {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let load = match &host.failure {
        Some(failure) => format!("failed: {failure}"),
        None => or_dash(&host.load),
    };
    let decided = match &host.decided_reason {
        Some(reason) => format!("{}: {reason}", host.decided),
        None => host.decided.clone(),
    };
    [host.host.clone(), host.agent_mode.clone(), or_dash(&host.state), load, or_dash(&host.reason), decided]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_router_has_a_line_for_each_host() {
        let host = |name: &str, reason: Option<&str>| HostShown {
            host: name.into(),
            agent_mode: "dvr_snat".into(),
            central: true,
            serves: false,
            decided: if reason.is_some() { "loaded" } else { "lazy" }.into(),
            decided_reason: reason.map(str::to_owned),
            load: Some("lazy".into()),
            reason: None,
            failure: None,
            state: Some("standby".into()),
        };
        let router = RouterShown {
            id: "r-1".into(),
            name: "edge".into(),
            project_id: "p".into(),
            distributed: true,
            ha: true,
            counts: Default::default(),
            hosts: vec![host("net-1", Some("snat")), host("net-2", None)],
        };
        let alone = RouterShown { id: "r-2".into(), hosts: vec![], ..router.clone() };
        let shown = table(&[router, alone]).to_string();
        let line = |words: &[&str]| shown.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(line(&["r-1", "edge", "distributed HA", "net-1", "standby", "loaded: snat"]), "{shown}");
        assert!(line(&["net-2", "lazy"]) && line(&["r-2", "-"]), "{shown}");
        assert_eq!(shown.matches("r-1").count(), 1, "{shown}");
    }
}
