//! The facts that a router's shares on hosts are made of, read with as many statements for many as
//! for one.

use std::collections::{BTreeMap, BTreeSet};

use model::api::metering::{METERING_LABEL_RULE, MeteringLabelRule};
use model::api::port::{PORT, Port};
use model::api::router::{ROUTER, Router, RouterPortKind};
use model::api::subnet::{SUBNET, Subnet};
use model::desired::{Centralized, ConntrackHelper, PortForwarding};
use model::l3::{CentralAgent, FloatingFact, OwnPort, RouterFacts};
use model::report::{HaState, L3_TOPIC, L3Configuration};
use model::{MeteringLabelId, PortId, QosPolicyId, RouterId};
use serde_json::json;

use super::counts::{BAREMETAL, IPV4, IPV6, USERS, filled};
use crate::dialect;
use crate::engine::{Cell, DbError, Param, Row, Tx};
use crate::router_agent::STATE;

/// Ids bound to one statement at most.
const CHUNK: usize = 200;

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
            self.add_gateway_rules(&mut part).await?;
            self.add_ports(&mut part, &some).await?;
            self.add_floating_ips(&mut part, &some).await?;
            self.add_agents(&mut part, &some).await?;
            self.add_counts(&mut part, &some).await?;
            self.add_ndp_proxies(&mut part, &some).await?;
            self.add_meters(&mut part, &some).await?;
            self.add_configurations(&mut part).await?;
            found.append(&mut part);
        }
        Ok(found)
    }

    async fn add_gateway_rules(&mut self, found: &mut Found) -> Result<(), DbError> {
        let policies: Vec<QosPolicyId> =
            found.values().filter_map(|facts| facts.row.gw_qos_policy_id).collect();
        let policies = self.qos_policies(&policies).await?;
        for facts in found.values_mut() {
            let policy = facts.row.gw_qos_policy_id.and_then(|id| policies.get(&id));
            facts.gateway_rules = policy.map(|policy| policy.rules.clone()).unwrap_or_default();
        }
        Ok(())
    }

    async fn add_ports(&mut self, found: &mut Found, some: &Chosen<'_>) -> Result<(), DbError> {
        let of = format!("SELECT port_id FROM router_ports WHERE router_id IN ({})", some.marks);
        let ports: Vec<Port> =
            self.find(&PORT, &format!("id IN ({of}) ORDER BY created_us, id"), &some.params).await?;
        let mut kinds: BTreeMap<PortId, (RouterId, RouterPortKind)> = BTreeMap::new();
        let sql =
            format!("SELECT port_id, router_id, kind FROM router_ports WHERE router_id IN ({})", some.marks);
        self.each(&sql, &some.params, |row| {
            let kind = RouterPortKind::of(row.text(2));
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
             CASE WHEN {bound} THEN p.host END, q.rules FROM floatingips f JOIN ports p ON p.id = f.port_id \
             LEFT JOIN policies q ON q.id = f.qos_policy_id WHERE f.router_id IN ({in}) ORDER BY f.id",
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
             w.internal_ip_address, w.internal_first, w.internal_last, q.rules FROM floatingips f \
             JOIN port_forwardings w ON w.floatingip_id = f.id \
             LEFT JOIN policies q ON q.id = f.qos_policy_id WHERE f.router_id IN ({}) ORDER BY w.id",
            some.marks
        );
        self.each(&sql, &some.params, |row| {
            let Ok(router) = row.text(0).parse() else { return };
            if let (Some(facts), Some(fact)) = (found.get_mut(&router), forwarding(row)) {
                if let Ok(rules) = serde_json::from_str(row.text(9)) {
                    facts.forwarding_rules.insert(fact.floating_ip, rules);
                }
                facts.forwardings.push(fact);
            }
        })
        .await?;
        let sql = format!(
            "SELECT router_id, protocol, port, helper FROM conntrack_helpers WHERE router_id IN ({}) \
             ORDER BY created_us, id",
            some.marks
        );
        self.each(&sql, &some.params, |row| {
            let (Ok(router), Ok(port)) = (row.text(0).parse(), u16::try_from(row.int(2))) else { return };
            if let Some(facts) = found.get_mut(&router) {
                let (protocol, helper) = (row.text(1).to_owned(), row.text(3).to_owned());
                facts.helpers.push(ConntrackHelper { protocol, port, helper });
            }
        })
        .await
    }

    /// Of addresses that their ports have.
    async fn add_ndp_proxies(&mut self, found: &mut Found, some: &Chosen<'_>) -> Result<(), DbError> {
        let sql = format!(
            "SELECT n.router_id, n.ip_address FROM ndp_proxies n JOIN ip_allocations a \
             ON a.port_id = n.port_id AND a.ip_address = n.ip_address WHERE n.router_id IN ({})",
            some.marks
        );
        self.each(&sql, &some.params, |row| {
            let (Ok(router), Ok(ip)) = (row.text(0).parse(), row.text(1).parse()) else { return };
            if let Some(facts) = found.get_mut(&router) {
                facts.ndp_proxies.insert(ip);
            }
        })
        .await
    }

    /// Labels of the routers' projects and shared ones, as far as they have rules.
    async fn add_meters(&mut self, found: &mut Found, some: &Chosen<'_>) -> Result<(), DbError> {
        let sql = format!(
            "SELECT r.id, l.id FROM routers r JOIN metering_labels l \
             ON (l.shared = TRUE OR l.project_id = r.project_id) WHERE r.id IN ({}) ORDER BY l.id",
            some.marks
        );
        let mut labels: BTreeMap<MeteringLabelId, Vec<RouterId>> = BTreeMap::new();
        self.each(&sql, &some.params, |row| {
            if let (Ok(router), Ok(label)) = (row.text(0).parse(), row.text(1).parse()) {
                labels.entry(label).or_default().push(router);
            }
        })
        .await?;
        if labels.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = labels.keys().map(MeteringLabelId::to_string).collect();
        let of = dialect::among(self.engine(), "$1");
        let condition = format!("metering_label_id IN {of} ORDER BY metering_label_id, created_us, id");
        let rules: Vec<MeteringLabelRule> =
            self.find(&METERING_LABEL_RULE, &condition, &[json!(ids).to_string().into()]).await?;
        for rule in rules {
            for router in labels.get(&rule.metering_label_id).into_iter().flatten() {
                if let Some(facts) = found.get_mut(router) {
                    facts.meters.push(rule.clone());
                }
            }
        }
        Ok(())
    }

    async fn add_agents(&mut self, found: &mut Found, some: &Chosen<'_>) -> Result<(), DbError> {
        let sql = format!(
            "SELECT ra.router_id, ra.agent_id, a.host, {STATE}, ra.ha_port_id FROM router_agents ra \
             JOIN agents a ON a.id = ra.agent_id WHERE ra.router_id IN ({}) ORDER BY a.host",
            some.marks
        );
        self.each(&sql, &some.params, |row| {
            let (Ok(router), Ok(id)) = (row.text(0).parse(), row.text(1).parse()) else { return };
            let host = row.text(2).to_owned();
            let (state, ha_port) = (HaState::of(row.text(3)), row.text(4).parse().ok());
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
}

fn facts(row: Router) -> RouterFacts {
    RouterFacts {
        row,
        ports: vec![],
        subnets: BTreeMap::new(),
        floating_ips: vec![],
        forwardings: vec![],
        forwarding_rules: BTreeMap::new(),
        helpers: vec![],
        ndp_proxies: BTreeSet::new(),
        meters: vec![],
        gateway_rules: vec![],
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

fn floating_ip(row: &Row<'_>) -> Option<FloatingFact> {
    Some(FloatingFact {
        id: row.text(1).parse().ok()?,
        network_id: row.text(2).parse().ok()?,
        floating_ip: row.text(3).parse().ok()?,
        fixed_ip: row.text(4).parse().ok()?,
        host: Some(row.text(5).to_owned()).filter(|host| !host.is_empty()),
        rules: serde_json::from_str(row.text(6)).unwrap_or_default(),
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
        qos: None,
    })
}
