//! The same rows in both engines, the same questions, the same bytes.

use db::{Allocated, Db, DbError, Reader, Tx};
use model::api::port::Port;
use model::api::query;
use model::api::router::{ROUTER, RouterPortKind};
use model::api::table::Resource;
use model::api::{RESOURCES, network::NETWORK, port::PORT, subnet::SUBNET};
use model::desired::Kind;
use model::{AgentId, NetworkId, PortId, RouterId, SubnetId};
use serde_json::{Value, json};
use testbed::{Draw, Engine, Home};

use super::rows::{TEXTS, id, row, text};

const NETWORKS: usize = 12;
const PORTS: usize = 80;
const ROUTERS: usize = 9;

async fn fill(db: &Db) {
    let mut draw = Draw(20_261_121);
    let mut tx = db.begin().await.expect("begins");
    let agent_table = RESOURCES.into_iter().find(|table| table.singular == "agent").expect("agents");
    for n in 0..6 {
        let fixed = [
            ("id", json!(id(4, n))),
            ("host", json!(format!("h{n}"))),
            ("agent_type", json!(if n < 3 { "DHCP agent" } else { "other" })),
            ("topic", json!("N/A")),
            ("configurations", json!({ "tunneling_ip": format!("192.0.2.{}", n + 1) })),
            ("heartbeat_us", json!(n * 100)),
        ];
        tx.insert(agent_table, &row(agent_table, &mut draw, &fixed)).await.expect("an agent");
    }
    for n in 0..NETWORKS {
        let (network, owner) = (NetworkId(id(1, n)), format!("project-{}", n % 3));
        let fixed = [
            ("id", json!(network)),
            ("is_default", json!(n == 0)),
            ("project_id", json!(owner)),
            ("segments", json!([])),
        ];
        tx.insert(&NETWORK, &row(&NETWORK, &mut draw, &fixed)).await.expect("a network");
        let segment = Allocated {
            network_type: "vxlan".into(),
            physical_network: text(&mut draw).into(),
            segmentation_id: 100 + n as i64,
        };
        tx.hold_segment(&segment, network).await.expect("a segment");
        tx.bind_dhcp(network, AgentId(id(4, n % 3))).await.expect("bound");
        tx.bind_dhcp(network, AgentId(id(4, (n + 1) % 3))).await.expect("bound");
        for s in 0..2 {
            let fixed = [
                ("id", json!(id(2, n * 2 + s))),
                ("network_id", json!(network)),
                ("ip_version", json!(4)),
                ("cidr", json!(format!("10.{n}.{s}.0/24"))),
                ("gateway_ip", json!(format!("10.{n}.{s}.1"))),
                ("subnetpool_id", Value::Null),
                ("segment_id", Value::Null),
                ("ipv6_ra_mode", Value::Null),
                ("ipv6_address_mode", Value::Null),
            ];
            tx.insert(&SUBNET, &row(&SUBNET, &mut draw, &fixed)).await.expect("a subnet");
        }
    }
    for n in 0..PORTS {
        let at = n % NETWORKS;
        let (port, network) = (PortId(id(3, n)), NetworkId(id(1, at)));
        let host = if n % 4 == 0 { String::new() } else { format!("h{}", n % 5) };
        let owner = ["", "network:dhcp", "compute:nova", "Network:x"][draw.below(4)];
        let (subnet, ip) =
            (SubnetId(id(2, at * 2 + n % 2)), std::net::IpAddr::from([10, at as u8, (n % 2) as u8, n as u8]));
        let fixed = [
            ("id", json!(port)),
            ("network_id", json!(network)),
            ("mac_address", json!(format!("fa:16:3e:00:00:{n:02x}"))),
            ("fixed_ips", json!([{ "subnet_id": subnet, "ip_address": ip }])),
            (
                "vif_type",
                json!(["unbound", "tap", "binding_failed"][if host.is_empty() { 0 } else { 1 + n % 2 }]),
            ),
            ("device_owner", json!(owner)),
            ("device_id", json!(["dhcp", "DHCP", "x"][n % 3].to_owned() + "-" + &network.to_string())),
            ("vif_details", json!({})),
            ("profile", json!({})),
            ("resource_request", Value::Null),
            ("hints", Value::Null),
            ("host", json!(host)),
        ];
        tx.insert(&PORT, &row(&PORT, &mut draw, &fixed)).await.expect("a port");
        tx.hold_address(subnet, ip, port).await.expect("an address");
        if !host.is_empty() {
            tx.network_joins_host(network, &host).await.expect("joins");
        }
    }
    for n in 0..ROUTERS {
        let (router, network) = (RouterId(id(5, n)), NetworkId(id(1, n % NETWORKS)));
        let fixed = [
            ("id", json!(router)),
            ("external_gateway_info", Value::Null),
            ("gw_network_id", json!(network)),
        ];
        tx.insert(&ROUTER, &row(&ROUTER, &mut draw, &fixed)).await.expect("a router");
        let kind = RouterPortKind::ALL[n % 4];
        tx.add_router_port(router, PortId(id(3, n)), network, kind).await.expect("a port");
        tx.router_due(router, 1).await.expect("is due");
    }
    tx.commit().await.expect("commits");
}

