//! What hosts have of routers: the facts it is made of, what they were told, and what is due.
//!
//! Every statement reaches its rows by an index from the routers asked for: what it costs grows with
//! what is behind these, never with the ports of others. A test shows the plans of both engines.

use std::collections::{BTreeMap, BTreeSet};

use model::api::port::{PORT, Port};
use model::api::router::{ROUTER, Router, RouterPortKind};
use model::api::subnet::{SUBNET, Subnet};
use model::desired::{Centralized, PortForwarding};
use model::l3::{CentralAgent, FloatingFact, OwnPort, RouterFacts, Told};
use model::report::{HaState, L3_TOPIC, L3Configuration};
use model::{NetworkId, PortId, RouterId};
use serde_json::json;

use crate::dialect;
use crate::engine::{Cell, DbError, Engine, Param, Row, Tx};

/// Ids bound to one statement at most.
const CHUNK: usize = 200;

const BOUND: &str = "p.host <> '' AND p.vif_type NOT IN ('unbound', 'binding_failed')";

/// Subnets that the interfaces of the routers `{in}` have addresses on.
const BEHIND: &str = "SELECT DISTINCT rp.router_id AS router_id, rp.network_id AS network_id, \
    mine.subnet_id AS subnet_id FROM router_ports rp JOIN ip_allocations mine ON mine.port_id = rp.port_id \
    WHERE rp.router_id IN ({in}) AND rp.kind = 'interface'";

/// Hosts whose bound ports use the routers: looked for host by host, since there are far fewer of
/// them than ports.
const USERS: &str = "SELECT DISTINCT b.router_id, h.host FROM ({behind}) b \
    JOIN network_hosts h ON h.network_id = b.network_id \
    WHERE EXISTS (SELECT 1 FROM ports p JOIN ip_allocations a ON a.port_id = p.id \
    WHERE p.host = h.host AND p.network_id = b.network_id AND a.subnet_id = b.subnet_id \
    AND {bound} AND p.device_owner NOT LIKE 'network:%')";

const BAREMETAL: &str = "SELECT b.router_id, COUNT(DISTINCT p.id) FROM ({behind}) b \
    JOIN ports p ON p.network_id = b.network_id AND p.vnic_type = 'baremetal' \
    JOIN ip_allocations a ON a.port_id = p.id AND a.subnet_id = b.subnet_id \
    WHERE p.device_owner NOT LIKE 'network:%' GROUP BY b.router_id";

/// Floating IPs whose fixed port is where no agent carries them.
const IPV4: &str = "SELECT f.router_id, COUNT(*) FROM floatingips f JOIN routers r ON r.id = f.router_id \
    JOIN ports p ON p.id = f.port_id WHERE f.router_id IN ({in}) AND r.distributed = TRUE \
    AND NOT ({bound} AND EXISTS (SELECT 1 FROM agents g WHERE g.host = p.host AND g.topic = 'l3_agent' \
    AND {mode} IN ('dvr', 'dvr_snat'))) GROUP BY f.router_id";

/// Addresses below fc00::/7 in subnets that the gateway's network routes: those of one address scope,
/// or of none on both sides. Whether the gateway has IPv6 is counted: PostgreSQL would answer an
/// EXISTS by a look at all addresses.
const IPV6: &str = "SELECT b.router_id, COUNT(*) FROM ({behind}) b \
    JOIN subnets s ON s.id = b.subnet_id AND s.ip_version = 6 JOIN networks n ON n.id = b.network_id \
    JOIN routers r ON r.id = b.router_id JOIN networks e ON e.id = r.gw_network_id \
    JOIN ip_allocations a ON a.subnet_id = b.subnet_id AND a.ip_key < 'fc' JOIN ports p ON p.id = a.port_id \
    WHERE n.ipv6_address_scope IS NOT DISTINCT FROM e.ipv6_address_scope \
    AND (SELECT COUNT(*) FROM ip_allocations g JOIN subnets o ON o.id = g.subnet_id \
    WHERE g.port_id = r.gw_port_id AND o.ip_version = 6) > 0 \
    AND p.device_owner NOT LIKE 'network:%' GROUP BY b.router_id";

