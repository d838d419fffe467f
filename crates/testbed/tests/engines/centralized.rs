//! The counts of routers cost what is behind the router, on both engines: their plans are printed,
//! and looked at.

use db::{Db, Engine, ROUTER_LOAD, count_statements};
use testbed::Home;

testbed::on_both_engines!(counts_reach_their_rows_by_indexes, counts_cost_nothing_for_ports_of_others);

/// `ports` ports of other networks, and a router with a handful behind it.
async fn filled(db: &Db, ports: usize) -> String {
    let mut tx = db.begin().await.expect("begins");
    let id = |n: usize| format!("00000000-0000-0000-0000-{n:012}");
    let t = "'2026-01-01T00:00:00Z'";
    let network = |n: usize| {
        format!(
            "INSERT INTO networks (id, project_id, name, admin_state_up, status, shared, router_external, segments, \
             multi_segment, mtu, availability_zone_hints, ha, port_security_enabled, is_default, dns_domain, \
             description, tags, revision_number, created_at, updated_at, created_us) VALUES \
             ('{}', 'p', '', TRUE, 'ACTIVE', FALSE, FALSE, '[]', FALSE, 1500, '[]', FALSE, TRUE, FALSE, '', '', '[]', \
             1, {t}, {t}, 0)",
            id(n)
        )
    };
    let subnet = |n: usize| {
        format!(
            "INSERT INTO subnets (id, project_id, network_id, name, ip_version, cidr, allocation_pools, \
             dns_nameservers, host_routes, enable_dhcp, service_types, dns_publish_fixed_ip, description, tags, \
             revision_number, created_at, updated_at, created_us) VALUES ('{0}', 'p', '{0}', '', 6, '2001:db8::/64', \
             '[]', '[]', '[]', FALSE, '[]', FALSE, '', '[]', 1, {t}, {t}, 0)",
            id(n)
        )
    };
    for n in 1..=21 {
        tx.execute(&network(n), &[]).await.expect("a network");
        tx.execute(&subnet(n), &[]).await.expect("a subnet");
    }
    let router = format!(
        "INSERT INTO routers (id, project_id, name, admin_state_up, status, gw_network_id, enable_snat, ha, distributed, \
         enable_ndp_proxy, availability_zone_hints, routes, description, tags, revision_number, created_at, \
         updated_at, created_us) VALUES ('{}', 'p', '', TRUE, 'ACTIVE', '{}', FALSE, FALSE, TRUE, FALSE, '[]', '[]', '', \
         '[]', 1, {t}, {t}, 0)",
        id(1),
        id(21)
    );
    tx.execute(&router, &[]).await.expect("a router");
    for n in 1..=ports + 10 {
        // The first ten are behind the router, the others in networks of their own.
        let of = if n <= 10 { 1 } else { 2 + n % 19 };
        let (vnic, owner) = match n {
            1 => ("normal", "network:router_interface_distributed"),
            n if n % 10 == 0 => ("baremetal", "baremetal:none"),
            _ => ("normal", "compute:nova"),
        };
        let port = format!(
            "INSERT INTO ports (id, project_id, network_id, name, admin_state_up, mac_address, fixed_ips, device_id, \
             device_owner, status, allowed_address_pairs, extra_dhcp_opts, ip_allocation, vif_type, vif_details, \
             vnic_type, host, profile, port_security_enabled, propagate_uplink_status, dns_name, dns_assignment, \
             dns_domain, description, tags, revision_number, created_at, updated_at, l2_ready, dhcp_ready, created_us) \
             VALUES ('{}', 'p', '{}', '', TRUE, '{n}', '[]', '', '{owner}', 'DOWN', '[]', '[]', 'immediate', 'tap', '{{}}', \
             '{vnic}', 'h-{}', '{{}}', TRUE, TRUE, '', '[]', '', '', '[]', 1, {t}, {t}, FALSE, FALSE, 0)",
            id(n),
            id(of),
            n % 50
        );
        tx.execute(&port, &[]).await.expect("a port");
        let address = format!(
            "INSERT INTO ip_allocations (subnet_id, ip_key, ip_address, port_id) VALUES ('{}', '{n:032x}', '{n}', '{}')",
            id(of),
            id(n)
        );
        tx.execute(&address, &[]).await.expect("an address");
    }
    let leg = format!(
        "INSERT INTO router_ports (port_id, router_id, network_id, kind) VALUES ('{0}', '{0}', '{0}', 'interface')",
        id(1)
    );
    tx.execute(&leg, &[]).await.expect("an interface");
    let hosts = "INSERT INTO network_hosts (network_id, host) SELECT DISTINCT network_id, host FROM ports";
    tx.execute(hosts, &[]).await.expect("hosts");
    tx.commit().await.expect("commits");
    if db.engine() == Engine::Postgres {
        let mut tx = db.begin().await.expect("begins");
        tx.execute("ANALYZE", &[]).await.expect("statistics");
        tx.commit().await.expect("commits");
    }
    id(1)
}

