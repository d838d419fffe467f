//! Server and agents as processes of their own, as on many machines: they meet over NATS only. Needs
//! root for the hosts' namespaces; NEUTRINO_ROOT_TESTS=skip leaves it out.

mod netns {
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use serde_json::{Value, json};
    use testbed::client::id_of;
    use testbed::nats::{NatsPlan, NatsServer, SERVER};
    use testbed::place::{link, run_in};
    use testbed::program::Program;
    use testbed::{Client, Guest, Place, wait};

    const SOON: Duration = Duration::from_secs(30);
    const ANSWER: Duration = Duration::from_secs(5);

    /// `[bus]` for a login.
    fn bus(nats: &NatsServer, login: &str) -> String {
        let options = nats.options(login);
        let path = |path: Option<PathBuf>| path.expect("is set").display().to_string();
        format!(
            "[bus]\nkind = 'nats'\n[bus.nats]\nurls = ['{}']\nuser = '{login}'\npassword_file = '{}'\nca_file = '{}'\n",
            options.urls[0],
            path(options.password_file),
            path(options.ca_file),
        )
    }

    fn neutrino(folder: &Path, name: &str, word: &str, configuration: &str) -> Program {
        let file = folder.join(format!("{name}.toml"));
        std::fs::write(&file, configuration).expect("writes");
        let words = ["--config", file.to_str().expect("text"), word];
        let log = folder.join(format!("{name}.log"));
        Program::start(Path::new(env!("CARGO_BIN_EXE_neutrino")), &words, log).expect("runs")
    }

    async fn client(server: &Program) -> Client {
        Client::at(server.says("listens on ", SOON).await.expect("listens"))
    }

    /// Two hosts, joined by a wire, each with its agent.
    async fn agents(place: &Place, nats: &NatsServer, folder: &Path) -> (Vec<PathBuf>, Vec<Program>) {
        let (mut namespaces, mut agents) = (Vec::new(), Vec::new());
        for name in ["host-1", "host-2"] {
            namespaces.push(place.add(name).await.expect("a namespace; these tests need root"));
        }
        link(&namespaces[0], "under0", &namespaces[1], "under0", None).await.expect("a wire");
        for (at, namespace) in namespaces.iter().enumerate() {
            let (name, address) = (format!("host-{}", at + 1), format!("192.0.2.{}", at + 1));
            run_in(namespace, &["ip", "address", "add", &format!("{address}/24"), "dev", "under0"])
                .await
                .expect("an address");
            let netns = place.folder().join(format!("{name}.netns"));
            std::fs::create_dir_all(&netns).expect("a folder");
            let agent = format!(
                "[agent]\nhost = '{name}'\nnamespace = '{}'\nnetns_dir = '{}'\ntunneling_ip = '{address}'\n",
                namespace.display(),
                netns.display()
            );
            agents.push(neutrino(folder, &name, "agent", &(agent + &bus(nats, &name))));
        }
        (namespaces, agents)
    }

    async fn alive(client: &Client) {
        let known = wait::until(SOON, || async {
            let agents = client.get("agents?alive=true").await.ok()?;
            (agents.as_array()?.len() == 4).then_some(())
        });
        known.await.expect("the server hears of the agents");
    }

    async fn active(client: &Client, port: &Value) {
        let path = format!("ports/{}", id_of(port));
        let found = wait::until(SOON, || async {
            (client.get(&path).await.ok()?["status"] == "ACTIVE").then_some(())
        });
        if found.await.is_none() {
            panic!("not ACTIVE: {}", client.get(&path).await.expect("a port"));
        }
    }

    async fn guest(
        client: &Client,
        place: &Place,
        namespace: &Path,
        network: &str,
        name: &str,
        host: &str,
    ) -> (Guest, Value) {
        let fields = json!({ "name": name, "network_id": network, "binding:host_id": host });
        let port = client.create("port", fields).await.expect("a port");
        assert_eq!(port["binding:vif_type"], "tap", "{port}");
        let guest = Guest::boot(place, name, namespace, &port).await.expect("boots");
        active(client, &port).await;
        guest.dhcp().await.expect("a lease");
        (guest, port)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn server_and_agents_meet_over_nats_and_outlive_each_other() {
        let place = Place::new("processes").expect("a place; these tests need root");
        let folder = tempfile::tempdir().expect("a folder");
        let plan = NatsPlan { tls: true, ..NatsPlan::of_hosts(["host-1", "host-2"]) };
        let mut nats = NatsServer::start(plan).await.expect("nats-server");
        let database = folder.path().join("neutrino.db");
        let own = format!("server.bind = '127.0.0.1:0'\ndatabase.path = '{}'\n", database.display());
        let mut server = neutrino(folder.path(), "server", "server", &(own + &bus(&nats, SERVER)));
        let (hosts, mut agents) = agents(&place, &nats, folder.path()).await;
        let api = client(&server).await;
        alive(&api).await;
        let network = id_of(&api.create("network", json!({})).await.expect("a network"));
        let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24" });
        api.create("subnet", subnet).await.expect("a subnet");
        let (one, _) = guest(&api, &place, &hosts[0], &network, "one", "host-1").await;
        let (_two, port) = guest(&api, &place, &hosts[1], &network, "two", "host-2").await;
        let two = port["fixed_ips"][0]["ip_address"].as_str().expect("an address").to_owned();
        one.ping(&two, ANSWER).await.expect("the hosts are wired");

        nats.kill();
        one.ping(&two, ANSWER).await.expect("packets need no bus");
        let fields = json!({ "network_id": network, "binding:host_id": "host-1" });
        let late = api.create("port", fields.clone()).await.expect("the API needs no bus");
        Guest::boot(&place, "late", &hosts[0], &late).await.expect("boots");
        nats.restart().await.expect("starts");
        active(&api, &late).await;

        server.again().expect("runs");
        agents[0].again().expect("runs");
        one.ping(&two, ANSWER).await.expect("packets need neither server nor agent");
        let api = client(&server).await;
        guest(&api, &place, &hosts[0], &network, "last", "host-1").await;
        for program in agents.iter().chain([&server]) {
            let said = program.said();
            assert!(!said.contains("secret") && !said.contains(" ERROR "), "{said}");
            assert!(said.matches("the bus is gone").count() <= 1, "said once: {said}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_agent_that_is_not_let_in_says_why_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let nats = NatsServer::start(NatsPlan { tls: true, ..NatsPlan::of_hosts(["host-1"]) })
            .await
            .expect("nats-server");
        std::fs::write(nats.file("host-1.password"), "wrong").expect("writes");
        let configuration = format!("[agent]\nhost = 'host-1'\nroles = []\n{}", bus(&nats, "host-1"));
        let agent = neutrino(folder.path(), "agent", "agent", &configuration);
        agent.says("the password of user 'host-1' is refused", SOON).await.expect("says why");
        wait::pause(Duration::from_secs(3)).await;
        assert_eq!(agent.said().matches("is refused").count(), 1, "{}", agent.said());
    }
}