fn filled(engine: Engine, text: &str, marks: &str) -> String {
    let mode = dialect::json_field(engine, "g.configurations", "agent_mode");
    text.replace("{behind}", BEHIND).replace("{bound}", BOUND).replace("{mode}", &mode).replace("{in}", marks)
}

/// The three counts' statements for one router, `$1`: their plans are looked at by tests.
pub fn count_statements(engine: Engine) -> [(&'static str, String); 4] {
    [("users", USERS), ("baremetal", BAREMETAL), ("ipv4", IPV4), ("ipv6", IPV6)]
        .map(|(name, text)| (name, filled(engine, text, "$1")))
}

/// Some routers, by id, as marks and parameters.
struct Chosen<'a> {
    marks: String,
    params: Vec<Param<'a>>,
}

impl<'a> Chosen<'a> {
    fn of(ids: &'a [String]) -> Chosen<'a> {
        let marks: Vec<String> = (1..=ids.len()).map(|at| format!("${at}")).collect();
        Chosen { marks: marks.join(", "), params: ids.iter().map(|id| id.as_str().into()).collect() }
    }
}

type Found = BTreeMap<RouterId, RouterFacts>;

impl Tx<'_> {
    /// A router with all that is around it.
    pub async fn router_fact(&mut self, router: RouterId) -> Result<Option<RouterFacts>, DbError> {
        Ok(self.router_facts(&[router]).await?.remove(&router))
    }

    /// Several routers at once, with as many statements as one takes.
    pub async fn router_facts(&mut self, routers: &[RouterId]) -> Result<Found, DbError> {
        let ids: Vec<String> = routers.iter().map(RouterId::to_string).collect();
        let mut found = Found::new();
        for chunk in ids.chunks(CHUNK) {
            let some = Chosen::of(chunk);
            let rows: Vec<Router> =
                self.find(&ROUTER, &format!("id IN ({})", some.marks), &some.params).await?;
            let mut part: Found = rows.into_iter().map(|row| (row.id, facts(row))).collect();
            self.add_ports(&mut part, &some).await?;
            self.add_floating_ips(&mut part, &some).await?;
            self.add_agents(&mut part, &some).await?;
            self.add_counts(&mut part, &some).await?;
            self.add_configurations(&mut part).await?;
            found.append(&mut part);
        }
        Ok(found)
    }

    async fn add_ports(&mut self, found: &mut Found, some: &Chosen<'_>) -> Result<(), DbError> {
        let of = format!("SELECT port_id FROM router_ports WHERE router_id IN ({})", some.marks);
        let ports: Vec<Port> =
            self.find(&PORT, &format!("id IN ({of}) ORDER BY created_us, id"), &some.params).await?;
        let mut kinds: BTreeMap<PortId, (RouterId, RouterPortKind)> = BTreeMap::new();
        let sql =
            format!("SELECT port_id, router_id, kind FROM router_ports WHERE router_id IN ({})", some.marks);
        self.each(&sql, &some.params, |row| {
            let kind = RouterPortKind::ALL.into_iter().find(|kind| kind.as_str() == row.text(2));
            if let (Ok(id), Ok(router), Some(kind)) = (row.text(0).parse(), row.text(1).parse(), kind) {
                kinds.insert(id, (router, kind));
            }
        })
        .await?;
        let condition = format!("id IN (SELECT subnet_id FROM ip_allocations WHERE port_id IN ({of}))");
        let subnets: Vec<Subnet> = self.find(&SUBNET, &condition, &some.params).await?;
        let subnets: BTreeMap<_, _> = subnets.into_iter().map(|subnet| (subnet.id, subnet)).collect();
        for port in ports {
            let Some((router, kind)) = kinds.get(&port.id) else { continue };
            let Some(facts) = found.get_mut(router) else { continue };
            let on = port.fixed_ips.iter().filter_map(|fixed| subnets.get(&fixed.subnet_id));
            facts.subnets.extend(on.map(|subnet| (subnet.id, subnet.clone())));
            facts.ports.push(OwnPort { kind: *kind, port });
        }
        Ok(())
    }

