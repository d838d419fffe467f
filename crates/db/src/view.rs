//! The rows from which `cloud::view` makes one host's desired state.

use std::collections::{BTreeMap, BTreeSet};

use model::api::address_group::AddressGroup;
use model::api::network::{NETWORK, Network};
use model::api::port::{PORT, Port};
use model::api::qos::Policy;
use model::api::security_group::SecurityGroup;
use model::api::security_group_rule::SecurityGroupRule;
use model::api::subnet::{SUBNET, Subnet};
use model::desired::{Key, Kind, Trunked};
use model::l3::RouterFacts;
use model::report::L2Configuration;
use model::software::Order;
use model::{NetworkId, PortId, QosPolicyId, RouterId};
use uuid::Uuid;

use crate::engine::{DbError, Param, Tx};
use crate::local_ip::Stood;
use crate::log::Logged;

/// Ids bound to one statement at most.
const CHUNK: usize = 500;

/// Facts about one host; a part whose rows are not here does not exist for the host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ViewRows {
    /// Ports bound to the host.
    pub ports: Vec<Port>,
    /// Their QoS policies.
    pub policies: BTreeMap<QosPolicyId, Policy>,
    /// What these have to do with trunks.
    pub trunked: BTreeMap<PortId, Trunked>,
    /// Local IPs that they stand for.
    pub stood_for: BTreeMap<PortId, Vec<Stood>>,
    /// Logs of them.
    pub logged: BTreeMap<PortId, Vec<Logged>>,
    /// Networks that the host has ports of.
    pub networks: Vec<NetworkId>,
    /// Ports of those networks on other hosts.
    pub remotes: Vec<Port>,
    /// Networks whose DHCP the host serves, each with its DHCP port there once it has one.
    pub dhcp: Vec<(NetworkId, Option<Port>)>,
    /// Ports of the networks whose DHCP the host serves.
    pub leases: Vec<Port>,
    /// Rows of every network and subnet that the above belong to.
    pub network_rows: BTreeMap<NetworkId, Network>,
    pub subnet_rows: BTreeMap<NetworkId, Vec<Subnet>>,
    /// The hosts of each of `networks`.
    pub hosts: BTreeMap<NetworkId, Vec<String>>,
    /// Those of `networks` with a port that may use addresses besides its own.
    pub roaming: BTreeSet<NetworkId>,
    /// Networks of remotes with an interface of a distributed router.
    pub routed: BTreeSet<NetworkId>,
    pub configurations: BTreeMap<String, L2Configuration>,
    /// Routers that the host has a share in.
    pub routers: Vec<RouterFacts>,
    /// The host's own ports in external networks.
    pub ways: Vec<Port>,
    /// Security groups of the host's ports, with their rules.
    pub groups: Vec<(SecurityGroup, Vec<SecurityGroupRule>)>,
    /// Ports of the groups that rules of those are about.
    pub members: Vec<Port>,
    /// Address groups that rules of those are about.
    pub addresses: Vec<AddressGroup>,
    /// What instances behind `leases` are to install.
    pub orders: BTreeMap<PortId, Vec<Order>>,
}

/// Whose rows the parts of a kind are made of, of the host `$1`.
struct Rows {
    /// Column of the id.
    id: &'static str,
    table: &'static str,
    holds: &'static str,
    /// A statement of the networks that they are on, where that is a condition.
    networks: Option<&'static str>,
}

