//! Wakes for what a server committed that was killed before it could tell.

use std::time::Duration;

use bus::Bus;
use model::Touch;
use model::desired::{Key, Kind};
use model::sync::Wake;
use server::Settings;
use testbed::{Engine, Lone};
use uuid::Uuid;

testbed::on_both_engines!(another_server_wakes_for_it);

/// A sweep is due every 5 s.
const LIMIT: Duration = Duration::from_secs(20);

async fn another_server_wakes_for_it(engine: Engine) {
    let bus = Bus::in_process();
    let lone = Lone::start_on(engine, Settings::default(), bus.clone()).await.expect("starts");
    let mut wakes = bus.wakes("h").expect("a name");
    // What is left of the killed one: a commit, and no relay.
    let killed = lone.open().await.expect("opens");
    let key = Key::new(Kind::Port, Uuid::from_u128(7));
    let mut tx = killed.begin().await.expect("begins");
    tx.mark(&[Touch::Part { host: "h".into(), key }]);
    let revision = tx.commit().await.expect("commits");
    let wake = tokio::time::timeout(LIMIT, wakes.recv()).await.expect("a wake").expect("a bus");
    let wake: Wake = serde_json::from_slice(&wake).expect("a wake is JSON");
    assert_eq!((wake.keys, Some(wake.revision)), (vec![key], revision));
    let mut tx = killed.read().await.expect("reads");
    // What nobody committed is not told of; the server may have committed something of its own meanwhile.
    let relayed = tx.relayed().await.expect("a revision");
    assert!(relayed <= tx.revision().await.expect("a revision"), "{relayed}");
}