    async fn add_floating_ips(&mut self, found: &mut Found, some: &Chosen<'_>) -> Result<(), DbError> {
        let sql = filled(
            self.engine(),
            "SELECT f.router_id, f.id, f.floating_network_id, f.floating_ip_address, f.fixed_ip_address, \
             CASE WHEN {bound} THEN p.host END FROM floatingips f JOIN ports p ON p.id = f.port_id \
             WHERE f.router_id IN ({in}) ORDER BY f.id",
            &some.marks,
        );
        self.each(&sql, &some.params, |row| {
            let Ok(router) = row.text(0).parse() else { return };
            if let (Some(facts), Some(fact)) = (found.get_mut(&router), floating_ip(row)) {
                facts.floating_ips.push(fact);
            }
        })
        .await?;
        let sql = format!(
            "SELECT f.router_id, w.id, f.floating_ip_address, w.protocol, w.external_first, w.external_last, \
             w.internal_ip_address, w.internal_first, w.internal_last FROM floatingips f \
             JOIN port_forwardings w ON w.floatingip_id = f.id WHERE f.router_id IN ({}) ORDER BY w.id",
            some.marks
        );
        self.each(&sql, &some.params, |row| {
            let Ok(router) = row.text(0).parse() else { return };
            if let (Some(facts), Some(fact)) = (found.get_mut(&router), forwarding(row)) {
                facts.forwardings.push(fact);
            }
        })
        .await
    }

    async fn add_agents(&mut self, found: &mut Found, some: &Chosen<'_>) -> Result<(), DbError> {
        let sql = format!(
            "SELECT ra.router_id, ra.agent_id, a.host, ra.state, ra.ha_port_id FROM router_agents ra \
             JOIN agents a ON a.id = ra.agent_id WHERE ra.router_id IN ({}) ORDER BY a.host",
            some.marks
        );
        self.each(&sql, &some.params, |row| {
            let (Ok(router), Ok(id)) = (row.text(0).parse(), row.text(1).parse()) else { return };
            let host = row.text(2).to_owned();
            let (state, ha_port) = (ha_state(row.text(3)), row.text(4).parse().ok());
            if let Some(facts) = found.get_mut(&router) {
                facts.agents.push(CentralAgent { id, host, state, ha_port });
            }
        })
        .await?;
        let sql = filled(self.engine(), USERS, &some.marks);
        self.each(&sql, &some.params, |row| {
            let Ok(router) = row.text(0).parse() else { return };
            if let Some(facts) = found.get_mut(&router) {
                facts.users.insert(row.text(1).to_owned());
            }
        })
        .await
    }

    async fn add_counts(&mut self, found: &mut Found, some: &Chosen<'_>) -> Result<(), DbError> {
        type Field = fn(&mut Centralized) -> &mut u32;
        let fields: [(&str, Field); 3] = [
            (BAREMETAL, |counts| &mut counts.baremetal),
            (IPV4, |counts| &mut counts.ipv4),
            (IPV6, |counts| &mut counts.ipv6),
        ];
        for (text, field) in fields {
            let sql = filled(self.engine(), text, &some.marks);
            self.each(&sql, &some.params, |row| {
                let Ok(router) = row.text(0).parse() else { return };
                if let Some(facts) = found.get_mut(&router) {
                    *field(&mut facts.counts) = u32::try_from(row.int(1)).unwrap_or(u32::MAX);
                }
            })
            .await?;
        }
        Ok(())
    }