impl Rows {
    fn of(kind: Kind) -> Rows {
        let rows = |id, table, holds| Rows { id, table, holds, networks: None };
        match kind {
            Kind::Network => rows("network_id", "members", "host = $1"),
            Kind::Port => rows("id", "ports", "host = $1 AND vif_type NOT IN ('unbound', 'binding_failed')"),
            Kind::Remote => Rows {
                networks: Some("SELECT network_id FROM members WHERE host = $1"),
                ..rows(
                    "id",
                    "ports",
                    "host NOT IN ('', $1) AND vif_type NOT IN ('unbound', 'binding_failed')",
                )
            },
            Kind::Dhcp => {
                rows("network_id", "dhcp_bindings", "agent_id IN (SELECT id FROM agents WHERE host = $1)")
            }
            Kind::Lease => Rows {
                networks: Some(
                    "SELECT b.network_id FROM dhcp_bindings b JOIN agents a ON a.id = b.agent_id \
                     WHERE a.host = $1",
                ),
                ..rows("id", "ports", "device_owner <> 'network:dhcp'")
            },
            Kind::Router => rows("router_id", "router_hosts", "host = $1"),
            Kind::Fip => rows(
                "network_id",
                "ports",
                "host = $1 AND device_owner = 'network:floatingip_agent_gateway' \
                 AND vif_type NOT IN ('unbound', 'binding_failed')",
            ),
            Kind::Group => rows("group_id", "group_hosts", "host = $1"),
            Kind::Member => rows(
                "port_id",
                "port_groups",
                "group_id IN (SELECT r.remote_group_id FROM group_hosts gh \
                 JOIN security_group_rules r ON r.security_group_id = gh.group_id WHERE gh.host = $1)",
            ),
            Kind::Addresses => rows(
                "remote_address_group_id",
                "security_group_rules",
                "security_group_id IN (SELECT group_id FROM group_hosts WHERE host = $1)",
            ),
        }
    }

    /// The condition, which can go on with `AND`. `network` is the column of the networks.
    fn condition(&self, network: &str) -> String {
        match self.networks {
            Some(networks) => format!("{} AND {network} IN ({networks})", self.holds),
            None => self.holds.to_owned(),
        }
    }

    fn select(&self) -> String {
        format!("{} FROM {} WHERE {}", self.id, self.table, self.condition("network_id"))
    }
}

