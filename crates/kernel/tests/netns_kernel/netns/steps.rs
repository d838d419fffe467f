//! Single acts, their failures, and what is told of them.

use std::time::Duration;

use host::nft::{Asked, Chain, Ether, Match, Rule, Table, Verdict};
use host::{Op, Scope, Step};
use kernel::{Event, KernelError, netns};
use model::NetworkId;
use model::desired::{Key, Kind};
use uuid::Uuid;
use wire::Mac;

use crate::netns::place::Place;

const NET: Key = Key::new(Kind::Network, Uuid::from_u128(1));
const PORT: Key = Key::new(Kind::Port, Uuid::from_u128(2));
const OTHER: Key = Key::new(Kind::Port, Uuid::from_u128(3));

fn step(key: Key, needs: Option<Key>, op: Op) -> Step {
    Step { key, needs, op }
}

fn bridge(name: &str) -> Op {
    Op::AddBridge { device: name.into(), mac: Mac([2, 0, 0, 0, 0, 1]) }
}

fn up(name: &str) -> Op {
    Op::SetUp { device: name.into(), up: true }
}

/// A table of one rule, which does not fit when it goes to a chain that is not there.
fn table(name: &str, device: &str, verdict: Verdict) -> Op {
    let rules = vec![Rule { matches: Vec::new(), verdict }];
    let chains = vec![Chain { name: "ingress".into(), rules }];
    Op::ReplaceTable {
        table: name.into(),
        content: Table { device: device.into(), remembers: false, chains },
    }
}

fn misfit() -> Verdict {
    Verdict::Goto("nowhere".into())
}

#[tokio::test]
async fn a_failure_is_charged_to_its_part_and_the_others_go_on() {
    let Some(place) = Place::new() else { return };
    let steps = vec![
        step(NET, None, bridge("br0")),
        step(NET, None, bridge("br1")),
        // A rule that the kernel does not take spoils neither the other table nor the other port.
        step(PORT, Some(NET), table("neutrino-a", "br0", misfit())),
        step(OTHER, Some(NET), table("neutrino-b", "br1", Verdict::Drop)),
        step(PORT, Some(NET), up("br0")),
        step(OTHER, Some(NET), up("br1")),
        step(PORT, Some(NET), Op::DeleteLink { device: "nowhere".into() }),
    ];
    let failed = place.kernel.apply(steps).await.expect("thread lives");
    let told: Vec<(usize, Key)> = failed.iter().map(|failed| (failed.index, failed.key)).collect();
    assert_eq!(told, [(2, PORT), (4, PORT)], "{failed:#?}");
    assert!(matches!(failed[0].error, KernelError::Refused { .. }), "{failed:#?}");
    assert!(matches!(failed[1].error, KernelError::Skipped { .. }), "{failed:#?}");
    assert!(failed[0].error.to_string().contains("replace table neutrino-a"), "{failed:#?}");
    assert!(place.ip("link show br1").contains("UP"));
    assert!(!place.ip("link show br0").contains("UP"), "opened without its filter");
}

#[tokio::test]
async fn a_network_that_failed_keeps_its_ports_closed() {
    let Some(place) = Place::new() else { return };
    let steps = vec![
        step(OTHER, None, bridge("br0")),
        step(NET, None, table("neutrino-wall", "br0", misfit())),
        step(PORT, Some(NET), up("br0")),
    ];
    let failed = place.kernel.apply(steps).await.expect("thread lives");
    assert_eq!(failed.len(), 2, "{failed:#?}");
    assert!(!place.ip("link show br0").contains("UP"));
}

#[tokio::test]
async fn refusals_say_what_was_tried_on_what() {
    let Some(place) = Place::new() else { return };
    let steps = vec![
        step(PORT, None, up("nowhere")),
        step(OTHER, None, Op::SetFdb { bridge: "br0".into(), mac: Mac([2; 6]), device: "tap0".into() }),
    ];
    let failed = place.kernel.apply(steps).await.expect("thread lives");
    let said: Vec<String> = failed.iter().map(|failed| failed.error.to_string()).collect();
    assert!(said[0].starts_with("cannot set nowhere up: No such device"), "{said:?}");
    assert!(said[1].ends_with("there is no device tap0"), "{said:?}");
}