    /// What the L3 agents of the hosts around the routers say of themselves, and their hosts' MAC
    /// addresses.
    async fn add_configurations(&mut self, found: &mut Found) -> Result<(), DbError> {
        let hosts: BTreeSet<String> = found.values().flat_map(around).collect();
        let hosts: Vec<String> = hosts.into_iter().collect();
        let (mut configurations, mut macs) = (BTreeMap::new(), BTreeMap::new());
        for chunk in hosts.chunks(CHUNK) {
            let some = Chosen::of(chunk);
            let sql = format!(
                "SELECT host, configurations FROM agents WHERE host IN ({}) AND topic = '{L3_TOPIC}'",
                some.marks
            );
            self.each(&sql, &some.params, |row| {
                if let Ok(said) = serde_json::from_str::<L3Configuration>(row.text(1)) {
                    configurations.insert(row.text(0).to_owned(), said);
                }
            })
            .await?;
            let sql = format!("SELECT host, mac_address FROM dvr_macs WHERE host IN ({})", some.marks);
            self.each(&sql, &some.params, |row| {
                if let Ok(mac) = row.text(1).parse() {
                    macs.insert(row.text(0).to_owned(), mac);
                }
            })
            .await?;
        }
        for facts in found.values_mut() {
            for host in around(facts) {
                if let Some(said) = configurations.get(&host) {
                    facts.hosts.insert(host.clone(), said.clone());
                }
                if let Some(mac) = macs.get(&host) {
                    facts.macs.insert(host, *mac);
                }
            }
        }
        Ok(())
    }

    /// What hosts were told of a router.
    pub async fn router_told(&mut self, router: RouterId) -> Result<BTreeMap<String, Told>, DbError> {
        let mut out = BTreeMap::new();
        let sql = "SELECT host, central, serves, loaded, part FROM router_hosts WHERE router_id = $1";
        self.each(sql, &[router.to_string().into()], |row| {
            let (central, serves, loaded) = (row.int(1) == 1, row.int(2) == 1, row.int(3) == 1);
            let part = row.text(4).to_owned();
            let told = Told { central, serves, loaded, part, networks: BTreeSet::new() };
            out.insert(row.text(0).to_owned(), told);
        })
        .await?;
        let sql = "SELECT host, network_id FROM router_networks WHERE router_id = $1";
        self.each(sql, &[router.to_string().into()], |row| {
            if let (Some(told), Ok(network)) = (out.get_mut(row.text(0)), row.text(1).parse()) {
                told.networks.insert(network);
            }
        })
        .await?;
        Ok(out)
    }

    /// Remembers what a host is told of a router, and keeps what it said.
    pub async fn tell_router(
        &mut self,
        router: RouterId,
        host: &str,
        before: Option<&Told>,
        after: &Told,
    ) -> Result<(), DbError> {
        let id = router.to_string();
        let Told { central, serves, loaded, part, networks } = after;
        let sql = "INSERT INTO router_hosts (router_id, host, central, serves, loaded, part) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (router_id, host) DO UPDATE SET \
                   central = excluded.central, serves = excluded.serves, loaded = excluded.loaded, part = excluded.part";
        let params = vec![
            id.as_str().into(),
            host.into(),
            (*central).into(),
            (*serves).into(),
            (*loaded).into(),
            part.as_str().into(),
        ];
        self.later(sql, params).await?;
        let had = before.map(|told| told.networks.clone()).unwrap_or_default();
        for network in networks.difference(&had) {
            let sql = "INSERT INTO router_networks (network_id, host, router_id) VALUES ($1, $2, $3) \
                       ON CONFLICT DO NOTHING";
            self.later(sql, vec![network.to_string().into(), host.into(), id.as_str().into()]).await?;
        }
        for network in had.difference(networks) {
            self.leave_network(&id, host, *network).await?;
        }
        Ok(())
    }