impl Tx<'_> {
    /// Keys of the parts that a host may have, of some kinds, in the order of parts from one on. Not
    /// every key must have a part: that is for `cloud::view` to say.
    pub async fn view_keys(
        &mut self,
        host: &str,
        kinds: &[Kind],
        after: Option<Key>,
        limit: usize,
    ) -> Result<Vec<Key>, DbError> {
        let mut out = Vec::new();
        for kind in kinds {
            let after = match after {
                Some(after) if after.kind > *kind => continue,
                Some(after) if after.kind == *kind => after.id.to_string(),
                _ => String::new(),
            };
            let rows = Rows::of(*kind);
            let (select, id) = (rows.select(), rows.id);
            let left = limit.saturating_sub(out.len());
            // Of ids that cannot come twice, a short list is read off an index.
            let twice = matches!(kind, Kind::Dhcp | Kind::Member | Kind::Addresses);
            let distinct = if twice { "DISTINCT" } else { "" };
            let sql = format!("SELECT {distinct} {select} AND {id} > $2 ORDER BY {id} LIMIT {left}");
            let found = self.texts(&sql, &[host.into(), after.into()]).await?;
            let ids = found.iter().filter_map(|id| Uuid::parse_str(id).ok());
            out.extend(ids.map(|id| Key::new(*kind, id)));
            if out.len() >= limit {
                break;
            }
        }
        Ok(out)
    }

    /// The rows behind some parts of a host.
    pub async fn view_rows(&mut self, host: &str, keys: &[Key]) -> Result<ViewRows, DbError> {
        let mut rows = ViewRows {
            ports: self.some_ports(host, keys, Kind::Port).await?,
            remotes: self.some_ports(host, keys, Kind::Remote).await?,
            leases: self.some_ports(host, keys, Kind::Lease).await?,
            networks: self.some_networks(host, keys, Kind::Network).await?,
            ..ViewRows::default()
        };
        let leases: Vec<String> = rows.leases.iter().map(|port| port.id.to_string()).collect();
        if !leases.is_empty() {
            rows.orders = self.orders_of_ports(&leases).await?;
        }
        for network_id in self.some_networks(host, keys, Kind::Dhcp).await? {
            let ports = self.dhcp_ports(network_id).await?;
            rows.dhcp.push((network_id, ports.into_iter().find(|port: &Port| port.host == host)));
        }
        let routers = self.some_ids(host, keys, Kind::Router).await?;
        let routers: Vec<RouterId> = routers.iter().filter_map(|id| id.parse().ok()).collect();
        if !routers.is_empty() {
            rows.routers = self.router_facts(&routers).await?.into_values().collect();
        }
        rows.ways = self.some_ways(host, keys).await?;
        let groups = self.some_ids(host, keys, Kind::Group).await?;
        rows.groups = self.groups_with_rules(&groups).await?;
        rows.members = self.some_members(host, keys).await?;
        let addresses = self.some_ids(host, keys, Kind::Addresses).await?;
        rows.addresses = self.address_groups(&addresses).await?;
        let policies: BTreeSet<QosPolicyId> = rows.ports.iter().filter_map(Port::qos_policy).collect();
        rows.policies = self.qos_policies(&policies.into_iter().collect::<Vec<_>>()).await?;
        let ports: Vec<PortId> = rows.ports.iter().map(|port| port.id).collect();
        rows.trunked = self.trunked(&ports).await?;
        rows.stood_for = self.stood_for(&ports).await?;
        rows.logged = self.logged(&ports).await?;
        self.add_networks(&mut rows).await?;
        self.add_hosts(&mut rows).await?;
        Ok(rows)
    }

    async fn some_ports(&mut self, host: &str, keys: &[Key], kind: Kind) -> Result<Vec<Port>, DbError> {
        let mut out = Vec::new();
        for chunk in ids(keys, kind).chunks(CHUNK) {
            let (_, params) = bind(host, chunk);
            out.extend(self.find(&PORT, &ports_by_id(kind, chunk.len()), &params).await?);
        }
        Ok(out)
    }

    async fn some_ways(&mut self, host: &str, keys: &[Key]) -> Result<Vec<Port>, DbError> {
        let condition = Rows::of(Kind::Fip).condition("network_id");
        let mut out = Vec::new();
        for chunk in ids(keys, Kind::Fip).chunks(CHUNK) {
            let (marks, params) = bind(host, chunk);
            out.extend(self.find(&PORT, &format!("network_id IN ({marks}) AND {condition}"), &params).await?);
        }
        Ok(out)
    }

    async fn some_members(&mut self, host: &str, keys: &[Key]) -> Result<Vec<Port>, DbError> {
        let found = self.some_ids(host, keys, Kind::Member).await?;
        let mut out = Vec::new();
        for chunk in found.chunks(CHUNK) {
            let params: Vec<Param> = chunk.iter().map(|id| id.as_str().into()).collect();
            out.extend(self.find(&PORT, &format!("id IN ({})", marks(1, chunk.len())), &params).await?);
        }
        Ok(out)
    }

    async fn some_networks(
        &mut self,
        host: &str,
        keys: &[Key],
        kind: Kind,
    ) -> Result<Vec<NetworkId>, DbError> {
        let found = self.some_ids(host, keys, kind).await?;
        Ok(found.iter().filter_map(|id| id.parse().ok()).collect())
    }

    async fn some_ids(&mut self, host: &str, keys: &[Key], kind: Kind) -> Result<Vec<String>, DbError> {
        let rows = Rows::of(kind);
        let (select, id) = (rows.select(), rows.id);
        let mut found = Vec::new();
        for chunk in ids(keys, kind).chunks(CHUNK) {
            let (marks, params) = bind(host, chunk);
            let sql = format!("SELECT DISTINCT {select} AND {id} IN ({marks})");
            found.extend(self.texts(&sql, &params).await?);
        }
        Ok(found)
    }

    async fn add_networks(&mut self, rows: &mut ViewRows) -> Result<(), DbError> {
        let mut wanted: Vec<NetworkId> = rows.networks.clone();
        wanted.extend(rows.dhcp.iter().map(|(network, _)| *network));
        for port in rows.ports.iter().chain(&rows.remotes).chain(&rows.leases).chain(&rows.ways) {
            wanted.push(port.network_id);
        }
        wanted.sort_unstable();
        wanted.dedup();
        let wanted: Vec<String> = wanted.iter().map(NetworkId::to_string).collect();
        for chunk in wanted.chunks(CHUNK) {
            let params: Vec<Param> = chunk.iter().map(|id| id.as_str().into()).collect();
            let marks = marks(1, chunk.len());
            let networks: Vec<Network> = self.find(&NETWORK, &format!("id IN ({marks})"), &params).await?;
            rows.network_rows.extend(networks.into_iter().map(|network| (network.id, network)));
            let condition = format!("network_id IN ({marks}) ORDER BY created_us, id");
            let subnets: Vec<Subnet> = self.find(&SUBNET, &condition, &params).await?;
            for subnet in subnets {
                rows.subnet_rows.entry(subnet.network_id).or_default().push(subnet);
            }
        }
        Ok(())
    }

    async fn add_hosts(&mut self, rows: &mut ViewRows) -> Result<(), DbError> {
        let mut hosts: Vec<String> = rows.remotes.iter().map(|port| port.host.clone()).collect();
        let networks: Vec<String> = rows.networks.iter().map(NetworkId::to_string).collect();
        for chunk in networks.chunks(CHUNK) {
            let sql = "SELECT network_id, host FROM members WHERE network_id IN ({in}) ORDER BY host";
            for (network, host) in self.pairs(sql, chunk).await? {
                hosts.push(host.clone());
                rows.hosts.entry(network).or_default().push(host);
            }
            let roaming = "SELECT DISTINCT network_id, '' FROM ports WHERE network_id IN ({in}) AND \
                 (allowed_address_pairs <> '[]' OR \
                  port_security_enabled = FALSE AND device_owner NOT LIKE 'network:%')";
            rows.roaming.extend(self.pairs(roaming, chunk).await?.into_iter().map(|(network, _)| network));
        }
        let remotes: BTreeSet<NetworkId> = rows.remotes.iter().map(|port| port.network_id).collect();
        let remotes: Vec<String> = remotes.iter().map(NetworkId::to_string).collect();
        for chunk in remotes.chunks(CHUNK) {
            let routed = "SELECT DISTINCT rp.network_id, '' FROM router_ports rp \
                 JOIN routers r ON r.id = rp.router_id \
                 WHERE rp.network_id IN ({in}) AND rp.kind = 'interface' AND r.distributed = TRUE";
            rows.routed.extend(self.pairs(routed, chunk).await?.into_iter().map(|(network, _)| network));
        }
        hosts.sort_unstable();
        hosts.dedup();
        rows.configurations = self.l2_configurations(&hosts).await?;
        Ok(())
    }

    /// A network and a text of each row of a statement about some networks.
    async fn pairs(&mut self, sql: &str, networks: &[String]) -> Result<Vec<(NetworkId, String)>, DbError> {
        let params: Vec<Param> = networks.iter().map(|id| id.as_str().into()).collect();
        let mut out = Vec::new();
        self.each(&sql.replace("{in}", &marks(1, networks.len())), &params, |row| {
            out.extend(row.text(0).parse().ok().map(|network| (network, row.text(1).to_owned())));
        })
        .await?;
        Ok(out)
    }

    /// What the L2 agents of some hosts say of themselves.
    pub async fn l2_configurations(
        &mut self,
        hosts: &[String],
    ) -> Result<BTreeMap<String, L2Configuration>, DbError> {
        let mut out = BTreeMap::new();
        for chunk in hosts.chunks(CHUNK) {
            let params: Vec<Param> = chunk.iter().map(|host| host.as_str().into()).collect();
            let sql = format!(
                "SELECT host, configurations FROM agents WHERE host IN ({}) AND topic = 'N/A'",
                marks(1, chunk.len())
            );
            self.each(&sql, &params, |row| {
                if let Ok(configuration) = serde_json::from_str(row.text(1)) {
                    out.insert(row.text(0).to_owned(), configuration);
                }
            })
            .await?;
        }
        Ok(out)
    }
}

/// Which ports a host's parts of a kind are made of, among some ids. They are found by these: an index of
/// networks and ids would be asked for each network of the host with each id.
pub fn ports_by_id(kind: Kind, count: usize) -> String {
    // An expression is in no index.
    let condition = Rows::of(kind).condition("network_id || ''");
    format!("id IN ({}) AND {condition}", marks(2, count))
}

fn ids(keys: &[Key], kind: Kind) -> Vec<String> {
    keys.iter().filter(|key| key.kind == kind).map(|key| key.id.to_string()).collect()
}

/// `$1` is the host, the ids follow.
fn bind<'a>(host: &'a str, chunk: &'a [String]) -> (String, Vec<Param<'a>>) {
    let mut params = vec![Param::from(host)];
    params.extend(chunk.iter().map(|id| Param::from(id.as_str())));
    (marks(2, chunk.len()), params)
}

fn marks(first: usize, count: usize) -> String {
    (first..first + count).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ")
}