#[tokio::test]
async fn many_acts_go_at_once_and_all_are_answered() {
    let Some(place) = Place::new() else { return };
    let mut steps = Vec::new();
    for n in 0..300 {
        steps.push(step(NET, None, bridge(&format!("br{n}"))));
    }
    // The same again: each is refused, and each refusal is its own.
    let again: Vec<Step> = (0..300)
        .map(|n| step(Key::new(Kind::Port, Uuid::from_u128(n)), None, bridge(&format!("br{n}"))))
        .collect();
    steps.extend(again);
    let failed = place.kernel.apply(steps).await.expect("thread lives");
    assert_eq!(failed.len(), 300, "{failed:#?}");
    assert!(failed.iter().enumerate().all(|(n, failed)| failed.index == 300 + n), "{failed:#?}");
    let seen = place.kernel.observe(&Scope::All).await.expect("seen");
    assert_eq!(seen.links.len(), 301);
}

#[tokio::test]
async fn events_tell_of_links_that_come_change_and_go() {
    let Some(place) = Place::new() else { return };
    let mut events = place.kernel.events().await.expect("events");
    place.ip("link add a0 type veth peer name b0");
    place.ip("link set a0 up");
    place.ip("link set a0 name c0");
    place.ip("link del c0");
    let mut seen = Vec::new();
    let gone = |name: &str| Event::Gone { device: name.into() };
    while !seen.contains(&gone("c0")) {
        let next = tokio::time::timeout(Duration::from_secs(10), events.next());
        seen.extend(next.await.expect("events come").expect("socket works"));
    }
    let up = |event: &Event| matches!(event, Event::Link { device, up: true, .. } if device == "a0");
    assert!(seen.iter().any(up), "{seen:#?}");
    assert!(seen.contains(&gone("a0")), "a renamed link is gone under its old name: {seen:#?}");
}

#[tokio::test]
async fn namespaces_are_made_once_and_survive_what_is_left_of_them() {
    let Some(place) = Place::new() else { return };
    let (dir, name) = (place.netns_dir(), host::names::dhcp_netns(NetworkId(Uuid::from_u128(7))));
    netns::create(&dir, &name).expect("made");
    let first = netns::id(&dir.join(&name)).expect("there");
    netns::create(&dir, &name).expect("left as it is");
    assert_eq!(netns::id(&dir.join(&name)).expect("there"), first);
    netns::delete(&dir, &name).expect("deleted");
    netns::delete(&dir, &name).expect("deleting what is gone");
    // A name without a namespace is what a crash or a reboot leaves.
    std::fs::write(dir.join(&name), "").expect("file");
    let seen = place.kernel.observe(&Scope::All).await.expect("seen");
    assert!(seen.namespaces.is_empty(), "{seen:#?}");
    netns::create(&dir, &name).expect("made anew");
    let seen = place.kernel.observe(&Scope::All).await.expect("seen");
    assert!(seen.namespaces.contains_key(&name), "{seen:#?}");
}

