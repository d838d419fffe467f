//! The bus that the configuration names, and what nats-server has to be told.

use anyhow::{Context, bail};
use bus::nats::permissions::{Account, Login, Permissions, authorization};
use bus::{Bus, Nats};

use crate::config::{BusKind, BusSection};

/// The bus of this process; `host` is whose agent runs in it.
pub fn open(section: &BusSection, host: Option<&str>) -> anyhow::Result<Bus> {
    match section.kind {
        BusKind::InProcess => Ok(Bus::in_process()),
        BusKind::Nats => {
            let nats = Nats::start(section.nats.clone(), host).context("in [bus.nats]")?;
            Ok(Bus::new(nats))
        }
    }
}

pub fn nats_config(servers: &[String], hosts: &[String], certificates: bool) -> anyhow::Result<String> {
    let login = if certificates { Login::Certificate } else { Login::Password };
    let parse = |name: &String| {
        let account = Account::parse(name.trim(), login.clone());
        account.with_context(|| format!("nothing can be called '{name}'"))
    };
    let all = |names: &[String]| names.iter().map(parse).collect::<anyhow::Result<Vec<Account>>>();
    Ok(authorization(&all(servers)?, &all(hosts)?))
}

pub fn permissions(host: Option<&str>) -> anyhow::Result<String> {
    let permissions = match host {
        Some(host) => Permissions::of_host(host),
        None => Some(Permissions::of_server()),
    };
    match (permissions, host) {
        (Some(permissions), _) => Ok(permissions.to_string()),
        (None, host) => bail!("no host can be called '{}'", host.unwrap_or_default()),
    }
}
