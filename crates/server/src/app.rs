//! What every handler shares.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bus::Bus;
use cloud::policy::Policies;
use cloud::quota::Limits;
use cloud::{Rules, Stamp};
use db::{Db, DbError, Tx};
use model::desired::Revision;
use model::{NetworkId, RouterId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::auth::{Auth, AuthSettings};
use crate::notification::NotificationSettings;
use crate::nova::{Nova, NovaSettings};
use crate::nudge::{self, Nudger, Nudges};
use crate::policy::PolicyFile;
use crate::repository::{Repository, SoftwareSettings};
use crate::tls::TlsSettings;

/// How the API behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Project of requests that name none.
    pub project_id: String,
    /// The most items on a page; 0 sets no limit.
    pub pagination_max_limit: u32,
    /// The most resources that one request creates.
    pub max_bulk_items: usize,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Only programs of this machine are meant: what a browser sends for a page is refused.
    #[serde(skip)]
    pub local_only: bool,
    #[serde(skip)]
    pub auth: AuthSettings,
    /// Without them the API is plain HTTP.
    #[serde(skip)]
    pub tls: Option<TlsSettings>,
    #[serde(skip)]
    pub rules: Rules,
    #[serde(skip)]
    pub quotas: Limits,
    /// The operator's own rules of who may do what, if there are any.
    #[serde(skip)]
    pub policy: Option<PathBuf>,
    /// Where software is kept, if anywhere.
    #[serde(skip)]
    pub software: SoftwareSettings,
    /// Who is told of instances' ports, if anybody.
    #[serde(skip)]
    pub nova: NovaSettings,
    /// Whether others are told of changes.
    #[serde(skip)]
    pub notifications: NotificationSettings,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            project_id: "admin".into(),
            pagination_max_limit: 0,
            max_bulk_items: 1000,
            max_body_bytes: 1 << 20,
            local_only: false,
            auth: AuthSettings::default(),
            tls: None,
            rules: Rules::default(),
            quotas: Limits::default(),
            policy: None,
            software: SoftwareSettings::default(),
            nova: NovaSettings::default(),
            notifications: NotificationSettings::default(),
        }
    }
}

/// A shared handle on the server's doors and settings.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    settings: Settings,
    db: Db,
    bus: Bus,
    auth: Auth,
    policies: Arc<PolicyFile>,
    repository: Option<Repository>,
    nova: Option<Nova>,
    committed: Notify,
    /// Nova has to hear of something.
    events: Notify,
    /// Others have to be told of something.
    notes: Notify,
    /// The repository has to hear of something.
    software: Notify,
    /// Ports of trunks may have to follow their parents.
    trunks: Notify,
    /// Revisions of this server's own commits that its relay has not seen yet.
    revisions: Mutex<BTreeSet<Revision>>,
    /// The tasks that settle DHCP and routers.
    networks: Nudger<NetworkId>,
    routers: Nudger<RouterId>,
    /// When no agent that carries routers was known to live, last.
    deserted: Mutex<Instant>,
    /// Hosts whose failed ports this server has tried to bind since they were last said to differ.
    rebound: Mutex<BTreeSet<String>>,
}

impl App {
    pub fn new(
        settings: Settings,
        auth: Auth,
        policies: PolicyFile,
        (repository, nova): (Option<Repository>, Option<Nova>),
        db: Db,
        bus: Bus,
    ) -> (App, Nudges<NetworkId>, Nudges<RouterId>) {
        let (networks, network_nudges) = nudge::channel();
        let (routers, router_nudges) = nudge::channel();
        let (committed, revisions) = (Notify::new(), Mutex::default());
        let (policies, rebound) = (Arc::new(policies), Mutex::default());
        let deserted = Mutex::new(Instant::now());
        let inner = Inner {
            settings,
            db,
            bus,
            auth,
            policies,
            repository,
            nova,
            committed,
            events: Notify::new(),
            notes: Notify::new(),
            software: Notify::new(),
            trunks: Notify::new(),
            revisions,
            networks,
            routers,
            deserted,
            rebound,
        };
        (App(Arc::new(inner)), network_nudges, router_nudges)
    }

    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub fn rules(&self) -> &Rules {
        &self.0.settings.rules
    }

    pub fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// The rules in force.
    pub fn policies(&self) -> Arc<Policies> {
        self.0.policies.current()
    }

    pub fn policy_file(&self) -> Arc<PolicyFile> {
        Arc::clone(&self.0.policies)
    }

    pub fn db(&self) -> &Db {
        &self.0.db
    }

    pub fn bus(&self) -> &Bus {
        &self.0.bus
    }

