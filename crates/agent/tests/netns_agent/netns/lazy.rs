//! Routers that take a network node only while they carry traffic there.

use model::desired::{L3Mode, Part, Router};
use model::lazy::{Load, Reason};
use model::report::{HaState, RouterState, State};

use crate::netns::dvr::{Dvr, dvr, share};
use crate::netns::outside::{ROUTER, floating, ip};
use crate::netns::place::{Place, network};
use crate::netns::wait::eventually;

/// The network node's share, when nothing of the node's own uses it.
fn centralized(enable_snat: bool) -> Router {
    let mut router = Router { serves_here: false, ..share("two") };
    router.gateway.as_mut().expect("a gateway").enable_snat = enable_snat;
    router
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_comes_with_its_first_traffic_and_goes_with_its_last() {
    let Some(place) = Place::new() else { return };
    let Dvr { a, b, agents, .. } = dvr(&place, network).await;
    // Guests on the node itself go, or it would serve them.
    place.server.remove("two", [b.part().key()]);
    let key = Part::Router(share("two")).key();
    let told = || {
        let outcomes = place.server.outcomes("two").into_iter();
        outcomes.filter(|outcome| outcome.key == key).find_map(|o| Some((o.state, o.router?)))
    };
    let lazy = RouterState { load: Load::Lazy, ha: Some(HaState::Standby) };
    let outside = ip("203.0.113.1");
    for _ in 0..2 {
        place.server.put("two", [Part::Router(centralized(false))]);
        eventually("lazy", told, |told| *told == Some((State::Up, lazy))).await;
        assert!(place.netns_names("two").is_empty(), "{:?}", place.netns_names("two"));
        let links = place.ip("two", "-o link");
        let legs = ["tapa1", "tapa2", "tapb1", "tapb2", "tape1"];
        assert!(!legs.iter().any(|leg| links.contains(leg)), "{links}");
        assert!(!place.ping(&a, outside));
        place.server.put("two", [Part::Router(centralized(true))]);
        eventually("loaded", || place.ping(&a, outside), |ok| *ok).await;
        let snat = |told: &Option<(State, RouterState)>| {
            told.as_ref().is_some_and(|(_, router)| router.load == Load::Loaded(Reason::Snat))
        };
        eventually("told so", told, snat).await;
    }
    // A floating IP that no compute host carries needs the node as well.
    let mut carried = centralized(false);
    carried.counts.ipv4 = 1;
    carried.floating_ips = vec![floating([203, 0, 113, 40], &a)];
    carried.floating_ips[0].centralized = true;
    place.server.put("two", [Part::Router(carried)]);
    eventually("in", || place.pings("outside", ip("203.0.113.40")), |ok| *ok).await;
    // Killed while it loads and unloads: the next agent finds what is left.
    let [_one, two] = agents;
    place.server.put("two", [Part::Router(centralized(false))]);
    two.kill().await;
    let two = place.run(place.routing("two", L3Mode::DvrSnat));
    eventually("nothing left", || place.netns_names("two"), |names| names.is_empty()).await;
    place.server.put("two", [Part::Router(centralized(true))]);
    two.kill().await;
    let _two = place.run(place.routing("two", L3Mode::DvrSnat));
    eventually("loaded again", || place.ping(&a, outside), |ok| *ok).await;
    let names = place.netns_names("two");
    assert_eq!(names, [format!("qrouter-{ROUTER}"), format!("snat-{ROUTER}")]);
}
