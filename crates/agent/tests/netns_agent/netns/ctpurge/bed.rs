//! A ctpurge with tables of its own: the host's namespace, and those of routers.

use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use agent::ctpurge::{CtpurgeError, Settings};
use host::purge::{Connection, asks};
use kernel::conntrack::{Conntrack, Filter, Found, Insert, Visit};
use kernel::conversation::Conversation;
use kernel::netns;
use model::purge::{Answer, Icmp, Job, JobId, JobShown, Place, Reason, Request, Stats, Tuple, What};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::netns::wait::eventually;

pub struct Bed {
    pub dir: TempDir,
    pub settings: Settings,
}

pub struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), CtpurgeError>>,
}

impl Bed {
    /// `None`, said aloud, where these tests were switched off.
    pub fn new() -> Option<Bed> {
        let dir = tempfile::tempdir().expect("directory");
        if let Err(error) = netns::create(&dir.path().join("ns"), "host") {
            let skip = std::env::var("NEUTRINO_ROOT_TESTS").is_ok_and(|value| value == "skip");
            assert!(skip, "needs root ({error}); NEUTRINO_ROOT_TESTS=skip goes without");
            eprintln!("SKIPPED: needs root");
            return None;
        }
        let settings = Settings {
            socket: dir.path().join("run/socket"),
            state_dir: dir.path().join("state"),
            namespace: Some(dir.path().join("ns/host")),
            netns_dir: dir.path().join("ns"),
            first_number: 3,
            second_number: 4,
            share_percent: 100,
            ..Settings::default()
        };
        Some(Bed { dir, settings })
    }

    pub fn netns(&self, name: &str) {
        netns::create(&self.settings.netns_dir, name).expect("namespace");
    }

    pub fn path(&self, place: &Place) -> PathBuf {
        let name = match place {
            Place::Host => "host",
            Place::Netns(name) => name,
        };
        self.settings.netns_dir.join(name)
    }

    /// Runs it, until its socket is there.
    pub async fn start(&self) -> Running {
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(agent::ctpurge::run(self.settings.clone(), stopping));
        let hears = || UnixStream::connect(&self.settings.socket).is_ok() || task.is_finished();
        eventually("it listens", hears, |hears| *hears).await;
        if task.is_finished() {
            panic!("it ended: {:?}", task.await);
        }
        Running { stop, task }
    }

    pub async fn ask(&self, request: Request) -> Answer {
        let mut conversation = Conversation::open(&self.settings.socket).await.expect("is heard");
        conversation.ask(&request).await.expect("an answer")
    }

    pub async fn stats(&self) -> Stats {
        match self.ask(Request::Stats).await {
            Answer::Stats { stats } => *stats,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until a job has ended.
    pub async fn ended(&self, id: JobId) -> JobShown {
        let ask = || {
            let ask = async {
                match self.ask(Request::Job { id }).await {
                    Answer::Job { job } => job.map(|job| *job),
                    other => panic!("{other:?}"),
                }
            };
            tokio::runtime::Handle::current().block_on(ask)
        };
        let has_ended = |job: &Option<JobShown>| job.as_ref().is_some_and(|job| job.state.has_ended());
        eventually("the job ends", ask, has_ended).await.expect("was looked at")
    }

    pub fn fill(&self, place: &Place, all: &[Connection]) {
        let inserts: Vec<Insert> =
            all.iter().map(|connection| Insert { connection: *connection, timeout_s: 600 }).collect();
        self.table(place).insert(&inserts).expect("entries");
    }

    pub fn table(&self, place: &Place) -> Conntrack {
        Conntrack::open(Some(&self.path(place))).expect("opens")
    }

    pub fn entries(&self, place: &Place) -> u64 {
        self.table(place).entries().expect("a count")
    }

    /// What is there is what jobs leave of what was.
    pub fn is_as_after(&self, place: &Place, was: &[Connection], jobs: &[Job]) {
        let mut eye = Eye(Vec::new());
        self.table(place).walk(Filter::default(), &mut eye).expect("walks");
        let here = || jobs.iter().filter(|job| job.place == *place);
        for connection in was {
            let asked = here().find(|job| asks(&job.what, connection));
            assert_eq!(
                eye.0.contains(connection),
                asked.is_none(),
                "{place}: {connection:?}, asked for by {asked:?}"
            );
        }
        assert!(eye.0.iter().all(|connection| was.contains(connection)));
    }
}

struct Eye(Vec<Connection>);

impl Visit for Eye {
    fn judge(&mut self, found: &Found) -> bool {
        self.0.push(found.connection);
        false
    }
}

impl Running {
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.expect("no panic").expect("ends well");
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for name in netns::list(&self.settings.netns_dir).unwrap_or_default() {
            let _ = netns::delete(&self.settings.netns_dir, &name);
        }
    }
}

pub fn router(n: u128) -> Place {
    Place::Netns(format!("qrouter-{}", Uuid::from_u128(n)))
}

pub fn job(place: &Place, what: What) -> Job {
    Job { id: JobId(Uuid::new_v4()), reason: Reason::PortDeleted, place: place.clone(), what }
}

pub fn address(v4: bool, n: u8) -> IpAddr {
    if v4 { [10, 0, 0, n].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(n)].into() }
}

/// `from` calls `to`, which is behind NAT when `behind` is another.
pub fn connection(zone: u16, v4: bool, protocol: u8, port: u16, ends: [u8; 3]) -> Connection {
    let [from, to, behind] = ends.map(|n| address(v4, n));
    let mut original = Tuple::ports(protocol, (from, 1000 + port), (to, port));
    let mut reply = Tuple::ports(protocol, (behind, port), (from, 1000 + port));
    if Tuple::is_icmp(protocol) {
        for (tuple, kind) in
            [(&mut original, if v4 { 8 } else { 128 }), (&mut reply, if v4 { 0 } else { 129 })]
        {
            (tuple.source_port, tuple.destination_port) = (0, 0);
            tuple.icmp = Some(Icmp { kind, code: 0, id: port });
        }
    }
    Connection { zone, original, reply }
}

/// Nine ends that all talk with each other, by every protocol, in some zones.
pub fn mesh(zones: &[u16]) -> Vec<Connection> {
    let mut all = Vec::new();
    for zone in zones {
        for (v4, protocol) in [(true, 6), (true, 17), (true, 1), (true, 132), (false, 17), (false, 58)] {
            for from in 1..10 {
                for to in 1..10 {
                    let behind = if to == 9 { 8 } else { to };
                    all.push(connection(*zone, v4, protocol, u16::from(from * 10 + to), [from, to, behind]));
                }
            }
        }
    }
    all
}