    async fn leave_network(&mut self, router: &str, host: &str, network: NetworkId) -> Result<(), DbError> {
        let sql = "DELETE FROM router_networks WHERE network_id = $1 AND host = $2 AND router_id = $3";
        self.later(sql, vec![network.to_string().into(), host.into(), router.into()]).await
    }

    /// Forgets that a host has anything of a router.
    pub async fn untell_router(&mut self, router: RouterId, host: &str) -> Result<(), DbError> {
        for table in ["router_networks", "router_hosts"] {
            let sql = format!("DELETE FROM {table} WHERE router_id = $1 AND host = $2");
            self.later(&sql, vec![router.to_string().into(), host.into()]).await?;
        }
        Ok(())
    }

    /// The networks that settling a router may change ports of, or bring to hosts.
    pub async fn networks_of_router(&mut self, router: &str) -> Result<Vec<String>, DbError> {
        let sql = "SELECT network_id FROM router_ports WHERE router_id = $1 \
                   UNION SELECT network_id FROM router_networks WHERE router_id = $1 \
                   UNION SELECT gw_network_id FROM routers WHERE id = $1 AND gw_network_id IS NOT NULL \
                   UNION SELECT floating_network_id FROM floatingips WHERE router_id = $1 \
                   UNION SELECT h.network_id FROM ha_networks h JOIN routers r ON r.project_id = h.project_id WHERE r.id = $1";
        self.texts(sql, &[router.into()]).await
    }

    /// The note that a router is due, to be taken off by [`Tx::router_is_settled`]; 0 without one.
    pub async fn router_note(&mut self, router: RouterId) -> Result<i64, DbError> {
        let sql = "SELECT since_us FROM router_dues WHERE router_id = $1";
        self.number(sql, &[router.to_string().into()]).await
    }

    /// Takes a router off the list of those that are due, unless it was put there again since `note`
    /// was read.
    pub fn router_is_settled(&mut self, router: RouterId, note: i64) {
        self.settled = Some((router, note));
    }

    /// Notes of routers are written when the transaction ends, in one order, and after everything that
    /// others wait for: nobody waits for more while he holds one.
    pub(crate) async fn write_dues(&mut self) -> Result<(), DbError> {
        if let Some((router, note)) = self.settled.take().filter(|(id, _)| !self.dues.contains_key(id)) {
            let sql = "DELETE FROM router_dues WHERE router_id = $1 AND since_us = $2";
            self.later(sql, vec![router.to_string().into(), note.into()]).await?;
        }
        let dues = std::mem::take(&mut self.dues);
        let Some(since) = dues.values().next().copied() else { return Ok(()) };
        let ids: Vec<String> = dues.keys().map(RouterId::to_string).collect();
        let items = dialect::json_texts(self.engine(), "$1");
        let sql = format!(
            "INSERT INTO router_dues (router_id, since_us) SELECT item.value, $2 FROM {items} AS item WHERE 1 = 1 \
             ON CONFLICT (router_id) DO UPDATE SET since_us = router_dues.since_us + 1"
        );
        self.later(&sql, vec![json!(ids).to_string().into(), since.into()]).await
    }

    /// Routers that are due, longest first.
    pub async fn dues(&mut self, most: u32) -> Result<Vec<RouterId>, DbError> {
        let sql = format!("SELECT router_id FROM router_dues ORDER BY since_us, router_id LIMIT {most}");
        Ok(parsed(self.texts(&sql, &[]).await?))
    }

    /// Routers that a host has to do with, or may have: it carries them, was told of them, or has ports
    /// of a network that they are in.
    pub async fn routers_of_host(&mut self, host: &str) -> Result<Vec<RouterId>, DbError> {
        let sql = "SELECT router_id FROM router_hosts WHERE host = $1 \
                   UNION SELECT ra.router_id FROM router_agents ra JOIN agents a ON a.id = ra.agent_id WHERE a.host = $1 \
                   UNION SELECT rp.router_id FROM network_hosts h JOIN router_ports rp ON rp.network_id = h.network_id \
                   WHERE h.host = $1 AND rp.kind = 'interface'";
        Ok(parsed(self.texts(sql, &[host.into()]).await?))
    }

