//! The example of many machines (`docs/examples/many-machines`) is run as it is written: two servers and
//! an agent, PostgreSQL, NATS and Keystone, all over TLS. Only addresses, ports and folders are this test's
//! own. Needs root for the host's namespace; NEUTRINO_ROOT_TESTS=skip leaves it out.

use std::path::{Path, PathBuf};
use std::process::Command;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples/many-machines")
}

fn example(name: &str) -> String {
    std::fs::read_to_string(examples().join(name)).expect("an example")
}

#[test]
fn the_bus_lets_in_what_is_printed() {
    let words = ["bus", "nats-config", "--hosts", "compute-1,compute-2"];
    let output = Command::new(env!("CARGO_BIN_EXE_neutrino")).args(words).output().expect("runs");
    let printed = String::from_utf8(output.stdout).expect("text");
    let path = examples().join("nats-server.conf");
    let kept = example("nats-server.conf");
    let (own, _) = kept.split_once("\n# Passwords ").expect("the printed part begins with its comment");
    let whole = format!("{own}\n{printed}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &whole).expect("writes");
    }
    assert_eq!(whole, example("nats-server.conf"), "neutrino {words:?}: look at it with UPDATE=1");
}

mod netns {
    use std::net::TcpListener;
    use std::time::Duration;

    use serde_json::Value;
    use server::TlsSettings;
    use tempfile::TempDir;
    use testbed::keystone::{PASSWORD, Plan};
    use testbed::place::run_in;
    use testbed::postgres::{Database, Setup};
    use testbed::{Authority, Keystone, Place, Postgres, Program, python, wait};
    use tokio::process::Command;

    use super::{Path, PathBuf, example};

    const SOON: Duration = Duration::from_secs(60);
    /// Who operates the cloud, and the project.
    const OPERATOR: (&str, &str) = ("admin", "admin");
    const MEMBER: (&str, &str) = ("blue-member", "blue");

    fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        listener.expect("a free port").port()
    }

    /// An example with what is this test's own. What is replaced must be there.
    fn filled(name: &str, own: &[(&str, &str)]) -> String {
        own.iter().fold(example(name), |text, (theirs, ours)| {
            assert!(text.contains(theirs), "{name} says nothing of {theirs}");
            text.replace(theirs, ours)
        })
    }

    /// Files of all machines, and the neighbours that run.
    struct Machines {
        folder: TempDir,

        keystone: Keystone,
        database: Database,
        postgres_port: u16,
        nats_port: u16,
        _postgres: Postgres,
        _nats: Program,
    }

    impl Machines {
        async fn start() -> Machines {
            let folder = tempfile::tempdir().expect("a folder");
            let authority = Authority::new("of the example").expect("an authority");
            let write =
                |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("writes");
            let signed = authority.sign("of every machine").expect("a certificate");
            for name in ["api", "nats-server"] {
                write(&format!("{name}.pem"), &signed.certificate);
                write(&format!("{name}.key"), &signed.key);
            }
            write("ca.pem", authority.pem());
            write("keystone.password", PASSWORD);
            write("database.password", "the password of the database\n");

            let tls = TlsSettings {
                certificate: folder.path().join("api.pem"),
                key: folder.path().join("api.key"),
                client_ca: None,
            };
            let plan = Plan { tls: Some(tls.load().expect("TLS")), ..Plan::default() };
            let (postgres_port, nats_port) = (free_port(), free_port());
            let hba = filled(
                "pg_hba.conf",
                &[("192.0.2.0/24", "127.0.0.1/32"), (" neutrino  neutrino ", " all all ")],
            );
            let setup = Setup {
                options: [
                    "listen_addresses=127.0.0.1",
                    "ssl=on",
                    "ssl_cert_file=tls.crt",
                    "ssl_key_file=tls.key",
                ]
                .map(str::to_owned)
                .into_iter()
                .chain([format!("port={postgres_port}")])
                .collect(),
                hba: Some(format!("local all all trust\n{hba}")),
                files: vec![("tls.crt".into(), signed.certificate), ("tls.key".into(), signed.key)],
                ..Setup::default()
            };
            let (keystone, postgres) =
                tokio::join!(Keystone::start(plan), Postgres::start_at(setup, postgres_port));
            let (keystone, postgres) = (keystone.expect("Keystone"), postgres.expect("PostgreSQL"));
            let database = postgres.make().await.expect("a database");
            let client = database.client().await.expect("connects");
            let sql = "ALTER USER neutrino PASSWORD 'the password of the database'";
            client.batch_execute(sql).await.expect("a password");
            let nats = nats(folder.path(), nats_port).await;
            Machines {
                folder,
                keystone,
                database,
                postgres_port,
                nats_port,
                _postgres: postgres,
                _nats: nats,
            }
        }

        fn file(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// Runs what an example configures, on a machine of its own as far as files go.
        fn run(&self, machine: &str, word: &str, text: &str, bus_password: &str, set: &[String]) -> Program {
            let etc = self.file(machine);
            std::fs::create_dir(&etc).expect("a folder");
            for name in ["api.pem", "api.key", "ca.pem", "keystone.password", "database.password"] {
                std::fs::copy(self.file(name), etc.join(name)).expect("copies");
            }
            std::fs::write(etc.join("bus.password"), format!("{bus_password}\n")).expect("writes");
            let configuration = etc.join("neutrino.toml");
            std::fs::write(&configuration, text.replace("/etc/neutrino/", &format!("{}/", etc.display())))
                .expect("writes");
            let mut words = vec!["--config", configuration.to_str().expect("text"), word];
            words.extend(set.iter().flat_map(|set| ["--set", set.as_str()]));
            let log = self.file(&format!("{machine}.log"));
            Program::start(Path::new(env!("CARGO_BIN_EXE_neutrino")), &words, log).expect("runs")
        }

        fn server(&self, machine: &str) -> Program {
            let name = self.database.url.rsplit('=').next().unwrap_or_default();
            let database = format!("neutrino@127.0.0.1:{}/{name}", self.postgres_port);
            let own = [
                ("0.0.0.0:9696", "127.0.0.1:0"),
                ("https://keystone.example.org:5000", &self.keystone.url),
                ("neutrino@db.example.org:5432/neutrino", &database),
                ("bus.example.org:4222", &format!("127.0.0.1:{}", self.nats_port)),
            ];
            // PostgreSQL on this machine would do without TLS, which the example is to show.
            let set = [format!("database.url=postgresql://{database}?sslmode=require")];
            self.run(machine, "server", &filled("server.toml", &own), "the server's password", &set)
        }

        fn agent(&self, namespace: &Path, netns: &Path) -> Program {
            let bus = format!("127.0.0.1:{}", self.nats_port);
            let text = filled("agent.toml", &[("bus.example.org:4222", &bus)]);
            let set = [
                format!("agent.namespace={}", namespace.display()),
                format!("agent.netns_dir={}", netns.display()),
            ];
            self.run("compute-1", "agent", &text, "the password of compute-1", &set)
        }

        /// What the openstack command answers to somebody.
        async fn openstack(&self, (user, project): (&str, &str), words: &str) -> Value {
            let output = Command::new(python::program("openstack"))
                .args(words.split_whitespace())
                .args(["-f", "json"])
                .envs(self.keystone.environment(user, project))
                .env("OS_CACERT", self.file("ca.pem"))
                .env("PYTHONWARNINGS", "ignore")
                .output()
                .await
                .expect("the openstack command runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "openstack {words}: {said}");
            serde_json::from_slice(&output.stdout).expect("JSON")
        }
    }

    async fn nats(folder: &Path, port: u16) -> Program {
        let files = format!("{}/nats-server.", folder.display());
        let own =
            [("/etc/nats-server.", files.as_str()), ("0.0.0.0", "127.0.0.1"), ("4222", &port.to_string())];
        std::fs::write(folder.join("nats-server.conf"), filled("nats-server.conf", &own)).expect("writes");
        std::fs::write(folder.join("nats-server.passwords"), example("nats-server.passwords"))
            .expect("writes");
        let file = format!("{files}conf");
        let log = folder.join("nats-server.log");
        let program = Program::start(Path::new("nats-server"), &["--config", &file], log).expect("runs");
        program.says("Server is ready", SOON).await.expect("starts");
        program
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_servers_and_a_host_as_the_example_says() {
        let place = Place::new("examples").expect("a place; these tests need root");
        let namespace = place.add("compute-1").await.expect("a namespace");
        run_in(&namespace, &["ip", "address", "add", "192.0.2.21/24", "dev", "lo"])
            .await
            .expect("an address");
        let netns = place.folder().join("compute-1.netns");
        std::fs::create_dir(&netns).expect("a folder");

        let machines = Machines::start().await;
        let servers = [machines.server("control-1"), machines.server("control-2")];
        let agent = machines.agent(&namespace, &netns);
        let mut urls = Vec::new();
        for server in &servers {
            let url = server.says("the API listens on ", SOON).await.expect("listens");
            assert!(url.starts_with("https://"), "{url}");
            urls.push(url);
        }
        machines.keystone.serve_network(&urls[0]).await.expect("in the catalog");
        let made = machines.openstack(MEMBER, "network create red").await;
        machines.keystone.serve_network(&urls[1]).await.expect("in the catalog");
        let shown = machines.openstack(MEMBER, "network show red");
        let alive = wait::until(SOON, || async {
            let agents = machines.openstack(OPERATOR, "network agent list --host compute-1").await;
            let alive = |agent: &Value| agent["Alive"] == Value::Bool(true);
            agents.as_array().filter(|all| all.len() == 2 && all.iter().all(alive)).map(|_| ())
        });
        let (shown, alive) = tokio::join!(shown, alive);
        assert_eq!((&shown["id"], &shown["project_id"]), (&made["id"], &made["project_id"]));
        assert!(alive.is_some(), "{}", agent.said());
        for program in servers.iter().chain([&agent]) {
            let said = program.said();
            assert!(
                !said.contains("password") && !said.contains(" ERROR ") && !said.contains(" WARN "),
                "{said}"
            );
        }
    }
}
