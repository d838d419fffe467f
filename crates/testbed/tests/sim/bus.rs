//! Who may say what over the bus, who may log in, and what is said of it when not.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use bus::{Bus, BusError, Nats, Transport};
use model::desired::{Key, Kind};
use model::report::{Heartbeat, Outcome, Report, State};
use model::subject::Word;
use model::sync::{SyncAnswer, SyncAsk, Wake};
use serde_json::json;
use server::Settings;
use testbed::nats::{NatsPlan, NatsServer, SERVER};
use testbed::wires::BusKind;
use testbed::{Lone, wait};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use uuid::Uuid;

testbed::over_every_bus!(a_host_cannot_speak_for_another_whatever_the_bus_allows);

const LIMIT: Duration = Duration::from_secs(20);

async fn nats(plan: NatsPlan) -> NatsServer {
    NatsServer::start(plan).await.expect("nats-server; scripts/install-packages test brings it")
}

async fn connected(bus: &Bus) {
    let mut connected = bus.connected();
    let up = tokio::time::timeout(LIMIT, connected.wait_for(|connected| *connected));
    up.await.expect("connects in time").expect("the bus lives");
}

/// Waits until a server answers the host.
async fn served(bus: &Bus, host: &str) {
    let answer = wait::until(LIMIT, || async {
        bus.ask::<_, SyncAnswer>(Word::Sync, host, &SyncAsk::all(host)).await.ok()
    });
    assert!(answer.await.expect("is answered").full);
}

async fn trouble(nats: &Nats) -> String {
    let said = wait::until(LIMIT, || async { Some(nats.trouble()).filter(|said| !said.is_empty()) });
    assert!(!*nats.connected().borrow());
    said.await.expect("trouble is said")
}

fn wake(host: &str, revision: i64) -> Wake {
    Wake { host: host.to_owned(), keys: vec![], revision }
}

async fn heard(wakes: &mut tokio::sync::mpsc::Receiver<Vec<u8>>) -> Wake {
    let heard = tokio::time::timeout(LIMIT, wakes.recv()).await.expect("is heard in time");
    serde_json::from_slice(&heard.expect("the bus lives")).expect("a wake")
}

