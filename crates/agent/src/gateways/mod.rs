//! The host's gateways: they are told who is in which network, and heard of what instances say of their orders.
//!
//! ```text
//! run loop --networks--> watch --> a task for each gateway: what differs from what it was told
//!     ^                            whom: which networks there are, and who is in them
//!     └------- reports <---------- a task that waits for them at the management gateway
//! ```
//! A gateway that was started again is told anew. One that is not reached is said to be so, and nothing waits
//! for it.

mod speak;
mod whom;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::NetworkId;
use model::desired::{Key, Kind, Part};
use model::gateway::{Network, Said};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use crate::sync::Store;

/// Answers of reports that wait for the run loop.
const ANSWERS: usize = 4;

/// Where this host's gateways are told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub tenant_control: PathBuf,
    pub management_control: PathBuf,
    /// Where instances ask for software; for metadata it is 80.
    pub software_port: u16,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            tenant_control: "/run/neutrino/gateway-tenant.sock".into(),
            management_control: "/run/neutrino/gateway-management.sock".into(),
            software_port: 8080,
        }
    }
}

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Role {
    Tenant,
    Management,
}

type Networks = BTreeMap<NetworkId, Arc<Network>>;

/// What gateways should have; `None` until that is known: nothing that is there is to go before.
type Wanted = Option<Networks>;

/// What is amiss with gateways; cloned handles share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Amiss(Arc<Mutex<BTreeMap<Role, String>>>);

impl Amiss {
    pub fn sentences(&self) -> Vec<String> {
        self.known().values().cloned().collect()
    }

    fn set(&self, role: Role, why: Option<String>) {
        let mut known = self.known();
        match why {
            Some(why) if known.get(&role) != Some(&why) => {
                tracing::warn!("{why}");
                known.insert(role, why);
            }
            Some(_) => {}
            None => drop(known.remove(&role)),
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Role, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The run loop's end; without settings there are no gateways, and nobody is told.
pub(crate) struct Gateways {
    settings: Option<Settings>,
    networks: watch::Sender<Wanted>,
    reports: mpsc::Receiver<Vec<Said>>,
    again: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Gateways {
    pub fn start(settings: Option<Settings>, amiss: &Amiss) -> Gateways {
        let (networks, _) = watch::channel(Wanted::None);
        let (reported, reports) = mpsc::channel(ANSWERS);
        let again = Arc::new(Notify::new());
        // Dropping the set ends them.
        let mut tasks = JoinSet::new();
        if let Some(settings) = &settings {
            for (role, socket) in
                [(Role::Tenant, &settings.tenant_control), (Role::Management, &settings.management_control)]
            {
                tasks.spawn(speak::tell(role, socket.clone(), networks.subscribe(), amiss.clone()));
            }
            tasks.spawn(speak::listen(settings.management_control.clone(), reported, again.clone()));
        }
        Gateways { settings, networks, reports, again, _tasks: tasks }
    }

    /// Tells what became of these parts, or of all; the first time it is all.
    pub fn learn(&self, store: &Store, keys: &BTreeSet<Key>, old: &[Part], all: bool) {
        let Some(settings) = &self.settings else { return };
        self.networks.send_if_modified(|wanted| {
            let mut concerned = whom::concerned(&store.wanted, keys, old);
            if all {
                concerned.extend(store.wanted.of_kind(Kind::Dhcp).flat_map(Part::networks));
                concerned.extend(wanted.iter().flat_map(Networks::keys));
            }
            let mut changed = wanted.is_none();
            let known = wanted.get_or_insert_default();
            for id in concerned {
                let network = whom::network(store, id, settings);
                if known.get(&id).map(|known| &**known) == network.as_ref() {
                    continue;
                }
                changed = true;
                match network {
                    Some(network) => drop(known.insert(id, Arc::new(network))),
                    None => drop(known.remove(&id)),
                }
            }
            changed
        });
    }

    /// What instances said of their orders; may be given up and called again at any time.
    pub async fn said(&mut self) -> Vec<Said> {
        match self.reports.recv().await {
            Some(said) => said,
            None => std::future::pending().await,
        }
    }

    /// The server may have forgotten what it was told.
    pub fn ask_again(&self) {
        self.again.notify_one();
    }
}
