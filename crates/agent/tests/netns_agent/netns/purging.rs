//! A ctpurge that works beside an agent, in the test's own process.

use std::path::PathBuf;

use agent::ctpurge::Settings;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::netns::place::Place;

pub struct Purging {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), agent::ctpurge::CtpurgeError>>,
}

/// Forgets connections of host one.
pub fn purging(place: &Place) -> Purging {
    purging_at(place, place.path("one"))
}

/// By another name of the host's namespace.
pub fn purging_at(place: &Place, namespace: PathBuf) -> Purging {
    purging_few(place, namespace, Settings::default().max_waiting_jobs)
}

/// Takes so many jobs at a time.
pub fn purging_few(place: &Place, namespace: PathBuf, max_waiting_jobs: usize) -> Purging {
    let namespace = Some(namespace);
    purging_with(place, Settings { namespace, max_waiting_jobs, ..Settings::default() })
}

/// Of host one, and otherwise as said.
pub fn purging_with(place: &Place, settings: Settings) -> Purging {
    let config = place.config("one");
    let settings = Settings {
        socket: config.ctpurge_socket.clone(),
        state_dir: place.path("purged"),
        namespace: settings.namespace.or_else(|| Some(place.path("one"))),
        netns_dir: config.netns_dir.clone(),
        ..settings
    };
    let (stop, stopped) = watch::channel(false);
    Purging { stop, task: tokio::spawn(agent::ctpurge::run(settings, stopped)) }
}

impl Purging {
    pub async fn stop(self) {
        self.stop.send(true).expect("ctpurge runs");
        self.task.await.expect("ctpurge does not panic").expect("ctpurge works");
    }
}
