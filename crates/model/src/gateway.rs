//! What a host's two gateways are told and asked over their control sockets: networks, who is in them, and what
//! they may use.
//!
//! Messages are JSON, each after its length. What should be is told whole, or by networks, each whole; telling
//! it again changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::conversation::{Question, Refused, Why};
use crate::software::{ORDERS, Orders, PACKAGES, Report};
use crate::{NetworkId, PortId, SoftwareOrderId};

/// Bytes of one message; a host with more is told by networks.
pub const MAX_FRAME_BYTES: usize = 32 << 20;

/// Reports in one answer.
pub const REPORTS: usize = 256;
/// Who waits for reports is answered after so long at the latest.
pub const WAIT_MOST_S: u64 = 50;

/// What should be.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Wanted {
    pub networks: Vec<Network>,
}

/// A tenant's network: where its instances reach the gateway, and who they are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Network {
    pub id: NetworkId,
    /// Name of the namespace in which the gateway listens.
    pub namespace: String,
    pub listen: Vec<Listen>,
    #[serde(default)]
    pub ports: Vec<Port>,
    #[serde(default)]
    pub limits: Limits,
}

/// One address that the gateway listens on.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Listen {
    pub address: IpAddr,
    /// Of a link-local address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    pub port: u16,
    pub door: Door,
}

/// What is behind an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// The repository's read paths, and the instance's own orders.
    Software,
    /// What an instance may know of itself.
    Metadata,
}

/// Who asks from these addresses. Nobody asks from one that no port has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Port {
    pub id: PortId,
    pub project: String,
    pub instance: String,
    pub addresses: Vec<IpAddr>,
    #[serde(default)]
    pub about: About,
    /// What its instance is to install.
    #[serde(default)]
    pub orders: Orders,
}

/// What an instance is told of itself.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    pub hostname: String,
    pub availability_zone: String,
    pub mac_address: String,
    /// The address of a floating IP.
    pub public_address: Option<IpAddr>,
    /// Name to public key.
    pub keys: BTreeMap<String, String>,
    pub meta: BTreeMap<String, String>,
    /// Text, as most user data is; it may be absent.
    pub user_data: Option<String>,
}

/// What a network may use. What is not said is as the gateway's settings say.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Connections at a time.
    pub connections: Option<u32>,
    /// Connections of one port at a time.
    pub connections_of_port: Option<u32>,
    /// Of all its answers together; 0 stands for any number.
    pub bytes_per_s: Option<u64>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// What should be, whole: what is not in it goes.
    Tell {
        wanted: Wanted,
    },
    /// Networks that come or change, each whole, and those that go.
    Change {
        networks: Vec<Network>,
        gone: Vec<NetworkId>,
    },
    /// Of the networks that are there only these stay: what was told before is forgotten, and nothing else.
    Keep {
        networks: BTreeSet<NetworkId>,
    },
    Status,
    /// What instances said of their orders since the report of this number; 0 stands for all that is known.
    /// Only the management gateway is asked. Numbers are of one conversation: a gateway that was started
    /// again counts anew.
    Reports {
        after: u64,
        /// Waits so long for the first.
        wait_s: u64,
    },
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What was told is so, but for these; they are tried again from time to time.
    Told {
        unserved: Vec<Unserved>,
    },
    Status {
        status: Box<Status>,
    },
    /// The newest of each order, in the order they came; with as many as an answer takes there may be more.
    Reports {
        reports: Vec<Said>,
        /// What to ask after next.
        last: u64,
    },
    Refused(Refused),
}

impl From<Refused> for Answer {
    fn from(refused: Refused) -> Answer {
        Answer::Refused(refused)
    }
}

impl Question for Request {
    type Answer = Answer;
    const SERVER: &'static str = "the gateway";
    const COMMAND: &'static str = "neutrino gateway";
    const USERS: &'static str = "gateway.users";
    const VERSION: u32 = 1;
    const MOST: usize = MAX_FRAME_BYTES;
    /// Sockets in a thousand namespaces take a while.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn heard(answer: Answer) -> Result<Answer, Refused> {
        match answer {
            Answer::Refused(refused) => Err(refused),
            answer => Ok(answer),
        }
    }

    fn is_news(&self) -> bool {
        matches!(self, Request::Reports { .. })
    }
}

/// What an instance said of one of its orders.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Said {
    pub port: PortId,
    pub order: SoftwareOrderId,
    pub report: Report,
}

/// A network of which an address is not listened on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unserved {
    pub network: NetworkId,
    pub why: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Whether the other gateway is reached.
    pub linked: bool,
    pub memory_kib: u64,
    pub networks: u64,
    pub connections: u64,
    pub counters: Counters,
    /// Of networks that were asked from at all.
    pub by_network: BTreeMap<String, Counters>,
    pub unserved: Vec<Unserved>,
}

