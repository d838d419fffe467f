//! Everything is killed at random under load: servers, agents, NATS and PostgreSQL. Afterwards what
//! was acknowledged is true on every host, and what was refused is not.
//!
//! NEUTRINO_SEED=N runs one seed, as printed by a run that failed.

mod netns {
    mod chance;
    mod churn;
    mod judge;
    mod ledger;
    mod load;
    mod many;

    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::{Duration, Instant};

    use serde_json::json;
    use testbed::client::id_of;
    use testbed::place::command_in;
    use testbed::{Guest, wait};

    use chance::Chance;
    use ledger::Ledger;
    use load::Field;
    use many::Many;

    const HOSTS: usize = 3;
    const NETWORKS: usize = 3;
    const CLIENTS: usize = 6;
    const LOAD: Duration = Duration::from_secs(25);
    const SETTLED: Duration = Duration::from_secs(90);
    const SEED: u64 = 20_261_122;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_acknowledged_is_true_on_every_host() {
        let seed = std::env::var("NEUTRINO_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
        println!("NEUTRINO_SEED={seed}");
        let mut many = Many::start("torture", HOSTS).await.expect("a cloud; these tests need root");
        many.is_up().await.expect("is up");
        let (guest, to) = guests(&many).await;
        let field = Arc::new(Field {
            servers: many.clients.clone(),
            networks: networks(&many).await,
            hosts: many.ends.keys().cloned().collect(),
        });
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let end = Instant::now() + LOAD;
        let pings = (LOAD.as_millis() / 200).to_string();
        let ping = command_in(&guest.namespace, &["ping", "-n", "-q", "-i", "0.2", "-c", &pings, &to])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("ping runs");
        let clients: Vec<_> = (0..CLIENTS)
            .map(|who| tokio::spawn(load::work(Arc::clone(&field), Arc::clone(&ledger), who, seed, end)))
            .collect();
        kill_until(&mut many, &mut Chance::new(seed), end).await;
        for client in clients {
            client.await.expect("a client");
        }
        let said = ping.wait_with_output().await.expect("ping ends");
        many.is_up().await.expect("all come back");

        let ledger = std::mem::take(&mut *ledger.lock().unwrap_or_else(PoisonError::into_inner));
        println!(
            "{} acknowledged, {} refused, {} unanswered",
            ledger.acknowledged, ledger.refused, ledger.unanswered
        );
        println!("{:?}", ledger.answers);
        settle(&many).await;
        let lies = ledger.lies(&there(&many).await);
        assert!(lies.is_empty(), "{} untrue:\n{}", lies.len(), lies.join("\n"));
        assert!(!ledger.answers.contains_key(&500), "an answer nobody meant: {:?}", ledger.answers);
        assert!(ledger.acknowledged > 50, "hardly anything was done");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        println!("{said}");
        assert!(said.contains(" 0% packet loss"), "packets need no controller: {said}");
    }

    async fn networks(many: &Many) -> Vec<String> {
        let mut out = Vec::new();
        for n in 0..NETWORKS {
            let network = many.clients[0].create("network", json!({})).await.expect("a network");
            let cidr = format!("10.{n}.0.0/16");
            let subnet = json!({ "network_id": network["id"], "ip_version": 4, "cidr": cidr });
            many.clients[0].create("subnet", subnet).await.expect("a subnet");
            out.push(id_of(&network));
        }
        out
    }

    /// Two instances on two hosts, wired and with addresses; the second's address.
    async fn guests(many: &Many) -> (Guest, String) {
        let api = &many.clients[1];
        let network = id_of(&api.create("network", json!({ "name": "steady" })).await.expect("a network"));
        let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": "10.99.0.0/24" });
        api.create("subnet", subnet).await.expect("a subnet");
        let mut out = Vec::new();
        for host in ["host-1", "host-2"] {
            let fields = json!({ "network_id": network, "binding:host_id": host });
            let port = api.create("port", fields).await.expect("a port");
            let name = format!("guest-{host}");
            let guest = Guest::boot(&many.place, &name, &many.namespace(host), &port).await.expect("boots");
            let path = format!("ports/{}", id_of(&port));
            let active = wait::until(SETTLED, || async {
                (api.get(&path).await.ok()?["status"] == "ACTIVE").then_some(())
            });
            active.await.expect("ACTIVE");
            guest.dhcp().await.expect("a lease");
            out.push((guest, port["fixed_ips"][0]["ip_address"].as_str().expect("an address").to_owned()));
        }
        let (_, to) = out.pop().expect("two");
        let (guest, _) = out.pop().expect("two");
        guest.ping(&to, Duration::from_secs(5)).await.expect("the hosts are wired");
        (guest, to)
    }

    /// Kills one thing after another and starts it again after a while.
    async fn kill_until(many: &mut Many, chance: &mut Chance, end: Instant) {
        let mut killed = Vec::new();
        while Instant::now() < end {
            wait::pause(Duration::from_millis(200 + chance.below(800) as u64)).await;
            let down = Duration::from_millis(50 + chance.below(1200) as u64);
            let victim = chance.below(HOSTS + 4);
            killed.push(victim);
            match victim {
                0 => {
                    many.nats.kill();
                    wait::pause(down).await;
                    many.nats.restart().await.expect("nats-server starts");
                }
                1 => {
                    many.postgres.kill().await.expect("killed");
                    wait::pause(down).await;
                    many.postgres.begin().await.expect("PostgreSQL starts");
                }
                2 | 3 => {
                    many.servers[victim - 2].kill();
                    wait::pause(down).await;
                    many.servers[victim - 2].again().expect("a server starts");
                }
                _ => {
                    many.agents[victim - 4].kill();
                    wait::pause(down).await;
                    many.agents[victim - 4].again().expect("an agent starts");
                }
            }
        }
        let count = |of: &[usize]| killed.iter().filter(|victim| of.contains(victim)).count();
        println!(
            "killed: NATS {}, PostgreSQL {}, servers {}, agents {}",
            count(&[0]),
            count(&[1]),
            count(&[2, 3]),
            count(&[4, 5, 6])
        );
    }

    /// Waits until every host's kernel is as the API says.
    async fn settle(many: &Many) {
        let differing = Mutex::new(String::new());
        let same = wait::until_every(Duration::from_millis(500), SETTLED, || async {
            let wanted = judge::wanted(&many.clients[0], &many.ends).await.ok()?;
            for (host, wanted) in wanted {
                let found = judge::found(&many.namespace(&host)).await.ok()?;
                if found != wanted {
                    let text = format!("{host} has {found:#?}\nand should have {wanted:#?}");
                    *differing.lock().unwrap_or_else(PoisonError::into_inner) = text;
                    return None;
                }
            }
            Some(())
        });
        if same.await.is_none() {
            panic!("{}", differing.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The names and hosts of the clients' ports, as the other server tells them.
    async fn there(many: &Many) -> Vec<(String, String)> {
        let ports = many.clients[1].get("ports").await.expect("ports");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let all = ports.as_array().expect("a list").iter();
        all.map(|port| (text(&port["name"]), text(&port["binding:host_id"])))
            .filter(|(name, _)| name.starts_with("port-"))
            .collect()
    }
}
