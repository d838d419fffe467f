//! What `neutrino demo` shows: a cloud of three hosts, and that it works.
//!
//! ```text
//! steps    instances that are wired, and what they may send
//! routers  routers that sleep while the network node has nothing to carry for them
//! groups   who may call whom, and that it counts at once
//! purge    many connections that are forgotten while others are wired
//! software what reaches isolated networks, by apt-get and by orders
//! switch   first packets by two virtual switches
//! show     progress and the table
//! ```

mod groups;
mod purge;
mod routers;
pub mod show;
mod software;
mod steps;
mod switch;

use std::fs;
use std::net::SocketAddr;

use anyhow::Context;
use model::desired::L3Mode;
use tokio::signal::unix::{SignalKind, signal};

use crate::cloud::{Cloud, Plan};

/// Hosts of the demo's cloud.
const HOSTS: usize = 3;

/// Builds the cloud, shows it, and stays until Ctrl-C unless `once`; true when all was shown. Programs of
/// hosts are this one.
pub async fn run(bind: SocketAddr, once: bool) -> anyhow::Result<bool> {
    let mut table = show::Table::default();
    let cloud = tokio::select! {
        cloud = show::working("building three hosts, a server and agents", Cloud::start(plan(bind)?)) => cloud?,
        () = interrupted() => return Ok(false),
    };
    let passed = tokio::select! {
        passed = shown(&cloud, &mut table) => passed,
        () = interrupted() => false,
    };
    println!("\n{}", table.text());
    if !once {
        configure(&cloud)?;
        println!("{}", talk_to_it(&cloud));
        interrupted().await;
    }
    show::working("taking the cloud down", cloud.stop()).await?;
    Ok(passed)
}

async fn shown(cloud: &Cloud, table: &mut show::Table) -> bool {
    let wired = steps::all(cloud, table).await;
    let routed = routers::all(cloud, table).await;
    let grouped = groups::all(cloud, table).await;
    let installed = software::all(cloud, table).await;
    switch::all(table).await && installed && grouped && wired && routed
}

/// Two compute hosts that route for their instances, and a network node.
fn plan(bind: SocketAddr) -> anyhow::Result<Plan> {
    Ok(Plan {
        bind,
        physical_networks: vec!["public".into()],
        l3: vec![Some(L3Mode::Dvr), Some(L3Mode::Dvr), Some(L3Mode::DvrSnat)],
        ctpurge: Some(std::env::current_exe()?),
        software: Some(std::env::current_exe()?),
        ..Plan::new("demo", HOSTS)
    })
}

async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// The configuration by which commands that read the database find it.
fn configure(cloud: &Cloud) -> anyhow::Result<()> {
    let text = format!("[database]\npath = {:?}\n", cloud.database());
    fs::write(cloud.place.folder().join("server.toml"), text).context("cannot write what commands are told")
}

fn talk_to_it(cloud: &Cloud) -> String {
    let base = cloud.client.base();
    let folder = cloud.place.folder().display();
    format!(
        "The cloud stays up until Ctrl-C. Talk to it:\n\n\
         \x20   export OS_AUTH_TYPE=none OS_ENDPOINT={base}\n\
         \x20   openstack network list\n\
         \x20   openstack port list --long\n\
         \x20   curl {base}/openapi.json\n\n\
         Look into an instance or a host:\n\n\
         \x20   nsenter --net={folder}/blue-1 ip address\n\
         \x20   nsenter --net={folder}/host-1 bridge fdb show\n\n\
         Ask which routers are where, and the ctpurge of a host:\n\n\
         \x20   neutrino --config {folder}/server.toml router list\n\
         \x20   neutrino --config {folder}/host-1.toml conntrack jobs\n"
    )
}
