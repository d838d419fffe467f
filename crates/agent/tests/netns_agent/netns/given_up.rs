//! Purges that ctpurge gives up: nobody is let in meanwhile, operators see it, and they are made up for.

use kernel::conversation::Conversation;
use model::desired::{Direction, Ethertype};
use model::purge::{Answer, Request};

use crate::netns::groups::{guests, rule, service, wired};
use crate::netns::groups_live::{Open, only};
use crate::netns::place::Place;
use crate::netns::purging::{purging_at, purging_few};
use crate::netns::wait::eventually;

const TCP: u8 = 6;

fn shown(place: &Place, line: &str) -> String {
    String::from_utf8_lossy(&place.exec("one", line).stdout).into_owned()
}

/// What the host says of itself.
fn failures(place: &Place) -> String {
    place.server.agents("one").iter().map(|agent| agent.configurations["failures"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_not_purged_stays_revoked_until_it_is() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let name = place.path("alias");
    let hidden = place.path("hidden");
    std::os::unix::fs::symlink(place.path("one"), &name).expect("made");
    let ctpurge = purging_at(&place, name.clone());
    let (served, out) = (service(Direction::Ingress, TCP, 80), rule(Direction::Egress, Ethertype::V4));
    only(&place, [served, out.clone()]).await;
    let revoked = || shown(&place, "nft list set bridge neutrino revoked");
    eventually("restored from what was before", revoked, |text| !text.contains(&own.tap())).await;
    let mut open = Open::new(&place, TCP, &other, &own, 80);
    assert_eq!(open.goes_on(), [true, true]);
    // It does not reach the table, and gives up.
    std::fs::rename(&name, &hidden).expect("hidden");
    only(&place, [out]).await;
    eventually("said", || failures(&place), |text| text.contains("purge of ")).await;
    let known = || shown(&place, "cat /proc/net/nf_conntrack");
    assert!(revoked().contains(&own.tap()) && known().contains("dport=80 "));
    assert_eq!(open.is_silent(), [true, true]);
    std::fs::rename(&hidden, &name).expect("there again");
    eventually("restored", revoked, |text| !text.contains(&own.tap())).await;
    assert!(!known().contains("dport=80 "), "{}", known());
    eventually("said no longer", || failures(&place), |text| !text.contains("purge of ")).await;
    ctpurge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_nobody_purges_is_said() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    only(&place, [rule(Direction::Egress, Ethertype::V4)]).await;
    eventually("said", || failures(&place), |text| text.contains("ctpurge, for which ")).await;
    let ctpurge = purging_at(&place, place.path("one"));
    eventually("said no longer", || failures(&place), |text| !text.contains("ctpurge")).await;
    ctpurge.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_busy_is_asked_less_and_less() {
    let Some(place) = Place::new() else { return };
    let (own, other) = guests();
    let _agents = wired(&place, &[("one", &own), ("one", &other)]).await;
    let name = place.path("alias");
    let ctpurge = purging_few(&place, name.clone(), 1);
    // One job that it tries again and again, and takes no other meanwhile.
    let served = (0..20).map(|n| service(Direction::Ingress, TCP, 80 + 2 * n));
    only(&place, served).await;
    only(&place, []).await;
    eventually("one is given up", || failures(&place), |text| text.contains("purge of ")).await;
    let mut conversation = Conversation::open(&place.config("one").ctpurge_socket).await.expect("there");
    let Answer::Stats { stats } = conversation.ask(&Request::Stats).await.expect("told") else {
        panic!("not told");
    };
    // 20 jobs in more than three seconds, ten times a second, would be 600.
    assert!((20..300).contains(&stats.counters.refused), "{:?}", stats.counters);
    std::os::unix::fs::symlink(place.path("one"), &name).expect("made");
    let waits = || place.path("one.state/purges").exists();
    eventually("all are done", waits, |waits| !waits).await;
    ctpurge.stop().await;
}