    /// Commits, and wakes the relay if hosts have to hear of it, and the task that settles routers if
    /// some are due.
    pub async fn commit(&self, mut tx: Tx<'_>) -> Result<(), DbError> {
        let events = self.0.nova.is_some() && tx.write_events(now_us()).await?;
        let due = tx.routers_due();
        let (software, trunks, noted) = (tx.has_software_due(), tx.has_trunks_due(), tx.has_noted());
        if let Some(revision) = tx.commit().await? {
            self.0.revisions.lock().unwrap_or_else(PoisonError::into_inner).insert(revision);
            self.0.committed.notify_one();
        }
        for router in due {
            self.nudge_router(router);
        }
        if software {
            self.0.software.notify_one();
        }
        if events {
            self.0.events.notify_one();
        }
        if noted {
            self.0.notes.notify_one();
        }
        if trunks {
            self.0.trunks.notify_one();
        }
        Ok(())
    }

    /// Notes that this server counts revisions from here on.
    pub async fn begin_epoch(&self) -> Result<(), DbError> {
        let mut tx = self.db().begin().await?;
        tx.begin_epoch(&Uuid::new_v4().simple().to_string()).await?;
        tx.commit().await.map(drop)
    }

    /// Returns when this server has committed something since the last call returned.
    pub async fn committed(&self) {
        self.0.committed.notified().await;
    }

    /// Returns when the repository has to hear of something that this server committed.
    pub async fn software_noted(&self) {
        self.0.software.notified().await;
    }

    /// Returns when Nova has to hear of something that this server committed.
    pub async fn events_noted(&self) {
        self.0.events.notified().await;
    }

    /// Returns when others have to be told of something that this server committed.
    pub async fn messages_noted(&self) {
        self.0.notes.notified().await;
    }

    /// Who is told of instances' ports, if anybody.
    pub fn nova(&self) -> Option<&Nova> {
        self.0.nova.as_ref()
    }

    /// Returns when ports of trunks may have to follow their parents.
    pub async fn trunks_noted(&self) {
        self.0.trunks.notified().await;
    }

    /// Where software is kept, if anywhere.
    pub fn repository(&self) -> Option<&Repository> {
        self.0.repository.as_ref()
    }

    /// The revisions of what it committed, each told once.
    pub fn take_committed(&self) -> BTreeSet<Revision> {
        std::mem::take(&mut self.0.revisions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn has_rebound(&self, host: &str) -> bool {
        self.0.rebound.lock().unwrap_or_else(PoisonError::into_inner).contains(host)
    }

    pub fn set_rebound(&self, host: &str, done: bool) {
        let mut rebound = self.0.rebound.lock().unwrap_or_else(PoisonError::into_inner);
        if done {
            rebound.insert(host.to_owned())
        } else {
            rebound.remove(host)
        };
    }

    /// Asks the DHCP task to look at a network; it looks at all of them now and then anyway.
    pub fn nudge_dhcp(&self, network: NetworkId) {
        self.0.networks.one(network);
    }

    /// Asks the DHCP task to look at all networks.
    pub fn sweep_dhcp(&self) {
        self.0.networks.all();
    }

    /// Asks the task that settles routers to look at one; what is committed nudges by itself.
    pub fn nudge_router(&self, router: RouterId) {
        self.0.routers.one(router);
    }

    /// Asks it to look at all that are due.
    pub fn sweep_routers(&self) {
        self.0.routers.all();
    }

    /// The time and a random seed for one request.
    pub fn stamp(&self) -> Stamp {
        let now_us = now_us();
        Stamp::new(now_us, api_time(now_us), Uuid::new_v4().as_u128())
    }

    /// Heartbeats after this count as alive.
    pub fn alive_since_us(&self) -> i64 {
        // Whole seconds, so that statements that hold it can be used again.
        (now_us() / 1_000_000 - self.rules().agent_down_s) * 1_000_000
    }

    /// Agents without a heartbeat since then lose their routers to live ones; `None` where routers
    /// stay. When all were silent, as after an outage of the bus, the first that is back must not
    /// get all routers: the others have as long to come back.
    pub fn abandoned_since_us(&self) -> Option<i64> {
        let rules = self.rules();
        let patience = Duration::from_secs(2 * rules.agent_down_s.max(0).unsigned_abs());
        let deserted = *self.0.deserted.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = rules.allow_automatic_l3agent_failover && deserted.elapsed() > patience;
        waited.then(|| self.alive_since_us() - rules.agent_down_s * 1_000_000)
    }

    /// No agent that carries routers is known to live.
    pub fn note_deserted(&self) {
        *self.0.deserted.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn moment(us: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(us) * 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// As resources show times: `2026-01-31T23:59:59Z`.
pub fn api_time(us: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    moment(us).format(&format).unwrap_or_default()
}

/// As agents show times: `2026-01-31 23:59:59.123456`.
pub fn agent_time(us: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]");
    moment(us).format(&format).unwrap_or_default()
}