async fn counts_reach_their_rows_by_indexes(engine: Engine) {
    let home = Home::make(engine).await.expect("a database");
    let db = home.open().await.expect("opens");
    let router = filled(&db, 5000).await;
    let mut tx = db.read().await.expect("reads");
    for (name, sql) in count_statements(engine) {
        let (explain, at) = match engine {
            Engine::Sqlite => ("EXPLAIN QUERY PLAN", 3),
            Engine::Postgres => ("EXPLAIN", 0),
        };
        let mut lines = Vec::new();
        let sql = format!("{explain} {sql}");
        tx.each(&sql, &[router.as_str().into()], |row| lines.push(row.text(at).to_owned()))
            .await
            .expect("a plan");
        println!("{name}\n  {}", lines.join("\n  "));
        let scans = |line: &&String| {
            let line = line.trim();
            match engine {
                Engine::Sqlite => ["SCAN p", "SCAN a", "SCAN f", "SCAN g", "SCAN h", "SCAN mine"]
                    .iter()
                    .any(|scan| line == *scan || line.starts_with(&format!("{scan} "))),
                Engine::Postgres => ["ports", "ip_allocations", "network_hosts"]
                    .iter()
                    .any(|table| line.contains(&format!("Seq Scan on {table}"))),
            }
        };
        let scanned: Vec<_> = lines.iter().filter(scans).collect();
        assert!(!lines.is_empty() && scanned.is_empty(), "{name} scans: {scanned:?}");
    }
}

/// How many routers each agent carries is read out of an index alone.
#[tokio::test]
async fn what_agents_carry_is_counted_in_an_index() {
    let home = Home::make(Engine::Sqlite).await.expect("a database");
    let db = home.open().await.expect("opens");
    let mut tx = db.read().await.expect("reads");
    let mut lines = Vec::new();
    let sql = format!("EXPLAIN QUERY PLAN {ROUTER_LOAD}");
    tx.each(&sql, &[], |row| lines.push(row.text(3).to_owned())).await.expect("a plan");
    println!("load\n  {}", lines.join("\n  "));
    assert!(lines.len() == 1 && lines[0].contains("COVERING INDEX router_agents_agent"), "{lines:?}");
}

/// Steps that SQLite's machine takes, or blocks that PostgreSQL looks at.
async fn cost(db: &Db, router: &str) -> Vec<(&'static str, u64)> {
    let mut tx = db.read().await.expect("reads");
    let mut out = Vec::new();
    for (name, sql) in count_statements(db.engine()) {
        let mut cost = 0;
        match db.engine() {
            Engine::Sqlite => {
                // The shortest of several: what else the machine does is not its own.
                cost = u64::MAX;
                for _ in 0..50 {
                    let begin = std::time::Instant::now();
                    tx.each(&sql, &[router.into()], |_| {}).await.expect("counts");
                    cost = cost.min(begin.elapsed().as_nanos() as u64);
                }
            }
            Engine::Postgres => {
                let sql = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF) {sql}");
                tx.each(&sql, &[router.into()], |row| {
                    let hits = |line: &str| {
                        line.split("shared hit=").nth(1)?.split([' ', '\n']).next()?.parse().ok()
                    };
                    cost = cost.max(hits(row.text(0)).unwrap_or(0));
                })
                .await
                .expect("a plan");
            }
        }
        out.push((name, cost));
    }
    out
}

async fn counts_cost_nothing_for_ports_of_others(engine: Engine) {
    let mut costs = Vec::new();
    for ports in [500, 10_000] {
        let home = Home::make(engine).await.expect("a database");
        let db = home.open().await.expect("opens");
        let router = filled(&db, ports).await;
        let costs_here = cost(&db, &router).await;
        println!("{engine}, {ports} ports of others: {costs_here:?}");
        costs.push(costs_here);
    }
    for ((name, few), (_, many)) in costs[0].iter().zip(&costs[1]) {
        let what = format!("{name}: {few} with 500 ports of others, {many} with 10,000");
        assert!(*many <= few * 5 / 2 + 40_000 * u64::from(engine == Engine::Sqlite) + 12, "{what}");
    }
}
