//! Which switches are measured, and why others are not: who fails is left out from then on, and the rest goes on.

use std::time::Duration;

use anyhow::Context;
use testbed::switched::{Kind, Ovs, Runs};

/// For a peer that is there to carry its first frame.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Peers {
    /// In the order of the tables; a word to those that are left out.
    all: Vec<(Kind, Option<String>)>,
}

impl Peers {
    pub async fn here(runs: &Runs) -> Peers {
        let order = [Kind::Ours, Kind::Ovs, Kind::OvsXdp, Kind::OvsDpdk, Kind::Kernel];
        let mut all = Vec::new();
        for kind in order {
            all.push((kind, why_not(kind, runs).await));
        }
        Peers { all }
    }

    /// Those that run.
    pub fn kinds(&self) -> Vec<Kind> {
        self.all.iter().filter(|(_, why)| why.is_none()).map(|(kind, _)| *kind).collect()
    }

    /// Those that do not, and why.
    pub fn absent(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.all.iter().filter_map(|(kind, why)| Some((*kind, why.as_deref()?)))
    }

    /// What was measured; nothing of a peer that failed meanwhile. Without ours there is nothing to measure.
    pub fn unless_it_failed<T>(
        &mut self,
        kind: Kind,
        measured: anyhow::Result<T>,
    ) -> anyhow::Result<Option<T>> {
        match measured {
            Ok(measured) => Ok(Some(measured)),
            Err(error) if kind == Kind::Ours => Err(error),
            Err(error) => {
                eprintln!("{kind:?} failed: {error:#}");
                if let Some((_, why)) = self.all.iter_mut().find(|(other, _)| *other == kind) {
                    *why = Some(format!("failed while it was measured: {error:#}"));
                }
                Ok(None)
            }
        }
    }
}

async fn why_not(kind: Kind, runs: &Runs) -> Option<String> {
    match kind {
        Kind::Ours | Kind::Kernel | Kind::Bare => return None,
        Kind::Ovs | Kind::OvsXdp if !Ovs::is_installed() => {
            return Some("is not installed: scripts/install-packages bench".to_owned());
        }
        Kind::OvsDpdk if !Ovs::has_dpdk() => {
            let packages = "openvswitch-switch-dpdk librte-net-af-packet23 librte-mempool-ring23";
            return Some(format!("is not installed: {packages}"));
        }
        Kind::Ovs | Kind::OvsXdp | Kind::OvsDpdk => {}
    }
    let connected = async { super::pair([kind, Kind::Kernel], runs).await?.until_connected().await };
    let outcome = tokio::time::timeout(PATIENCE, connected).await;
    let failed = outcome.context("carries nothing").flatten().err()?;
    Some(format!("does not run here: {failed:#}"))
}