/// What became of connections and requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    pub connections: u64,
    /// Connections from an address that no port has.
    pub unknown: u64,
    /// Connections beyond what a network, a port or the host may have.
    pub too_many: u64,
    /// Requests that were judged and passed on.
    pub asked: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Answers that did not come to their end.
    pub broken: u64,
    /// Bytes of answers.
    pub bytes: u64,
}

impl Wanted {
    /// Whether each name stands for one thing.
    pub fn check(&self) -> Result<(), Refused> {
        let mut seen = BTreeSet::new();
        match self.networks.iter().find(|network| !seen.insert(network.id)) {
            Some(network) => Err(wrong(format!("the network {} is there twice", network.id))),
            None => self.networks.iter().try_for_each(Network::check),
        }
    }
}

impl Network {
    pub fn check(&self) -> Result<(), Refused> {
        if self.namespace.is_empty()
            || self.namespace.contains(['/', '\0'])
            || self.namespace.starts_with('.')
        {
            return Err(wrong(format!(
                "network {}: '{}' is no name of a namespace",
                self.id, self.namespace
            )));
        }
        let (mut ports, mut addresses) = (BTreeMap::new(), BTreeMap::new());
        for port in &self.ports {
            // These travel in heads of requests.
            for text in [&port.project, &port.instance] {
                if text.len() > 255 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(wrong(format!("port {}: its project and instance are plain words", port.id)));
                }
            }
            if ports.insert(port.id, ()).is_some() {
                return Err(wrong(format!("the port {} is there twice", port.id)));
            }
            port.check_orders()?;
            for address in &port.addresses {
                if let Some(other) = addresses.insert(*address, port.id) {
                    return Err(wrong(format!("{address} is of the ports {other} and {}", port.id)));
                }
            }
        }
        Ok(())
    }
}

impl Port {
    fn check_orders(&self) -> Result<(), Refused> {
        let all = &self.orders.orders;
        let ids: BTreeSet<_> = all.iter().map(|order| order.id).collect();
        if ids.len() != all.len() || all.len() > ORDERS {
            return Err(wrong(format!("port {}: an order is there once, and {ORDERS} at most", self.id)));
        }
        if all.iter().any(|order| order.packages.len() > PACKAGES) {
            return Err(wrong(format!("port {}: an order has {PACKAGES} packages at most", self.id)));
        }
        Ok(())
    }
}

fn wrong(message: String) -> Refused {
    Refused::new(Why::Wrong, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::software::Order;

    const TOLD: &str = r#"{"networks": [{"id": "00000000-0000-0000-0000-000000000001", "namespace": "qdhcp-1",
        "listen": [{"address": "169.254.169.254", "port": 8080, "door": "software"}],
        "ports": [{"id": "00000000-0000-0000-0000-000000000002", "project": "p", "instance": "i",
                   "addresses": ["10.0.0.5"], "of_a_later_release": 1}]}]}"#;

    #[test]
    fn what_the_first_release_says_is_read_and_fields_may_come() {
        let wanted: Wanted = serde_json::from_str(TOLD).expect("reads");
        assert_eq!(wanted.networks[0].limits, Limits::default());
        assert_eq!(wanted.check(), Ok(()));
        let again: Wanted =
            serde_json::from_str(&serde_json::to_string(&wanted).expect("writes")).expect("reads");
        assert_eq!(again, wanted);
    }

    #[test]
    fn a_name_stands_for_one_thing() {
        let good: Wanted = serde_json::from_str(TOLD).expect("reads");
        let broken = |act: fn(&mut Wanted)| {
            let mut wanted = good.clone();
            act(&mut wanted);
            wanted.check().expect_err("refused").message
        };
        assert!(broken(|all| all.networks.push(all.networks[0].clone())).contains("twice"));
        assert!(broken(|all| all.networks[0].namespace = "../init".into()).contains("namespace"));
        assert!(broken(|all| all.networks[0].ports[0].project = "p\r\nX-Other: q".into()).contains("plain"));
        let order = |n| Order {
            id: SoftwareOrderId(uuid::Uuid::from_u128(n)),
            attempt: 0,
            cancelled: false,
            packages: Vec::new(),
        };
        let ordered = |orders: Vec<Order>| {
            let mut wanted = good.clone();
            wanted.networks[0].ports[0].orders.orders = orders;
            wanted.check()
        };
        assert_eq!(ordered((0..ORDERS as u128).map(order).collect()), Ok(()));
        for many in [vec![order(1), order(1)], (0..=ORDERS as u128).map(order).collect()] {
            assert!(ordered(many).is_err());
        }
        assert!(
            broken(|all| {
                let mut other = all.networks[0].ports[0].clone();
                other.id = PortId(uuid::Uuid::from_u128(7));
                all.networks[0].ports.push(other);
            })
            .contains("10.0.0.5")
        );
    }
}