    /// Routers with ports that too few agents carry: none, or of HA routers less than `wanted`; and those,
    /// HA routers apart, that are with an agent without a heartbeat since `abandoned_us`.
    pub async fn misplaced_routers(
        &mut self,
        after: &str,
        wanted: i64,
        abandoned_us: Option<i64>,
        most: u32,
    ) -> Result<Vec<RouterId>, DbError> {
        let sql = format!(
            "SELECT r.id FROM routers r WHERE r.id > $1 AND r.admin_state_up = TRUE \
             AND (r.ha = TRUE OR EXISTS (SELECT 1 FROM router_ports rp WHERE rp.router_id = r.id)) \
             AND ((SELECT COUNT(*) FROM router_agents ra WHERE ra.router_id = r.id) < CASE WHEN r.ha THEN $2 ELSE 1 END \
             OR (r.ha = FALSE AND EXISTS (SELECT 1 FROM router_agents ra JOIN agents a ON a.id = ra.agent_id \
             WHERE ra.router_id = r.id AND a.admin_state_up = TRUE AND a.heartbeat_us <= $3))) \
             ORDER BY r.id LIMIT {most}"
        );
        let abandoned_us = abandoned_us.unwrap_or(-1);
        Ok(parsed(self.texts(&sql, &[after.into(), wanted.into(), abandoned_us.into()]).await?))
    }

    /// Makes all routers that a host has to do with due.
    pub async fn routers_of_host_due(&mut self, host: &str, now_us: i64) -> Result<(), DbError> {
        for router in self.routers_of_host(host).await? {
            self.router_due(router, now_us).await?;
        }
        Ok(())
    }
}

fn parsed(ids: Vec<String>) -> Vec<RouterId> {
    ids.iter().filter_map(|id| id.parse().ok()).collect()
}

fn facts(row: Router) -> RouterFacts {
    RouterFacts {
        row,
        ports: vec![],
        subnets: BTreeMap::new(),
        floating_ips: vec![],
        forwardings: vec![],
        agents: vec![],
        users: BTreeSet::new(),
        hosts: BTreeMap::new(),
        macs: BTreeMap::new(),
        counts: Centralized::default(),
    }
}

fn around(facts: &RouterFacts) -> Vec<String> {
    let agents = facts.agents.iter().map(|agent| agent.host.clone());
    let floating = facts.floating_ips.iter().filter_map(|ip| ip.host.clone());
    agents.chain(facts.users.iter().cloned()).chain(floating).collect()
}

fn ha_state(text: &str) -> HaState {
    match text {
        "active" => HaState::Active,
        "standby" => HaState::Standby,
        _ => HaState::Unknown,
    }
}

fn floating_ip(row: &Row<'_>) -> Option<FloatingFact> {
    Some(FloatingFact {
        id: row.text(1).parse().ok()?,
        network_id: row.text(2).parse().ok()?,
        floating_ip: row.text(3).parse().ok()?,
        fixed_ip: row.text(4).parse().ok()?,
        host: Some(row.text(5).to_owned()).filter(|host| !host.is_empty()),
    })
}

fn forwarding(row: &Row<'_>) -> Option<PortForwarding> {
    let ports = |at: usize| match (row.cell(at), row.cell(at + 1)) {
        (Cell::Int(first), Cell::Int(last)) => Some((u16::try_from(first).ok()?, u16::try_from(last).ok()?)),
        _ => None,
    };
    Some(PortForwarding {
        id: row.text(1).parse().ok()?,
        floating_ip: row.text(2).parse().ok()?,
        protocol: row.text(3).to_owned(),
        external_ports: ports(4),
        internal_ip: row.text(6).parse().ok()?,
        internal_ports: ports(7),
    })
}
