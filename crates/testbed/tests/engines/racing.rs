//! Requests that race: many at once, on the servers of one database in turn.

use std::collections::BTreeMap;

use bus::Bus;
use serde_json::{Value, json};
use server::Settings;
use testbed::client::id_of;
use testbed::{Client, Engine, Home, Lone, Postgres};
use tokio::task::JoinSet;

/// A request: method, path and body.
pub type Asked = (&'static str, String, Option<Value>);

/// Answers by status.
pub type Answers = BTreeMap<u16, Vec<Value>>;

/// Two servers on a database of PostgreSQL, or one on SQLite's.
pub struct Servers(Vec<Lone>);

impl Servers {
    pub async fn start(engine: Engine) -> Servers {
        Servers::start_with(engine, Settings::default()).await
    }

    pub async fn start_with(engine: Engine, settings: Settings) -> Servers {
        match engine {
            Engine::Sqlite => {
                let lone = Lone::start(settings, Bus::in_process()).await;
                Servers(vec![lone.expect("starts")])
            }
            Engine::Postgres => Servers::on_postgres(settings, &Bus::in_process()).await.0,
        }
    }

    /// With a way to the database behind their backs.
    pub async fn on_postgres(settings: Settings, bus: &Bus) -> (Servers, tokio_postgres::Client) {
        let database = Postgres::database().await.expect("a database");
        let one = || Lone::start_in(Home::from(database.clone()), settings.clone(), bus.clone());
        let servers = vec![one().await.expect("starts"), one().await.expect("starts")];
        (Servers(servers), database.client().await.expect("connects"))
    }

    pub fn client(&self, at: usize) -> Client {
        self.0[at % self.0.len()].client.clone()
    }

    pub async fn open(&self) -> db::Db {
        self.0[0].open().await.expect("opens")
    }

    pub async fn make(&self, singular: &str, fields: Value) -> String {
        id_of(&self.client(0).create(singular, fields).await.expect("is made"))
    }

    /// A network and a subnet of it.
    pub async fn subnet(&self, cidr: &str, external: bool) -> (String, String) {
        let network = self.make("network", json!({ "router:external": external })).await;
        let subnet = json!({ "network_id": network, "ip_version": 4, "cidr": cidr, "enable_dhcp": false });
        let subnet = self.make("subnet", subnet).await;
        (network, subnet)
    }

    /// All at once; none may say that we are broken.
    pub async fn all(&self, requests: Vec<Asked>) -> Answers {
        let mut racing = JoinSet::new();
        for (at, (method, path, body)) in requests.into_iter().enumerate() {
            let client = self.client(at);
            let body = body.map(|body| body.to_string());
            racing.spawn(async move { client.send(method, &path, body, &[]).await.expect("an answer") });
        }
        let mut answers = Answers::new();
        for (status, answer) in racing.join_all().await {
            assert!(status < 500, "{status} {answer}");
            answers.entry(status).or_default().push(answer);
        }
        answers
    }
}

/// How many answers there are of each status.
pub fn counts(answers: &Answers) -> Vec<(u16, usize)> {
    answers.iter().map(|(status, answers)| (*status, answers.len())).collect()
}
