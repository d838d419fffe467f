//! Software from the API to the instance, by nothing but the programs that do it: a server, a repository, an agent
//! that wires and leases, both gateways, and in the instance Debian's apt-get and the guest program. Each of the
//! five may be killed at any moment. Needs root for the host's namespace.

mod netns {
    use std::path::{Path, PathBuf};
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use repo::Sha256;
    use serde_json::{Value, json};
    use tempfile::TempDir;
    use testbed::client::id_of;
    use testbed::nats::{NatsPlan, NatsServer, SERVER};
    use testbed::place::run_in;
    use testbed::road::{self, Road};
    use testbed::rooted::{PROGRAM, Rooted};
    use testbed::software::deb;
    use testbed::{Client, Draw, Guest, Place, Program, depot, wait};
    use tokio::process::Child;

    const SOON: Duration = Duration::from_secs(60);
    /// How long programs are killed.
    const KILLS: Duration = Duration::from_secs(15);
    const OWNER: &str = "violet";
    const OTHER: &str = "rose";
    /// Where tunnels of the only host end.
    const TUNNEL: &str = "192.0.2.1";
    const GATEWAY: &str = "http://169.254.169.254:8080";

    struct Whole {
        client: Client,
        server: Program,
        agent: Program,
        road: Road,
        instance: Rooted,
        folder: TempDir,
        _nats: NatsServer,
        place: Place,
    }

    fn bus(nats: &NatsServer, login: &str) -> String {
        let options = nats.options(login);
        let file = options.password_file.expect("is set");
        format!(
            "[bus]\nkind = 'nats'\n[bus.nats]\nurls = ['{}']\nuser = '{login}'\npassword_file = '{}'\n",
            options.urls[0],
            file.display(),
        )
    }

    fn neutrino(folder: &Path, name: &str, configuration: &str) -> Program {
        let file = folder.join(format!("{name}.toml"));
        std::fs::write(&file, configuration).expect("writes");
        let words = ["--config", file.to_str().expect("text"), name];
        Program::start(binary(), &words, folder.join(format!("{name}.log"))).expect("runs")
    }

