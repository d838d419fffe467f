//! What is told of logged ports.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use model::desired::{Direction, Log};
use model::report::State;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};
use uuid::Uuid;

use crate::netns::frames::{Tap, udp4};
use crate::netns::groups::{OTHER, OWN, any, group, service, settled};
use crate::netns::place::{Guest, Place, network};
use crate::netns::wait::eventually;

const TARGET: &str = "packet_log";

/// Keeps what is told under one name; this test has its process for itself.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Subscriber for Kept {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
                let _ = write!(self.0, "{value:?}");
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().expect("kept").push(text.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Kept {
    /// Lines with all of some words.
    fn with(&self, words: &[&str]) -> usize {
        let lines = self.0.lock().expect("kept");
        lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }
}

fn log(number: u128, accept: bool, drop: bool) -> Log {
    Log { id: Uuid::from_u128(number).into(), project_id: "tenant".into(), accept, drop }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_let_through_and_held_back_is_told_of_logged_ports() {
    let Some(place) = Place::new() else { return };
    let kept = Kept::default();
    tracing::subscriber::set_global_default(kept.clone()).expect("the only one");
    let (a, b) = (Guest::nth(1).in_groups(&[OTHER]), Guest::nth(2).in_groups(&[OWN]));
    let open = group(OWN, [service(Direction::Ingress, 17, 80)]);
    place.server.put("one", [network(&[]), open, group(OTHER, any()), a.member(), b.member()]);
    for guest in [&a, &b] {
        place.plug("one", guest);
        place.server.put("one", [guest.part()]);
    }
    let _agent = place.run(place.config("one"));
    for guest in [&a, &b] {
        let key = guest.part().key();
        eventually("port up", || place.server.state("one", key), |s| *s == Some(State::Up)).await;
    }
    let (from_a, at_b) = (Tap::open(&place, &a.name, "eth0"), Tap::open(&place, &b.name, "eth0"));
    let mut logged = b.clone();
    // Each begins something that was not there before.
    let send = |source: u16, port: u16| {
        from_a.send(&udp4(a.port.mac, b.port.mac, a.v4(), b.v4(), source, port));
    };
    let arrives = async |source: u16| {
        let wanted = udp4(a.port.mac, b.port.mac, a.v4(), b.v4(), source, 80);
        at_b.until("what is let through", |frame| *frame == wanted).await;
    };
    send(1000, 81);
    send(1000, 80);
    arrives(1000).await;
    assert_eq!(kept.with(&["port_id"]), 0, "nobody asked to be told");

    logged.port.logs = [log(1, true, false), log(2, false, true)].into();
    place.server.put("one", [logged.part()]);
    settled(&place, "one", b.part().key()).await;
    let port = format!("port_id={}", b.port.id);
    let told = |action: &str, number: u8, source: u16, to: u16| {
        let (action, number) =
            (format!("action={action} direction=ingress"), format!("[00000000-0000-0000-0000-{number:012}]"));
        let packet = format!("src={} dst={} protocol=17 sport={source} dport={to}", a.v4(), b.v4());
        kept.with(&[&action, "project_id=tenant", &number, &port, &packet])
    };
    send(1001, 81);
    eventually("what is held back", || told("DROP", 2, 1001, 81), |count| *count == 1).await;
    send(1002, 80);
    arrives(1002).await;
    eventually("what is let through", || told("ACCEPT", 1, 1002, 80), |count| *count == 1).await;
    // Of a connection that is known, for it was answered, nothing is told.
    let answer = udp4(b.port.mac, a.port.mac, b.v4(), a.v4(), 80, 1002);
    at_b.send(&answer);
    from_a.until("the answer", |frame| *frame == answer).await;
    send(1002, 80);
    arrives(1002).await;
    // So much and no more is told of a flood.
    for source in 2000..2400 {
        send(source, 81);
    }
    send(1003, 80);
    arrives(1003).await;
    eventually("let through beside a flood", || told("ACCEPT", 1, 1003, 80), |count| *count == 1).await;
    assert_eq!(told("ACCEPT", 1, 1002, 80), 1, "once for a connection");
    let flood = kept.with(&["action=DROP", "dport=81"]);
    assert!((20..200).contains(&flood), "{flood} lines of 400 packets");
    assert_eq!(kept.with(&["direction=egress"]), 0, "who sends is not logged");

    // Switched off, nothing is told any more; filters are what they were.
    place.server.put("one", [b.part()]);
    settled(&place, "one", b.part().key()).await;
    let chain = || {
        let listed = place.exec("one", "nft list table bridge neutrino");
        String::from_utf8_lossy(&listed.stdout).into_owned()
    };
    eventually("no rules that tell", chain, |text| !text.contains("log prefix") && !text.contains("logging"))
        .await;
    let before = kept.with(&[&port]);
    send(1004, 81);
    send(1004, 80);
    arrives(1004).await;
    assert_eq!(kept.with(&[&port]), before);
}