/// Wakes a host until it hears that it was: from then on it hears everything.
async fn listening(server: &Bus, host: &str, wakes: &mut tokio::sync::mpsc::Receiver<Vec<u8>>) {
    let heard = wait::until(LIMIT, || {
        server.wake(wake(host, 0));
        std::future::ready(wakes.try_recv().ok())
    });
    heard.await.expect("is heard");
    wait::pause(Duration::from_millis(100)).await;
    while wakes.try_recv().is_ok() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_holds_a_host_to_its_own_subjects() {
    let nats = nats(NatsPlan::of_hosts(["a", "b.example.org"])).await;
    let lone = Lone::start(Settings::default(), nats.server_bus().expect("a bus")).await.expect("starts");
    let (a, b) = (nats.host("a").expect("a bus"), nats.host_bus("b.example.org").expect("a bus"));
    let mut of_b = b.wakes("b.example.org").expect("a host");
    let mut overheard: Vec<_> = [
        "agent.b=2Eexample=2Eorg.wake",
        "agent.*.wake",
        "agent.*.sync",
        "_INBOX.>",
        "_INBOX.b=2Eexample=2Eorg.>",
        ">",
    ]
    .map(|subject| a.subscribe(subject))
    .into();
    let a = Bus::new(a);
    let mut of_a = a.wakes("a").expect("a host");
    for (bus, host) in [(&a, "a"), (&b, "b.example.org")] {
        served(bus, host).await;
    }
    for word in Word::ASKED {
        let other = a.ask::<_, SyncAnswer>(word, "b.example.org", &SyncAsk::all("b.example.org")).await;
        assert!(matches!(other, Err(BusError::NotAllowed(_))), "{word:?}: {other:?}");
    }
    listening(&lone.bus, "b.example.org", &mut of_b).await;
    listening(&lone.bus, "a", &mut of_a).await;
    // A host wakes nobody, and hears no other's wakes: what comes last has overtaken nothing.
    a.wake(wake("b.example.org", 666));
    let _ = b.ask::<_, SyncAnswer>(Word::Sync, "b.example.org", &SyncAsk::all("b.example.org")).await;
    lone.bus.wake(wake("b.example.org", 1));
    assert_eq!(heard(&mut of_b).await.revision, 1);
    lone.bus.wake(wake("a", 2));
    assert_eq!(heard(&mut of_a).await.revision, 2);
    for subject in &mut overheard {
        assert!(subject.try_recv().is_err(), "a heard what was not for it");
    }
}

async fn a_host_cannot_speak_for_another_whatever_the_bus_allows(kind: BusKind) {
    let wires = kind.wires(&["a".to_owned(), "b".to_owned()], None).await.expect("a bus");
    let lone = Lone::start(Settings::default(), wires.server()).await.expect("starts");
    let a = wires.host("a");
    served(&a, "a").await;
    let ask = SyncAsk::all("b");
    let refused = [
        a.ask::<_, SyncAnswer>(Word::Sync, "a", &ask).await.map(drop),
        a.ask::<_, ()>(Word::Beat, "a", &Heartbeat { host: "b".into(), agents: vec![], meters: vec![] })
            .await,
        a.ask::<_, ()>(Word::Report, "a", &report("b", vec![])).await,
    ];
    for refused in refused {
        assert!(matches!(refused, Err(BusError::Refused { .. })), "{refused:?}");
    }
    assert_eq!(lone.client.get("agents").await.expect("a list"), json!([]));
}

fn report(host: &str, outcomes: Vec<Outcome>) -> Report {
    Report { host: host.into(), epoch: String::new(), outcomes, skipped: vec![] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_a_host_may_say_is_refused() {
    let lone = Lone::start(Settings::default(), Bus::in_process()).await.expect("starts");
    let outcome = |n| Outcome::new(Key::new(Kind::Port, Uuid::from_u128(n)), 0, State::Up);
    let many = report("a", (0..1001).map(outcome).collect());
    let refused = lone.bus.ask::<_, ()>(Word::Report, "a", &many).await;
    assert!(matches!(refused, Err(BusError::Refused { .. })), "{refused:?}");
    let agent = |n: usize| json!({ "agent_type": format!("t{n}"), "binary": "b", "topic": "t", "started_at_us": 0, "configurations": {} });
    let mut refusals = 0;
    for n in 0..40 {
        let beat = json!({ "host": "a", "agents": [agent(n)] });
        refusals += usize::from(lone.bus.ask::<_, ()>(Word::Beat, "a", &beat).await.is_err());
    }
    let agents = lone.client.get("agents").await.expect("a list");
    assert_eq!((agents.as_array().map(Vec::len), refusals), (Some(16), 24), "agents of one host are bounded");
}

/// Speaks to NATS by hand, as a host that was taken over may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_cannot_have_the_server_write_to_another() {
    let nats = nats(NatsPlan::of_hosts(["a", "b"])).await;
    let lone = Lone::start(Settings::default(), nats.server_bus().expect("a bus")).await.expect("starts");
    let b = nats.host_bus("b").expect("a bus");
    let mut of_b = b.wakes("b").expect("a host");
    listening(&lone.bus, "b", &mut of_b).await;
    let address = nats.url().replace("nats://", "");
    let mut stream = BufReader::new(TcpStream::connect(address).await.expect("connects"));
    let ask = json!(SyncAsk::all("a")).to_string();
    let login = json!({ "user": "a", "pass": "secret of a", "verbose": false, "pedantic": false });
    let mut words = format!("CONNECT {login}\r\n");
    for reply in ["agent.b.wake", "_INBOX.a.1", "_INBOX.ab.1"] {
        words += &format!("PUB agent.a.sync {reply} {}\r\n{ask}\r\n", ask.len());
    }
    words += "SUB _INBOX.a.> 1\r\nPING\r\n";
    stream.write_all(words.as_bytes()).await.expect("writes");
    let mut said = String::new();
    while !said.contains("PONG") {
        assert!(stream.read_line(&mut said).await.expect("reads") > 0, "{said}");
    }
    assert!(!said.contains("-ERR"), "the bus itself does not prevent it: {said}");
    // The server has looked at all of these when it has answered what came after them.
    let a = nats.host_bus("a").expect("a bus");
    served(&a, "a").await;
    lone.bus.wake(wake("b", 7));
    assert_eq!(heard(&mut of_b).await.revision, 7, "b hears its server's words only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_by_password_nkey_and_certificate() {
    for plan in [
        NatsPlan { nkey: true, ..NatsPlan::of_hosts(["host-1", "host-2"]) },
        NatsPlan { tls: true, ..NatsPlan::of_hosts(["host-1"]) },
        NatsPlan { tls: true, certificates: true, ..NatsPlan::of_hosts(["host-1"]) },
    ] {
        println!("{plan:?}");
        let nats = nats(plan).await;
        let lone = Lone::start(Settings::default(), nats.server_bus().expect("a bus")).await.expect("starts");
        let host = nats.host_bus("host-1").expect("a bus");
        served(&host, "host-1").await;
        drop(lone);
        let other = host.ask::<_, SyncAnswer>(Word::Sync, "host-2", &SyncAsk::all("host-2")).await;
        assert!(matches!(other, Err(BusError::NotAllowed(_))), "{other:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_let_in_is_told_why() {
    let plain = nats(NatsPlan { nkey: true, ..NatsPlan::of_hosts(["host-1", "host-2"]) }).await;
    let tls = nats(NatsPlan { tls: true, ..NatsPlan::of_hosts(["host-1"]) }).await;
    let other = nats(NatsPlan { tls: true, ..NatsPlan::of_hosts(["host-1"]) }).await;
    let wrong = plain.file("wrong");
    std::fs::write(&wrong, "not it").expect("writes");

    let mut password = plain.options("host-2");
    password.password_file = Some(wrong.clone());
    let mut nobody = plain.options("host-2");
    (nobody.user, nobody.password_file) = (None, None);
    let mut stranger = tls.options("host-1");
    stranger.ca_file = Some(other.file("ca.pem"));
    let mut open = plain.options("host-2");
    open.ca_file = Some(tls.file("ca.pem"));
    let mut elsewhere = plain.options("host-2");
    elsewhere.urls = vec!["nats://127.0.0.1:1".into()];
    let mut seed = plain.options("host-1");
    seed.nkey_seed_file = Some(wrong);
    for (options, words) in [
        (password, vec!["password of user 'host-2'", "refused"]),
        (nobody, vec!["without login", "refused"]),
        (stranger, vec!["invalid peer certificate"]),
        (open, vec!["bus cannot be reached"]),
        (elsewhere, vec!["refused", "127.0.0.1:1"]),
        (seed, vec!["nkey", "refused"]),
    ] {
        let said = trouble(&Nats::start(options, Some("host-2")).expect("options are well formed")).await;
        assert!(words.iter().all(|word| said.contains(word)), "'{said}' should say {words:?}");
        assert!(!said.contains("not it") && !said.contains("secret"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_share_the_work_and_one_that_goes_is_not_missed() {
    let nats = nats(NatsPlan::of_hosts(["a"])).await;
    let buses = [nats.server_bus().expect("a bus"), nats.server_bus().expect("a bus")];
    let serve = |number: usize| {
        let mut requests = buses[number].serve(Word::Sync);
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                request.answer(&Ok(number)).await;
            }
        })
    };
    let servers = [serve(0), serve(1)];
    let a = nats.host_bus("a").expect("a bus");
    let ask = async || a.ask::<_, usize>(Word::Sync, "a", &SyncAsk::all("a")).await;
    let some = async || -> BTreeSet<usize> {
        [ask().await, ask().await, ask().await, ask().await].into_iter().flatten().collect()
    };
    let seen = Mutex::new(BTreeSet::new());
    let both = wait::until(LIMIT, || async {
        let answers = some().await;
        let mut seen = seen.lock().expect("not poisoned");
        seen.extend(answers);
        (seen.len() == 2).then_some(())
    });
    both.await.expect("one does all the work");
    servers[0].abort();
    let other = wait::until(LIMIT, || async { (some().await == BTreeSet::from([1])).then_some(()) });
    let start = std::time::Instant::now();
    other.await.expect("the other goes on");
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "nobody waits for one that went: {:?}",
        start.elapsed()
    );
}

fn sockets() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").expect("is there").flatten();
    files
        .filter(|file| {
            std::fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket"))
        })
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_is_dropped_closes_its_connection() {
    let nats = nats(NatsPlan::of_hosts(["a"])).await;
    let before = sockets();
    let mut buses = Vec::new();
    for _ in 0..10 {
        let bus = nats.host_bus("a").expect("a bus");
        connected(&bus).await;
        let wakes = bus.wakes("a").expect("a host");
        let _ = bus
            .ask::<_, ()>(Word::Beat, "a", &Heartbeat { host: "a".into(), agents: vec![], meters: vec![] })
            .await;
        buses.push((bus, wakes));
    }
    assert!(sockets() >= before + 10);
    drop(buses);
    let closed = wait::until(LIMIT, || async { (sockets() <= before).then_some(()) });
    assert!(closed.await.is_some(), "{} sockets of {before} are left", sockets());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_nobody_serves_says_so_at_once() {
    let nats = nats(NatsPlan::of_hosts(["host-1"])).await;
    let host = nats.host_bus("host-1").expect("a bus");
    let early = host.ask::<_, ()>(Word::Sync, "host-1", &SyncAsk::all("host-1")).await;
    assert!(matches!(early, Err(BusError::Disconnected | BusError::NoResponders(_))), "{early:?}");
    connected(&host).await;
    let start = std::time::Instant::now();
    let nobody = host.ask::<_, ()>(Word::Sync, "host-1", &SyncAsk::all("host-1")).await;
    assert!(matches!(nobody, Err(BusError::NoResponders(_))), "{nobody:?}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let large = host.ask::<_, ()>(Word::Sync, "host-1", &SyncAsk::all("x".repeat(2 << 20))).await;
    assert!(matches!(large, Err(BusError::TooLarge { .. })), "{large:?}");
    assert_eq!(nats.options(SERVER).user.as_deref(), Some("server"));
}
