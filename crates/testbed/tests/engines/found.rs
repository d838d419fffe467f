//! What is asked of many ports costs what it answers: the engines say how they reach the rows.

use db::{Db, Engine, Reader};
use model::api::port::PORT;
use model::api::query::{Query, parse};
use testbed::Home;

testbed::on_both_engines!(ports_are_reached_by_indexes);

const PORTS: usize = 20_000;
const PROJECTS: usize = 200;

/// Ports of many projects, in networks of many others.
async fn filled(db: &Db) {
    let mut tx = db.begin().await.expect("begins");
    let t = "'2026-01-01T00:00:00Z'";
    let id = |kind: usize, n: usize| format!("{kind:08}-0000-0000-0000-{n:012}");
    for n in 0..PROJECTS {
        let network = format!(
            "INSERT INTO networks (id, project_id, name, admin_state_up, status, shared, router_external, segments, \
             multi_segment, mtu, availability_zone_hints, ha, port_security_enabled, is_default, dns_domain, \
             description, tags, revision_number, created_at, updated_at, created_us) VALUES ('{}', 'owner-{n}', '', \
             TRUE, 'ACTIVE', FALSE, FALSE, '[]', FALSE, 1500, '[]', FALSE, TRUE, FALSE, '', '', '[]', 1, {t}, {t}, 0)",
            id(1, n)
        );
        tx.execute(&network, &[]).await.expect("a network");
        let subnet = format!(
            "INSERT INTO subnets (id, project_id, network_id, name, ip_version, cidr, allocation_pools, \
             dns_nameservers, host_routes, enable_dhcp, service_types, dns_publish_fixed_ip, description, tags, \
             revision_number, created_at, updated_at, created_us) VALUES ('{}', 'owner-{n}', '{}', '', 4, '10.0.0.0/8', \
             '[]', '[]', '[]', FALSE, '[]', FALSE, '', '[]', 1, {t}, {t}, 0)",
            id(2, n),
            id(1, n)
        );
        tx.execute(&subnet, &[]).await.expect("a subnet");
    }
    for first in (0..PORTS).step_by(500) {
        let (mut ports, mut addresses) = (Vec::new(), Vec::new());
        for n in first..first + 500 {
            ports.push(format!(
                "('{}', 'member-{}', '{}', 'port-{n}', TRUE, 'fa:16:3e:{:02x}:{:02x}:{:02x}', '[]', 'device-{}', \
                 'compute:nova', 'DOWN', '[]', '[]', 'immediate', 'unbound', '{{}}', 'normal', 'h-{}', '{{}}', TRUE, \
                 TRUE, '', '[]', '', '', '[]', 1, {t}, {t}, FALSE, FALSE, 0)",
                id(3, n),
                n % PROJECTS,
                id(1, n * 7 % PROJECTS),
                n >> 16,
                n >> 8 & 255,
                n & 255,
                n / 4,
                n % 50
            ));
            addresses.push(format!(
                "('{}', '{n:032x}', '10.{}.{}.1', '{}')",
                id(2, n * 7 % PROJECTS),
                n >> 8,
                n & 255,
                id(3, n)
            ));
        }
        let ports = format!(
            "INSERT INTO ports (id, project_id, network_id, name, admin_state_up, mac_address, fixed_ips, device_id, \
             device_owner, status, allowed_address_pairs, extra_dhcp_opts, ip_allocation, vif_type, vif_details, \
             vnic_type, host, profile, port_security_enabled, propagate_uplink_status, dns_name, dns_assignment, \
             dns_domain, description, tags, revision_number, created_at, updated_at, l2_ready, dhcp_ready, created_us) \
             VALUES {}",
            ports.join(", ")
        );
        tx.execute(&ports, &[]).await.expect("ports");
        let addresses = format!(
            "INSERT INTO ip_allocations (subnet_id, ip_key, ip_address, port_id) VALUES {}",
            addresses.join(", ")
        );
        tx.execute(&addresses, &[]).await.expect("addresses");
    }
    tx.commit().await.expect("commits");
    // PostgreSQL does so by itself after a while.
    if db.engine() == Engine::Postgres {
        let mut tx = db.begin().await.expect("begins");
        tx.execute("ANALYZE", &[]).await.expect("statistics");
        tx.commit().await.expect("commits");
    }
}

async fn ports_are_reached_by_indexes(engine: Engine) {
    let home = Home::make(engine).await.expect("a database");
    let db = home.open().await.expect("opens");
    filled(&db).await;
    let network = "network_id=00000001-0000-0000-0000-000000000007";
    let queries = [
        "id=00000003-0000-0000-0000-000000000007".to_owned(),
        "name=port-7".to_owned(),
        "device_id=device-7".to_owned(),
        "mac_address=fa:16:3e:00:00:07".to_owned(),
        "fixed_ips=ip_address%3D10.0.7.1".to_owned(),
        format!("{network}&fixed_ips=ip_address%3D10.0.7.1"),
        network.to_owned(),
        format!("{network}&device_owner=compute:nova&limit=10"),
        String::new(),
        "limit=10".to_owned(),
        "limit=10&marker=00000003-0000-0000-0000-000000010000".to_owned(),
    ];
    let mut tx = db.read().await.expect("reads");
    for query in &queries {
        let parsed: Query = parse(&PORT, query, None).expect("a query");
        for project in [None, Some("member-7")] {
            // An administrator's list without a filter is all of them, or the first of them.
            if ["", "limit=10"].contains(&query.as_str()) && project.is_none() {
                continue;
            }
            let reader = Reader { project, caller: project.unwrap_or_default(), ..Reader::default() };
            let lines = tx.plan(&PORT, &parsed, &reader).await.expect("a plan");
            println!("{query}, asked by {project:?}\n  {}", lines.join("\n  "));
            let scans = |line: &&String| match engine {
                Engine::Sqlite => line.trim().starts_with("SCAN ports"),
                Engine::Postgres => line.contains("Seq Scan on ports"),
            };
            let scanned: Vec<_> = lines.iter().filter(scans).collect();
            assert!(!lines.is_empty() && scanned.is_empty(), "{query} by {project:?} walks: {lines:#?}");
        }
    }
}