fn questions(table: &'static Resource) -> Vec<String> {
    let escape = |text: &str| {
        let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
        bytes.collect::<String>()
    };
    let mut out = vec![String::new(), "fields=id".into(), "limit=3".into()];
    for attr in table.attrs.iter().filter(|attr| attr.filter) {
        for value in TEXTS
            .iter()
            .map(|text| escape(text))
            .chain(["true", "false", "4", "104", "h1"].map(str::to_owned))
        {
            out.push(format!("{}={value}", attr.name));
            out.push(format!("{}={value}&{}=B&sort_key=id&sort_dir=desc", attr.name, attr.name));
        }
    }
    for text in
        ["ip_address=10.1.1.1", "ip_address_substr=1.1", "ip_address_substr=", "ip_address_substr=%25"]
    {
        out.push(format!("fixed_ips={text}"));
        out.push(format!("fixed_ips={text}&fixed_ips=subnet_id={}", id(2, 3)));
    }
    for attr in table.attrs.iter().filter(|attr| attr.sort) {
        for dir in ["asc", "desc"] {
            out.push(format!("sort_key={}&sort_dir={dir}", attr.name));
            out.push(format!("sort_key={}&sort_dir={dir}&sort_key=id&sort_dir=desc&limit=7", attr.name));
            for kind in 1..=4 {
                for reverse in ["", "&page_reverse=True"] {
                    let marker = id(kind, 4);
                    out.push(format!(
                        "sort_key={}&sort_dir={dir}&limit=7&marker={marker}{reverse}",
                        attr.name
                    ));
                }
            }
        }
    }
    out
}

#[tokio::test]
async fn lists_are_the_same_bytes() {
    let (sqlite, postgres) = both().await;
    let reader = Reader { alive_since_us: 250, ..Reader::default() };
    let (mut asked, mut shown) = (0, 0);
    for table in RESOURCES {
        for text in questions(table) {
            // What a table does not filter by is refused before any engine hears of it.
            let Ok(query) = query::parse(table, &text, None) else { continue };
            let mut pages = Vec::new();
            for db in [&sqlite.0, &postgres.0] {
                let mut tx = db.read().await.expect("reads");
                let page = tx.list(table, &query, &reader, Vec::new()).await;
                let page =
                    page.unwrap_or_else(|error| panic!("{} {text}: {}: {error}", table.plural, db.engine()));
                pages
                    .push(page.map(|page| (String::from_utf8(page.json), page.shown, page.first, page.last)));
            }
            assert_eq!(pages[0], pages[1], "{}?{text}", table.plural);
            asked += 1;
            shown += pages[0].as_ref().map_or(0, |page| page.1);
        }
    }
    println!("{asked} lists, {shown} items");
    assert!(shown > 1000, "the questions find too little to compare: {shown}");
}

#[tokio::test]
async fn facts_are_the_same() {
    let (sqlite, postgres) = both().await;
    let mut told = Vec::new();
    for db in [&sqlite.0, &postgres.0] {
        let mut tx = db.begin().await.expect("begins");
        told.push(facts(&mut tx).await.expect("facts"));
    }
    for (one, other) in told[0].iter().zip(&told[1]) {
        assert_eq!(one, other);
    }
    println!("{} facts", told[0].len());
}

