//! Who uses routers, and what of them needs a network node: statements that stay flat.
//!
//! Each reaches its rows by an index from the routers asked for: what it costs grows with what is
//! behind these, never with the ports of others. A test shows the plans of both engines.

use model::desired::L3Mode;

use crate::dialect;
use crate::engine::Engine;

/// The port `p` is at a host.
pub(super) const BOUND: &str = "p.host <> '' AND p.vif_type NOT IN ('unbound', 'binding_failed')";

/// The port `p` is one that routers serve, as `cloud::l3::listen::is_served` has it.
pub(super) const SERVED: &str = "p.device_owner NOT LIKE 'network:%'";

/// The host of the port `p` carries floating IPs of distributed routers itself, as
/// `cloud::view::router::carrier` has it.
const CARRIES: &str = "{bound} AND EXISTS (SELECT 1 FROM agents g WHERE g.host = p.host \
    AND g.topic = 'l3_agent' AND {mode} IN ({own_way}))";

/// Subnets that the interfaces of the routers `{in}` have addresses on.
const BEHIND: &str = "SELECT DISTINCT rp.router_id AS router_id, rp.network_id AS network_id, \
    mine.subnet_id AS subnet_id FROM router_ports rp JOIN ip_allocations mine ON mine.port_id = rp.port_id \
    WHERE rp.router_id IN ({in}) AND rp.kind = 'interface'";

/// Hosts whose bound ports use the routers: looked for host by host, since there are far fewer of
/// them than ports.
pub(super) const USERS: &str = "SELECT DISTINCT b.router_id, h.host FROM ({behind}) b \
    JOIN network_hosts h ON h.network_id = b.network_id \
    WHERE EXISTS (SELECT 1 FROM ports p JOIN ip_allocations a ON a.port_id = p.id \
    WHERE p.host = h.host AND p.network_id = b.network_id AND a.subnet_id = b.subnet_id \
    AND {bound} AND {served})";

pub(super) const BAREMETAL: &str = "SELECT b.router_id, COUNT(DISTINCT p.id) FROM ({behind}) b \
    JOIN ports p ON p.network_id = b.network_id AND p.vnic_type = 'baremetal' \
    JOIN ip_allocations a ON a.port_id = p.id AND a.subnet_id = b.subnet_id \
    WHERE {served} GROUP BY b.router_id";

/// Floating IPs whose fixed port is where no agent carries them.
pub(super) const IPV4: &str = "SELECT f.router_id, COUNT(*) FROM floatingips f JOIN routers r ON r.id = f.router_id \
    JOIN ports p ON p.id = f.port_id WHERE f.router_id IN ({in}) AND r.distributed = TRUE \
    AND NOT ({carries}) GROUP BY f.router_id";

/// Addresses below fc00::/7 in subnets that the gateway's network routes: those of one address scope,
/// or of none on both sides. Whether the gateway has IPv6 is counted: PostgreSQL would answer an
/// EXISTS by a look at all addresses.
pub(super) const IPV6: &str = "SELECT b.router_id, COUNT(*) FROM ({behind}) b \
    JOIN subnets s ON s.id = b.subnet_id AND s.ip_version = 6 JOIN networks n ON n.id = b.network_id \
    JOIN routers r ON r.id = b.router_id JOIN networks e ON e.id = r.gw_network_id \
    JOIN ip_allocations a ON a.subnet_id = b.subnet_id AND a.ip_key < 'fc' JOIN ports p ON p.id = a.port_id \
    WHERE n.ipv6_address_scope IS NOT DISTINCT FROM e.ipv6_address_scope \
    AND (SELECT COUNT(*) FROM ip_allocations g JOIN subnets o ON o.id = g.subnet_id \
    WHERE g.port_id = r.gw_port_id AND o.ip_version = 6) > 0 \
    AND {served} GROUP BY b.router_id";

/// A host carries floating IPs of an external network: `{host}` and `{network}`.
const WAY: &str = "EXISTS (SELECT 1 FROM ports p JOIN floatingips f ON f.port_id = p.id \
    JOIN routers r ON r.id = f.router_id WHERE p.host = {host} AND f.floating_network_id = {network} \
    AND r.distributed = TRUE AND r.admin_state_up = TRUE AND {carries})";

/// The same of the host `$1` and the network `$2`.
pub(super) fn way_is_used(engine: Engine) -> String {
    let way = WAY.replace("{host}", "$1").replace("{network}", "$2");
    filled(engine, &format!("SELECT {way}"), "")
}

/// Networks and hosts with ways out, of the owner `$1`, that carry nothing: looked for agent by agent, of
/// which there are few.
pub(super) fn idle_ways(engine: Engine) -> String {
    let way = WAY.replace("{host}", "w.host").replace("{network}", "w.network_id");
    let text = format!(
        "SELECT DISTINCT w.network_id, w.host FROM agents l JOIN ports w ON w.device_id = l.id \
         WHERE l.topic = 'l3_agent' AND w.device_owner = $1 AND w.host <> '' AND NOT {way} \
         ORDER BY w.network_id, w.host"
    );
    filled(engine, &text, "")
}

/// A statement with its names put in, of the routers `marks`.
pub(super) fn filled(engine: Engine, text: &str, marks: &str) -> String {
    let mode = dialect::json_field(engine, "g.configurations", "agent_mode");
    let own_way = L3Mode::ALL.into_iter().filter(|mode| mode.has_own_way());
    let own_way: Vec<String> = own_way.map(|mode| format!("'{mode}'")).collect();
    let names = [
        ("{behind}", BEHIND),
        ("{carries}", CARRIES),
        ("{bound}", BOUND),
        ("{served}", SERVED),
        ("{mode}", &mode),
        ("{own_way}", &own_way.join(", ")),
        ("{in}", marks),
    ];
    names.into_iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// The three counts' statements for one router, `$1`: their plans are looked at by tests.
pub fn count_statements(engine: Engine) -> [(&'static str, String); 4] {
    [("users", USERS), ("baremetal", BAREMETAL), ("ipv4", IPV4), ("ipv6", IPV6)]
        .map(|(name, text)| (name, filled(engine, text, "$1")))
}
