//! Frames between guests of two hosts.

use model::report::State;

use crate::place::{Place, two_guests};
use crate::server::failed;
use crate::wait::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn guests_of_two_hosts_ping_each_other() {
    let Some(place) = Place::new() else { return };
    let ([a, b], agents) = two_guests(&place).await;
    for (host, guest) in [("one", &a), ("two", &b)] {
        let key = guest.part().key();
        eventually("port up", || place.server.state(host, key), |s| *s == Some(State::Up)).await;
        eventually("no failures", || failed(&place.server.outcomes(host)), |f| f.is_empty()).await;
    }
    eventually("ping over IPv4", || place.ping(&a, b.v4()), |ok| *ok).await;
    eventually("ping over IPv6", || place.ping(&b, a.v6()), |ok| *ok).await;
    for agent in agents {
        agent.stop().await;
    }
    assert!(place.ping(&b, a.v4()), "the wiring stays when agents stop");
}