/// What decisions and hosts are told, each as text.
async fn facts(tx: &mut Tx<'_>) -> Result<Vec<String>, DbError> {
    let mut out = Vec::new();
    for host in ["h0", "h1", "h3", "nobody"] {
        let kinds = [Kind::Network, Kind::Port, Kind::Remote, Kind::Dhcp, Kind::Lease];
        let keys = tx.view_keys(host, &kinds, None, 1000).await?;
        let mut rows = tx.view_rows(host, &keys).await?;
        for ports in [&mut rows.ports, &mut rows.remotes, &mut rows.leases] {
            ports.sort_by_key(|port: &Port| port.id);
        }
        rows.networks.sort_unstable();
        rows.dhcp.sort_by_key(|(network, _)| *network);
        out.push(format!("view {host}: {rows:#?}"));
        let failed = tx.failed_ports(host, "", 50).await?;
        out.push(format!("failed {host}: {:?}", failed.iter().map(|port| port.id).collect::<Vec<_>>()));
        out.push(format!("agents {host}: {:?}", tx.agents_of_host(host).await?));
    }
    for n in 0..NETWORKS {
        let network = NetworkId(id(1, n));
        out.push(format!("subnets: {:?}", tx.subnets_of(network).await?));
        out.push(format!("dhcp ports: {:?}", tx.dhcp_ports(network).await?));
        out.push(format!("dhcp hosts: {:?}", tx.dhcp_hosts_of(network).await?));
        out.push(format!("hosts: {:?}", tx.network_hosts(network).await?));
        out.push(format!("in use: {:?}", tx.ports_in_use(network, &["network:dhcp", ""]).await?));
        out.push(format!("others: {:?}", tx.used_by_other_projects(network, "project-1").await?));
        let subnet = SubnetId(id(2, n));
        out.push(format!("owners: {:?}", tx.addresses_by_owner(subnet, &["compute:nova"], false).await?));
        let (from, to) = ([10, 0, 0, 0].into(), [10, 255, 255, 255].into());
        out.push(format!("held: {:?}", tx.held_between(subnet, from, to).await?));
    }
    for (after, since, wanted) in [("", 0, 1), ("", 150, 2), ("3", 150, 1), ("", 1000, 0)] {
        out.push(format!("misfits: {:?}", tx.dhcp_misfits(after, since, wanted, 50).await?));
    }
    out.push(format!("load: {:?}", tx.dhcp_load().await?));
    for physical in TEXTS {
        out.push(format!("free: {:?}", tx.free_segment("vxlan", physical, 100, 104).await?));
    }
    for n in 0..ROUTERS {
        let router = RouterId(id(5, n));
        out.push(format!("router ports: {:?}", tx.router_ports_of(router).await?));
        let legs = tx.router_legs(router).await?;
        out.push(format!("legs: {:?}", legs.iter().map(|(kind, port)| (kind, port.id)).collect::<Vec<_>>()));
        out.push(format!("subnets of router: {:?}", tx.subnets_of_router(router).await?));
        out.push(format!("floating: {:?}", tx.router_has_floating_ips(router).await?));
        out.push(format!(
            "floating on: {:?}",
            tx.router_has_floating_ips_on(router, SubnetId(id(2, n))).await?
        ));
        out.push(format!("leads out: {:?}", tx.leads_out(NetworkId(id(1, n))).await?));
        out.push(format!("told: {:?}", tx.router_told(router).await?.into_keys().collect::<Vec<_>>()));
    }
    out.push(format!("default: {:?}", tx.default_external_network().await?));
    Ok(out)
}

/// Both engines with the same rows; what they are in goes with them.
async fn both() -> ((Db, Home), (Db, Home)) {
    (filled(Engine::Sqlite).await, filled(Engine::Postgres).await)
}

async fn filled(engine: Engine) -> (Db, Home) {
    let home = Home::make(engine).await.expect("a database");
    let db = home.open().await.expect("opens");
    fill(&db).await;
    (db, home)
}