    fn binary() -> &'static Path {
        Path::new(env!("CARGO_BIN_EXE_neutrino"))
    }

    /// A port that a program is to have again after a restart.
    fn free_port() -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        listener.expect("a free port").port()
    }

    impl Whole {
        async fn start() -> Whole {
            let place = Place::new("whole").expect("a place; these tests need root");
            let folder = tempfile::tempdir().expect("a folder");
            let nats = NatsServer::start(NatsPlan::of_hosts(["host-1"])).await.expect("nats-server");
            let host = place.add("host-1").await.expect("a namespace");
            let words = ["ip", "address", "add", &format!("{TUNNEL}/32"), "dev", "lo"];
            run_in(&host, &words).await.expect("an address");
            let netns = place.folder().join("host-1.netns");
            std::fs::create_dir_all(&netns).expect("a folder");
            let hosts = [("host-1".to_owned(), netns.clone())];
            let road = Road::start(binary(), &folder.path().join("software"), &hosts).await.expect("a road");
            let (software, gates) = (road.settings(), road.gates[0].settings());
            let server = format!(
                "server.bind = '127.0.0.1:{}'\ndatabase.path = '{}'\n[software]\nrepository_url = '{}'\n\
                 repository_secret_file = '{}'\n",
                free_port(),
                folder.path().join("neutrino.db").display(),
                software.repository_url,
                software.repository_secret_file.display(),
            );
            let server = neutrino(folder.path(), "server", &(server + &bus(&nats, SERVER)));
            let agent = format!(
                "[agent]\nhost = 'host-1'\nnamespace = '{}'\nnetns_dir = '{}'\ntunneling_ip = '{TUNNEL}'\n[agent.gateway]\n\
                 tenant_control = '{}'\nmanagement_control = '{}'\n",
                host.display(),
                netns.display(),
                gates.tenant_control.display(),
                gates.management_control.display(),
            );
            let agent = neutrino(folder.path(), "agent", &(agent + &bus(&nats, "host-1")));
            let client = Client::at(server.says("listens on ", SOON).await.expect("listens"));
            let alive = wait::until(SOON, || async {
                let agents = client.get("agents?alive=true").await.ok()?;
                (agents.as_array()?.len() == 2).then_some(())
            });
            alive.await.expect("the server hears of the agent");
            let guest = boot(&client, &place, &host, OWNER).await;
            let instance = Rooted::boot(&guest.namespace, &folder.path().join("instance"), binary()).await;
            let instance = instance.expect("an instance");
            Whole { client, server, agent, road, instance, folder, _nats: nats, place }
        }

        /// Whoever of the five it is.
        fn program(&mut self, which: usize) -> (&'static str, &mut Program) {
            match which {
                0 => ("server", &mut self.server),
                1 => ("agent", &mut self.agent),
                2 => ("repository", &mut self.road.repository),
                3 => ("tenant", &mut self.road.gates[0].tenant),
                _ => ("management", &mut self.road.gates[0].management),
            }
        }

        async fn file(&self, name: &str) -> PathBuf {
            deb(self.folder.path(), name, "1.0", "", "sleep 0.3").await.expect("is made")
        }

        /// Whether the package has a version with a file.
        async fn has(&self, name: &str) -> bool {
            let shown = self.client.get("software-versions?status=ACTIVE").await;
            let shown = shown.ok().and_then(|all| all.as_array().cloned()).unwrap_or_default();
            shown.iter().any(|version| version["name"] == name)
        }

        /// Begins to bring a file, or goes on with it.
        fn upload(&self, file: &Path) -> Child {
            let mut command = tokio::process::Command::new(binary());
            for (variable, _) in std::env::vars().filter(|(variable, _)| variable.starts_with("OS_")) {
                command.env_remove(variable);
            }
            command.args(["software", "upload"]).arg(file).env("OS_ENDPOINT", self.client.base());
            command.env("OS_PROJECT_ID", OWNER).stdout(Stdio::null()).stderr(Stdio::null());
            command.kill_on_drop(true).spawn().expect("runs")
        }

        /// What a project finds in its index is there, whole and as it is said to be.
        async fn listed_is_whole(&self, project: &str) -> Option<usize> {
            let path = "/deb/dists/stable/project/binary-all/Packages.gz";
            let (status, packed) = self.road.read(project, path).await.ok()?;
            assert_eq!(status, 200, "{path}");
            let mut text = String::new();
            std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&packed[..]), &mut text)
                .expect("an index is whole");
            let field = |name: &str| {
                let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                lines.map(str::to_owned).collect::<Vec<_>>()
            };
            let files: Vec<_> = field("Filename").into_iter().zip(field("SHA256")).collect();
            for (file, sum) in &files {
                let (status, bytes) = self.road.read(project, &format!("/deb/{file}")).await.ok()?;
                assert_eq!((status, &Sha256::of(&bytes).to_string()), (200, sum), "{file}");
            }
            Some(files.len())
        }

        async fn orders(&self) -> Vec<Value> {
            let all = self.client.get("software-orders").await.ok();
            all.and_then(|all| all.as_array().cloned()).unwrap_or_default()
        }
    }

    /// A project's network that leads nowhere, and an instance in it that has its lease.
    async fn boot(client: &Client, place: &Place, host: &Path, project: &str) -> Guest {
        let fields = json!({ "name": project, "project_id": project });
        let network = id_of(&client.create("network", fields).await.expect("a network"));
        let subnet = json!({
            "network_id": network, "project_id": project, "ip_version": 4, "cidr": "10.0.0.0/24",
            "gateway_ip": null,
        });
        client.create("subnet", subnet).await.expect("a subnet");
        let fields = json!({
            "network_id": network, "project_id": project, "device_owner": "compute:nova",
            "device_id": project, "binding:host_id": "host-1",
        });
        let port = client.create("port", fields).await.expect("a port");
        let guest = Guest::boot(place, project, host, &port).await.expect("boots");
        let path = format!("ports/{}", id_of(&port));
        let active = wait::until(SOON, || async {
            (client.get(&path).await.ok()?["status"] == "ACTIVE").then_some(())
        });
        active.await.unwrap_or_else(|| panic!("the port of {project} is not ACTIVE"));
        let lease = guest.dhcp().await.expect("a lease");
        assert!(lease.contains("169.254.169.254/32"), "{lease}");
        guest
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_uploaded_is_installed_whoever_is_killed_at_random() {
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let mut draw = Draw(seed.unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1));
        println!("SEED={}", draw.0);
        let mut all = Whole::start().await;
        let (first, second) =
            (all.file("neutrino-first").await, all.folder.path().join("neutrino-second.deb"));
        // Large enough to break off.
        std::fs::write(&second, depot::deb("neutrino-second", "1.0", 48 << 20)).expect("writes");
        let bytes = std::fs::read(&first).expect("reads");
        road::upload(&all.client, OWNER, "neutrino-first", bytes).await.expect("an upload");

        // Plain apt-get.
        let listed = format!("curl -sf -m 5 {GATEWAY}/archive/neutrino-first/1.0/SHA256SUMS");
        let there = wait::until(SOON, || async { all.instance.run(&listed).await.ok() });
        assert!(there.await.is_some(), "the gateways do not lead to it");
        let setup =
            format!("curl -sf {GATEWAY}/setup/user-data | sh && apt-get -q -y install neutrino-first");
        all.instance.run(&setup).await.expect("apt-get installs");

        // Another project, on the same host and with the same addresses, has no such package.
        let host = all.place.namespace("host-1");
        let stranger = boot(&all.client, &all.place, &host, OTHER).await;
        let url = format!("{GATEWAY}/archive/neutrino-first/1.0/SHA256SUMS");
        let words = ["curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", &url];
        let answered = wait::until(SOON, || async { stranger.run(&words).await.ok() });
        assert_eq!(answered.await.as_deref(), Some("404"), "nothing of another's");

        // Orders, one after the other, of what was there and of what comes meanwhile.
        let log = std::fs::File::create(all.folder.path().join("guest.log")).expect("a log");
        let mut command = all.instance.command(&[PROGRAM, "guest", "run", "--trust-first", "--wait-s", "5"]);
        let _guest = command.stdout(Stdio::null()).stderr(log).spawn().expect("runs");
        let (begun, mut kills, mut ordered, mut uploading) = (Instant::now(), 0, 0, None::<Child>);
        while begun.elapsed() < KILLS {
            if ordered < 6 && road::order(&all.client, OWNER, &["neutrino-first"], OWNER).await.is_ok() {
                ordered += 1;
            }
            match uploading.as_mut().map(Child::try_wait) {
                None => uploading = Some(all.upload(&second)),
                Some(Ok(None)) => {}
                Some(_) => uploading = None,
            }
            wait::pause(Duration::from_millis(draw.below(400) as u64)).await;
            let (name, program) = all.program(draw.below(5));
            program.again().unwrap_or_else(|error| panic!("{name}: {error}"));
            kills += 1;
            all.listed_is_whole(OWNER).await;
        }
        println!("{kills} kills in {:.1} s, {ordered} orders", begun.elapsed().as_secs_f32());

        // All of it comes to its end.
        let mut last = uploading.take();
        let brought = wait::until(SOON, || {
            let mut running = last.take().unwrap_or_else(|| all.upload(&second));
            let all = &all;
            async move {
                let _ = running.wait().await;
                all.has("neutrino-second").await.then_some(())
            }
        });
        assert!(brought.await.is_some(), "the second package does not come");
        road::order(&all.client, OWNER, &["neutrino-second"], OWNER).await.expect("an order");
        ordered += 1;
        let ended = wait::until(SOON, || async {
            let orders = all.orders().await;
            let done = orders.iter().all(|order| order["status"] == "installed");
            (orders.len() >= ordered && done).then_some(orders.len())
        });
        let log = || std::fs::read_to_string(all.folder.path().join("guest.log")).unwrap_or_default();
        let Some(orders) = ended.await else { panic!("{:#?}\n{}", all.orders().await, log()) };
        println!("{orders} orders installed after {:.1} s", begun.elapsed().as_secs_f32());
        let audit = all.instance.run("dpkg --audit && dpkg-query -W -f '${Status}' neutrino-first").await;
        assert_eq!(audit.expect("is fine"), "install ok installed");
        let listed = wait::until(SOON, || all.listed_is_whole(OWNER)).await;
        assert_eq!(listed, Some(2));
    }
}
