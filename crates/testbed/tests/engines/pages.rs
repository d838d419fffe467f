//! What a host is told is read page by page: a page's rows are found by their ids, however many networks the
//! host has.

use db::{Engine, Param, ports_by_id};
use model::desired::Kind;
use testbed::Home;

testbed::on_both_engines!(ports_of_a_page_are_found_by_their_ids,);

async fn ports_of_a_page_are_found_by_their_ids(engine: Engine) {
    let home = Home::make(engine).await.expect("a database");
    let db = home.open().await.expect("opens");
    let (explain, at) = match engine {
        Engine::Sqlite => ("EXPLAIN QUERY PLAN", 3),
        Engine::Postgres => ("EXPLAIN", 0),
    };
    for kind in [Kind::Port, Kind::Remote, Kind::Lease] {
        let ids: Vec<String> = (0..100).map(|n| format!("00000000-0000-0000-0000-{n:012}")).collect();
        let params: Vec<Param> =
            [Param::from("h")].into_iter().chain(ids.iter().map(|id| id.as_str().into())).collect();
        let sql = format!("{explain} SELECT id, fixed_ips FROM ports WHERE {}", ports_by_id(kind, ids.len()));
        let mut lines = Vec::new();
        let mut tx = db.read().await.expect("reads");
        tx.each(&sql, &params, |row| lines.push(row.text(at).to_owned())).await.expect("a plan");
        println!("{}\n  {}", kind.as_str(), lines.join("\n  "));
        let pairs = lines.iter().any(|line| line.contains("ports_network"));
        assert!(!lines.is_empty() && !pairs, "each network is asked for each id: {lines:?}");
    }
}
