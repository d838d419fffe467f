//! Our switch on a host, in this process or as one of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use kernel::conversation::Conversation;
use model::vswitch::{Attachment, Kind, NeighbourShown, Network, Port, Shown, Tunnel, Underlay, Wanted, Way};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use vswitchd::{Answer, Request, Settings};
use wire::Vni;

use super::{Pair, VNI};
use crate::place::run_in;
use crate::program::Program;
use crate::{process, wait};

const START: Duration = Duration::from_secs(30);

/// Where ours runs.
#[derive(Clone, Debug)]
pub enum Runs {
    Here,
    /// Here, with settings; what is a place is not taken from them.
    Set(Box<Settings>),
    /// By this `neutrino`.
    As(PathBuf),
}

/// One switch; dropping it ends it.
pub struct Ours {
    pub socket: PathBuf,
    running: Running,
    threads: Vec<u32>,
}

enum Running {
    Here { stop: watch::Sender<bool>, task: JoinHandle<()> },
    Process(Program),
}

impl Ours {
    pub(super) async fn start(pair: &Pair, at: usize, runs: &Runs) -> anyhow::Result<Ours> {
        let side = &pair.sides[at];
        let folder = pair.place.folder().join(format!("switch-{at}"));
        fs::create_dir_all(&folder)?;
        let ours = Ours::run(&folder, &side.host, runs).await?;
        ours.apply(&wanted(pair, at)).await?;
        Ok(ours)
    }

    /// Runs in a namespace, with its files in a folder; it is what it was there before.
    pub async fn run(folder: &Path, namespace: &Path, runs: &Runs) -> anyhow::Result<Ours> {
        let (socket, state_dir) = (folder.join("socket"), folder.join("state"));
        let set = match runs {
            Runs::Set(settings) => (**settings).clone(),
            Runs::Here | Runs::As(_) => Settings::default(),
        };
        let settings = Settings { socket, state_dir, namespace: Some(namespace.to_owned()), ..set };
        let socket = settings.socket.clone();
        let before = process::threads_of("switch");
        let running = match runs {
            Runs::Here | Runs::Set(_) => {
                let (stop, stopping) = watch::channel(false);
                let task = tokio::spawn(async move {
                    if let Err(error) = vswitchd::run(settings, stopping).await {
                        eprintln!("vswitchd: {error}");
                    }
                });
                Running::Here { stop, task }
            }
            Runs::As(neutrino) => {
                let set = |name: &str, value: &Path| format!("vswitchd.{name}={}", value.display());
                let words = [
                    "--set".to_owned(),
                    set("socket", &settings.socket),
                    "--set".to_owned(),
                    set("state_dir", &settings.state_dir),
                    "--set".to_owned(),
                    set("namespace", namespace),
                    "vswitchd".to_owned(),
                ];
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                Running::Process(Program::start(neutrino, &words, folder.join("log"))?)
            }
        };
        let mut ours = Ours { socket, running, threads: Vec::new() };
        let hears =
            wait::until(START, || async { Conversation::<Request>::open(&ours.socket).await.ok() }).await;
        hears.with_context(|| format!("vswitchd does not hear: {}", ours.said()))?;
        ours.threads = process::threads_of("switch").into_iter().filter(|id| !before.contains(id)).collect();
        Ok(ours)
    }

    /// What a process of its own has said.
    pub fn said(&self) -> String {
        match &self.running {
            Running::Here { .. } => String::new(),
            Running::Process(program) => program.said(),
        }
    }

    pub fn program(&mut self) -> Option<&mut Program> {
        match &mut self.running {
            Running::Here { .. } => None,
            Running::Process(program) => Some(program),
        }
    }

    pub async fn ask(&self, request: Request) -> anyhow::Result<Answer> {
        Ok(Conversation::open(&self.socket).await?.ask(&request).await?)
    }

    /// Is this, once its devices are open.
    pub async fn apply(&self, wanted: &Wanted) -> anyhow::Result<()> {
        self.ask(Request::Apply { wanted: Box::new(wanted.clone()) }).await?;
        self.until_open().await
    }

    pub async fn until_open(&self) -> anyhow::Result<()> {
        let open = wait::until(START, || async {
            let Answer::Shown { devices, .. } = self.ask(Request::Show).await.ok()? else { return None };
            devices.values().all(|device| device.closed.is_none()).then_some(())
        });
        open.await.context("a device stays closed")
    }

    pub async fn shown(&self) -> anyhow::Result<Shown> {
        match self.ask(Request::Show).await? {
            Answer::Shown { shown, .. } => Ok(*shown),
            other => bail!("something else: {other:?}"),
        }
    }

    pub async fn neighbour(&self) -> anyhow::Result<NeighbourShown> {
        self.shown().await?.neighbours.into_iter().next().context("there is no neighbour")
    }

    /// Knows no MAC of the underlay any more, nor does its kernel: what it was, it is anew.
    pub(super) async fn forget(&self, host: &Path) -> anyhow::Result<()> {
        let Answer::Wanted { wanted } = self.ask(Request::Wanted).await? else { bail!("something else") };
        let mut without = (*wanted).clone();
        without.tunnels = BTreeMap::new();
        for network in without.networks.values_mut() {
            network.tunnels = BTreeMap::new();
            network.entries = BTreeMap::new();
        }
        self.apply(&without).await?;
        run_in(host, &["ip", "neigh", "flush", "all"]).await?;
        // The switch is told of that in a moment.
        wait::pause(Duration::from_millis(50)).await;
        self.apply(&wanted).await
    }

    /// Of the thread that moves frames.
    pub fn cpu(&self) -> Duration {
        match &self.running {
            Running::Here { .. } => process::own_threads_cpu_of(&self.threads),
            Running::Process(program) => program.pid().map(process::own_threads_cpu).unwrap_or_default(),
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        if let Running::Here { stop, task } = &self.running {
            // Its threads end by themselves when they are told; a task alone can be cut off.
            stop.send_replace(true);
            let _ = task;
        }
    }
}

/// One network, in one tunnel to the other side.
pub fn wanted(pair: &Pair, at: usize) -> Wanted {
    let side = &pair.sides[at];
    let vni = Vni::new(VNI).expect("a small number");
    let tunnels = BTreeMap::from([("there".to_owned(), Attachment { vni, flood: true })]);
    Wanted {
        ports: [(side.port.to_owned(), Port { network: "net".to_owned(), way: Way::Packet })].into(),
        underlays: [(side.underlay.to_owned(), Underlay::default())].into(),
        networks: [("net".to_owned(), Network { tunnels, ..Network::default() })].into(),
        tunnels: [("there".to_owned(), tunnel(pair.lay.tunnel, side.ip, side.remote))].into(),
    }
}

/// A tunnel as anybody would write it.
pub fn tunnel(kind: Kind, local: std::net::IpAddr, remote: std::net::IpAddr) -> Tunnel {
    let text = serde_json::json!({ "type": kind, "local": local, "remote": remote, "flow_id": false });
    serde_json::from_value(text).expect("what is left out has defaults")
}
