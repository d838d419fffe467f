//! `neutrino ctpurge` as a process: killed at random points, asked by operators.
//!
//! NEUTRINO_SEED=N runs one seed, as printed by a run that failed.

mod netns {
    mod chance;

    use std::net::IpAddr;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};
    use std::time::Duration;

    use bus::Bus;
    use host::purge::{Connection, asks};
    use kernel::conntrack::{Conntrack, Filter, Found, Insert, Visit};
    use kernel::conversation::Conversation;
    use model::purge::{
        Addresses, Answer, Began, Job, JobId, Pairs, Peers, Place as Where, Reason, Request, State, Tuple,
        Tuples, What,
    };
    use testbed::client::id_of;
    use testbed::place::run_in;
    use testbed::program::Program;
    use testbed::{Cloud, Place, Plan, wait};
    use tokio::task::JoinSet;
    use uuid::Uuid;

    use chance::Chance;

    const SEED: u64 = 20_261_122;
    const SOON: Duration = Duration::from_secs(20);
    const SETTLED: Duration = Duration::from_secs(60);
    const ZONES: u16 = 4;
    const ENDS: u8 = 12;
    const FLOWS: u16 = 4;

    struct Bed {
        place: Place,
        namespaces: Vec<PathBuf>,
        dir: tempfile::TempDir,
        words: Vec<String>,
    }

    impl Bed {
        /// A host, and a namespace of a router.
        async fn new(name: &str, more: &[&str]) -> Bed {
            let place = Place::new(name).expect("a place; these tests need root");
            let router = format!("qrouter-{}", Uuid::from_u128(1));
            let mut namespaces = Vec::new();
            for name in ["host", &router] {
                namespaces.push(place.add(name).await.expect("a namespace"));
            }
            Bed::on(namespaces, place, more)
        }

        /// In namespaces that are there.
        fn on(namespaces: Vec<PathBuf>, place: Place, more: &[&str]) -> Bed {
            let dir = tempfile::tempdir().expect("folder");
            let text = |path: &Path| path.display().to_string();
            let mut set = vec![
                format!("socket={}", text(&dir.path().join("socket"))),
                format!("state_dir={}", text(&dir.path().join("state"))),
                format!("namespace={}", text(&namespaces[0])),
                format!("netns_dir={}", text(place.folder())),
            ];
            set.extend(more.iter().map(|option| (*option).to_owned()));
            let words =
                set.iter().flat_map(|option| ["--set".to_owned(), format!("ctpurge.{option}")]).collect();
            Bed { place, namespaces, dir, words }
        }

        fn socket(&self) -> PathBuf {
            self.dir.path().join("socket")
        }

        async fn start(&self) -> Program {
            let words: Vec<&str> = self.words.iter().map(String::as_str).chain(["ctpurge"]).collect();
            let log = self.dir.path().join("log");
            let program =
                Program::start(Path::new(env!("CARGO_BIN_EXE_neutrino")), &words, log).expect("runs");
            program.says("connections are forgotten", SOON).await.expect("is up");
            program
        }

        fn operator(&self, words: &[&str]) -> Output {
            let mut command = Command::new(env!("CARGO_BIN_EXE_neutrino"));
            command.args(&self.words).arg("conntrack").args(words).env_remove("NEUTRINO_CONFIG");
            command.output().expect("neutrino runs")
        }

        fn fill(&self, all: &[Connection]) {
            let inserts: Vec<Insert> =
                all.iter().map(|connection| Insert { connection: *connection, timeout_s: 900 }).collect();
            for namespace in &self.namespaces {
                Conntrack::open(Some(namespace)).expect("opens").insert(&inserts).expect("entries");
            }
        }

        fn there(&self, at: usize) -> Vec<Connection> {
            let mut eye = Eye(Vec::new());
            let mut table = Conntrack::open(Some(&self.namespaces[at])).expect("opens");
            table.walk(Filter::default(), &mut eye).expect("walks");
            eye.0
        }

        fn places(&self) -> [Where; 2] {
            let router = self.namespaces[1].file_name().and_then(|name| name.to_str()).expect("text");
            [Where::Host, Where::Netns(router.to_owned())]
        }
    }

    struct Eye(Vec<Connection>);

    impl Visit for Eye {
        fn judge(&mut self, found: &Found) -> bool {
            self.0.push(found.connection);
            false
        }
    }

    fn end(v4: bool, n: u8) -> IpAddr {
        if v4 { [10, 0, 0, n].into() } else { [0xfd00, 0, 0, 0, 0, 0, 0, u16::from(n)].into() }
    }

    fn every() -> Vec<Connection> {
        let mut all = Vec::new();
        for zone in 1..=ZONES {
            for (v4, protocol) in [(true, 6), (true, 17), (false, 132)] {
                for (from, to) in (1..=ENDS).flat_map(|from| (1..=ENDS).map(move |to| (from, to))) {
                    for flow in 0..FLOWS {
                        let (from, to) = ((end(v4, from), 1000 + flow), (end(v4, to), 80));
                        let (original, reply) =
                            (Tuple::ports(protocol, from, to), Tuple::ports(protocol, to, from));
                        all.push(Connection { zone, original, reply });
                    }
                }
            }
        }
        all
    }

    fn job(chance: &mut Chance, bed: &Bed, all: &[Connection]) -> Job {
        let zone = 1 + chance.below(usize::from(ZONES)) as u16;
        let what = match chance.below(8) {
            0 if zone == ZONES => What::Zone(zone),
            1 | 2 => {
                let known: Vec<&Connection> =
                    all.iter().filter(|connection| connection.zone == zone).collect();
                What::Tuples(Tuples { zone, tuples: (0..30).map(|_| chance.of(&known).original).collect() })
            }
            _ => {
                let mut some = |most: usize| -> Addresses {
                    let count = 1 + chance.below(most);
                    (0..count)
                        .map(|_| end(chance.below(3) > 0, 1 + chance.below(ENDS.into()) as u8))
                        .collect()
                };
                let (removed, peers) = (some(2), Peers::Of(some(4)));
                What::Pairs(Pairs { zone: Some(zone), removed, peers, service: None, began: Began::Either })
            }
        };
        let place = chance.of(&bed.places()).clone();
        Job { id: JobId(Uuid::new_v4()), reason: Reason::MemberRemoved, place, what }
    }

    async fn state(bed: &Bed, id: JobId) -> Option<State> {
        let mut ctpurge = Conversation::open(&bed.socket()).await.ok()?;
        match ctpurge.ask(&Request::Job { id }).await.ok()? {
            Answer::Job { job } => job.map(|job| job.state),
            _ => None,
        }
    }

    /// Hands a job over until it is acknowledged.
    async fn hand_over(socket: PathBuf, job: Job) {
        let taken = || async {
            let mut ctpurge = Conversation::open(&socket).await.ok()?;
            let answer = ctpurge.ask(&Request::Submit { jobs: vec![job.clone()] }).await.ok()?;
            (answer == Answer::Submitted { outcomes: vec![None] }).then_some(())
        };
        wait::until(SETTLED, taken).await.expect("in time");
    }

    /// Jobs are handed over all the while; in the end all of them are done, and what nobody asked for is there.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn killed_at_random_it_loses_no_job_and_does_none_wrongly() {
        let seed = std::env::var("NEUTRINO_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
        println!("NEUTRINO_SEED={seed}");
        let mut chance = Chance::new(seed);
        // Slow, so that it is killed while it works; in small batches, so that there are many.
        let bed = Bed::new(
            "ctpurge-killed",
            &["share_percent=30", "slice_ms=1", "first_number=2", "second_number=2", "gather_ms=1"],
        )
        .await;
        let all = every();
        bed.fill(&all);
        let jobs: Vec<Job> = std::iter::repeat_with(|| job(&mut chance, &bed, &all))
            .filter(|job| job.check().is_ok())
            .take(60)
            .collect();
        let mut program = bed.start().await;
        let mut handed = JoinSet::new();
        for (at, job) in jobs.iter().enumerate() {
            handed.spawn(hand_over(bed.socket(), job.clone()));
            wait::pause(Duration::from_millis(chance.below(30) as u64)).await;
            if at % 6 == 5 {
                program.kill();
                wait::pause(Duration::from_millis(chance.below(20) as u64)).await;
                program.again().expect("runs again");
                // Sometimes it is killed before it is up.
                wait::pause(Duration::from_millis(chance.below(400) as u64)).await;
            }
        }
        handed.join_all().await;
        program.kill();
        program.again().expect("runs again");
        for job in &jobs {
            let bed = &bed;
            let done = wait::until(SETTLED, || async move {
                state(bed, job.id).await.filter(|state| matches!(state, State::Done(_)))
            });
            assert!(done.await.is_some(), "{job:?} is not done\n{}", program.said());
        }
        let mut decoys = 0;
        for (at, place) in bed.places().iter().enumerate() {
            let there = bed.there(at);
            let left = all.iter().filter(|connection| {
                let asked = jobs.iter().any(|job| job.place == *place && asks(&job.what, connection));
                assert_eq!(there.contains(connection), !asked, "{place}: {connection:?}");
                !asked
            });
            decoys += left.count();
        }
        println!("{} of {} stay", decoys, all.len() * 2);
        assert!(decoys > 100 && decoys < all.len() * 2 - 100, "{decoys}");
        drop(bed.place);
    }

    const PORTS: usize = 14;
    /// Of them, those that are deleted while everything is killed.
    const DELETED: usize = 10;
    const PEERS: u8 = 120;

    /// What ports talk with strangers, in the zone of their network (the host's first) and in others.
    fn talks(addresses: &[IpAddr]) -> Vec<Connection> {
        let mut all = Vec::new();
        for zone in [0, 1, 9] {
            for (address, peer) in addresses.iter().flat_map(|one| (0..PEERS).map(move |peer| (*one, peer))) {
                let (from, to) = ((IpAddr::from([198, 18, 0, peer]), 1000), (address, 80));
                let (one, other) = if peer % 2 == 0 { (from, to) } else { (to, from) };
                let (original, reply) = (Tuple::ports(17, one, other), Tuple::ports(17, other, one));
                all.push(Connection { zone, original, reply });
            }
        }
        all
    }

    /// Threads of agents of this process that act on kernels.
    fn acting() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").expect("threads").flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim() == "kernel").count()
    }

    /// Ends the agent at whatever it is doing.
    async fn kill_agent(cloud: &mut Cloud) {
        let before = acting();
        cloud.kill_agent(0).await;
        let ended = wait::until(SOON, || async { (acting() < before).then_some(()) });
        ended.await.expect("its last act ends");
    }

    /// Ports are deleted all the while: when the agent lives and when it does not, when ctpurge does and not.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn killed_at_random_agent_and_ctpurge_forget_what_deleted_ports_had_and_no_more() {
        let seed = std::env::var("NEUTRINO_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
        println!("NEUTRINO_SEED={seed}");
        let mut chance = Chance::new(seed);
        let mut cloud = Cloud::build(Plan::new("ctpurge-both", 1), Bus::in_process()).await.expect("a cloud");
        let namespace = cloud.hosts[0].namespace.clone();
        let words = ["share_percent=20", "slice_ms=1", "gather_ms=1"];
        let bed = Bed::on(vec![namespace.clone()], Place::new("ctpurge-none").expect("a place"), &words);
        cloud.set_ctpurge(0, bed.socket());
        let mut program = bed.start().await;
        cloud.start_agent(0);
        cloud.agents_alive().await.expect("is known");
        let network = cloud.network("talks").await.expect("a network");
        let mut ports = Vec::new();
        for at in 0..PORTS {
            let (guest, port) = cloud.boot(&format!("guest-{at}"), &network, 0).await.expect("boots");
            cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE");
            let address = port["fixed_ips"][0]["ip_address"].as_str().expect("an address");
            ports.push((guest, id_of(&port), address.parse::<IpAddr>().expect("an address")));
        }
        let addresses: Vec<IpAddr> = ports.iter().map(|(_, _, address)| *address).collect();
        // What came with an address is forgotten first.
        let listed = ["nft", "list", "set", "bridge", "neutrino", "revoked"];
        let settled = wait::until(SOON, || async {
            run_in(&namespace, &listed).await.ok().filter(|text| !text.contains("elements"))
        });
        settled.await.expect("nobody is revoked");
        let all = talks(&addresses);
        bed.fill(&all);
        for (_, id, _) in &ports[..DELETED] {
            if chance.below(2) == 0 {
                program.kill();
            }
            // Away while the port is deleted, killed at what it makes of that, or neither.
            let fate = chance.below(3);
            if fate == 0 {
                kill_agent(&mut cloud).await;
            }
            cloud.client.delete("port", id).await.expect("deleted");
            wait::pause(Duration::from_millis(chance.below(60) as u64)).await;
            if fate == 1 {
                kill_agent(&mut cloud).await;
            }
            if fate < 2 {
                cloud.start_agent(0);
            }
            wait::pause(Duration::from_millis(chance.below(150) as u64)).await;
            program.again().expect("runs again");
        }
        let gone = |one: &Connection| {
            let ends = [one.original.source, one.original.destination];
            one.zone == 1 && addresses[..DELETED].iter().any(|address| ends.contains(address))
        };
        let left = || -> usize { bed.there(0).iter().filter(|one| gone(one)).count() };
        let done = wait::until(SETTLED, || async { (left() == 0).then_some(()) });
        assert!(done.await.is_some(), "{} of deleted ports are there\n{}", left(), program.said());
        let there = bed.there(0);
        let lost: Vec<&Connection> = all.iter().filter(|one| !gone(one) && !there.contains(one)).collect();
        assert!(lost.is_empty(), "{} decoys are gone: {:?}", lost.len(), lost.first());
        drop(program);
        cloud.stop().await.expect("stops");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn operators_ask_and_are_told() {
        let bed = Bed::new("ctpurge-asked", &[]).await;
        let all = every();
        bed.fill(&all);
        let refused = bed.operator(&["stats"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("neutrino ctpurge"), "{said}");

        let _program = bed.start().await;
        let words = [
            "purge",
            "--removed",
            "10.0.0.1",
            "--peer",
            "10.0.0.2,10.0.0.3",
            "--zone",
            "2",
            "--protocol",
            "udp",
        ];
        let done = bed.operator(&words);
        // Both directions, two peers.
        let count = usize::from(FLOWS) * 2 * 2;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && said.starts_with(&format!("{count} deleted")), "{said} {done:?}");
        assert_eq!((bed.there(0).len(), bed.there(1).len()), (all.len() - count, all.len()));

        let netns = bed.places()[1].to_string();
        let done = bed.operator(&["purge", "--all-of-zone", "3", "--netns", &netns]);
        assert!(done.status.success(), "{done:?}");
        assert!(bed.there(1).iter().all(|connection| connection.zone != 3));

        let jobs = String::from_utf8(bed.operator(&["jobs"]).stdout).expect("text");
        assert!(jobs.contains("operator") && jobs.contains(&netns) && jobs.contains("done"), "{jobs}");
        let stats = bed.operator(&["stats", "--json"]).stdout;
        let stats: serde_json::Value = serde_json::from_slice(&stats).expect("JSON");
        assert_eq!(stats["counters"]["done"], 2, "{stats}");
        assert!(stats["memory_kib"].as_u64().is_some_and(|kib| kib > 0));
        let wrong = bed.operator(&["purge", "--removed", "0.0.0.0/0"]);
        assert!(!wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("all addresses"));
        drop(bed.place);
    }
}