/// What stands in golden files is what the kernel holds: a table written over netlink and the same
/// table read by nft from its text are listed alike.
#[tokio::test]
async fn a_table_is_what_its_text_says() {
    let Some(place) = Place::new() else { return };
    if place.run("nft --version").status.success() {
        let all = [
            Match::EtherType(Ether::Arp),
            Match::EtherSource(Mac([2; 6])),
            Match::ArpSenderMac(Mac([2; 6])),
            Match::ArpSenderIp("10.0.0.0/20".parse().expect("net")),
            Match::Source("10.0.0.1/32".parse().expect("net")),
            Match::Source("10.0.0.0/9".parse().expect("net")),
            Match::Source("fd00::1/128".parse().expect("net")),
            Match::Source("fd00::/61".parse().expect("net")),
            Match::UdpSource(67),
            Match::UdpDestination(547),
            Match::Icmpv6(134),
            Match::NdTarget("fd00::1/128".parse().expect("net")),
            Match::NdTarget("fd00::/61".parse().expect("net")),
        ];
        let verdicts = [Verdict::Accept, Verdict::Drop, Verdict::Goto("other".into())];
        let rules = all
            .into_iter()
            .enumerate()
            .map(|(at, one)| Rule { matches: vec![one], verdict: verdicts[at % 3].clone() });
        let chain = |name: &str, rules| Chain { name: name.into(), rules };
        let chains = vec![chain("ingress", rules.collect()), chain("other", Vec::new())];
        let judging = Table { device: "br0".into(), remembers: false, chains };
        let made = place.kernel.apply(vec![step(NET, None, bridge("br0"))]).await;
        assert!(made.as_ref().is_ok_and(Vec::is_empty), "{made:?}");
        for content in [judging, translating()] {
            let text = format!("table netdev written {{\n{content}}}\n");
            let op = Op::ReplaceTable { table: "neutrino-t".into(), content };
            let failed = place.kernel.apply(vec![step(NET, None, op)]).await;
            assert!(failed.as_ref().is_ok_and(Vec::is_empty), "{failed:?}");
            std::fs::write(place.netns_dir().with_extension("nft"), &text).expect("script");
            let script = place.netns_dir().with_extension("nft");
            let loaded = place.run(&format!("nft -f {}", script.display()));
            assert!(loaded.status.success(), "{loaded:?}");
            let list = |name: &str| {
                let output = place.run(&format!("nft list table netdev {name}")).stdout;
                let text = String::from_utf8_lossy(&output).into_owned();
                text.lines().skip(1).filter(|line| !line.contains("comment")).collect::<Vec<_>>().join("\n")
            };
            assert!(list("written").contains("chain ingress"), "{text}");
            assert_eq!(list("neutrino-t"), list("written"));
            place.run("nft delete table netdev written");
        }
    }
}

/// Of each kind of rule of a table that translates, but for echos: nft takes their ids for no services.
fn translating() -> Table {
    let net = |text: &str| text.parse().expect("net");
    let (mac, ip) = (Mac([2; 6]), [10, 0, 0, 2].into());
    let rule = |matches: &[Match], verdict| Rule { matches: matches.to_vec(), verdict };
    let to = Match::Destination(net("10.0.0.100/32"));
    let divert = |asked| Verdict::Divert { asked, timeout_s: 240, mac, ip };
    let asks = vec![
        rule(
            &[Match::ArpRequest, Match::ArpTargetIp(net("10.0.0.100/32"))],
            Verdict::AnswerArp { device: "br0".into(), ip: [10, 0, 0, 100].into(), mac },
        ),
        rule(&[to.clone(), Match::Transport(6), Match::TcpOpens], Verdict::Forget(Asked::Ending)),
        rule(
            &[to.clone(), Match::Transport(6), Match::TcpCloses],
            Verdict::Remember { asked: Asked::Ending, timeout_s: 240 },
        ),
        rule(&[to.clone(), Match::Transport(6), Match::Asks(Asked::Ending)], divert(Asked::Ports)),
        rule(&[to.clone(), Match::Transport(17), Match::UdpWellKnown], divert(Asked::Ports)),
        rule(&[to], Verdict::SetEtherDestination(mac)),
    ];
    let from = Match::Source(net("10.0.0.2/32"));
    let turned = Verdict::SetSource([10, 0, 0, 100].into());
    let answers = vec![
        rule(&[from.clone(), Match::Transport(1), Match::Icmp(0)], turned.clone()),
        rule(&[from, Match::Answers(Asked::Ports)], turned),
    ];
    let chain = |name: &str, rules| Chain { name: name.into(), rules };
    Table {
        device: "br0".into(),
        remembers: true,
        chains: vec![chain("ingress", asks), chain("egress", answers)],
    }
}
