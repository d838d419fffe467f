//! The same test over every kind of bus.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bus::{Bus, InProcess, Mischief, Transport, Unruly};

use crate::nats::{NatsPlan, NatsServer};

/// Declares each of some `async fn test(BusKind)` as one test per kind of bus.
#[macro_export]
macro_rules! over_every_bus {
    ($($test:ident),+ $(,)?) => {
        mod in_process {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::wires::BusKind::InProcess).await;
            })+
        }
        mod nats {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test($crate::wires::BusKind::Nats).await;
            })+
        }
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusKind {
    InProcess,
    Nats,
}

impl BusKind {
    /// A bus for a server and some hosts, that behaves or does not.
    pub async fn wires(self, hosts: &[String], mischief: Option<Mischief>) -> anyhow::Result<Wires> {
        let kind = match self {
            BusKind::InProcess => Kind::InProcess(unruly(InProcess::default(), mischief)),
            BusKind::Nats => {
                Kind::Nats(NatsServer::start(NatsPlan::of_hosts(hosts.iter().cloned())).await?, mischief)
            }
        };
        Ok(Wires { kind, hosts: Mutex::default() })
    }
}

/// Connections of one server and its hosts.
pub struct Wires {
    kind: Kind,
    hosts: Mutex<BTreeMap<String, Bus>>,
}

enum Kind {
    InProcess(Bus),
    Nats(NatsServer, Option<Mischief>),
}

impl Wires {
    /// The server's end.
    pub fn server(&self) -> Bus {
        match &self.kind {
            Kind::InProcess(bus) => bus.clone(),
            Kind::Nats(nats, mischief) => unruly(nats.server().expect("options are right"), *mischief),
        }
    }

    /// A host's end, the same whenever it is asked for.
    pub fn host(&self, name: &str) -> Bus {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let connect = || match &self.kind {
            Kind::InProcess(bus) => bus.clone(),
            Kind::Nats(nats, mischief) => unruly(nats.host(name).expect("options are right"), *mischief),
        };
        hosts.entry(name.to_owned()).or_insert_with(connect).clone()
    }

    /// The server of NATS, if that is the bus.
    pub fn nats(&mut self) -> Option<&mut NatsServer> {
        match &mut self.kind {
            Kind::InProcess(_) => None,
            Kind::Nats(nats, _) => Some(nats),
        }
    }
}

fn unruly(transport: impl Transport, mischief: Option<Mischief>) -> Bus {
    match mischief {
        Some(mischief) => Bus::new(Unruly::new(transport, mischief)),
        None => Bus::new(transport),
    }
}
