//! Tokens of a real Keystone, judged by our server.

use std::time::Duration;

use bus::Bus;
use serde_json::{Value, json};
use server::keystone::{Secret, Settings};
use testbed::keystone::{Lifetimes, Manner, PASSWORD, Plan, Scope};
use testbed::{Keystone, Lone, wait};

const BLUE: Scope<'_> = Scope::Project("blue");
const SERVICE: Scope<'_> = Scope::Project("service");
/// For what has to come true by itself.
const SOON: Duration = Duration::from_secs(30);

/// A Keystone and a server that asks it.
struct Pair {
    keystone: Keystone,
    server: Lone,
}

impl Pair {
    async fn start() -> Pair {
        Pair::with(Plan::default(), |_| {}).await
    }

    async fn with(plan: Plan, change: impl FnOnce(&mut Settings)) -> Pair {
        let keystone = Keystone::start(plan).await.expect("Keystone starts");
        let mut settings = keystone.settings();
        change(&mut settings);
        let server = Lone::start(keystone.api(settings), Bus::in_process()).await.expect("starts");
        keystone.relay.take_seen();
        Pair { keystone, server }
    }

    async fn token(&self, user: &str, scope: Scope<'_>) -> String {
        self.keystone.token(user, scope).await.expect("a token")
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let body = (method == "POST").then(|| json!({ "network": {} }).to_string());
        self.server.client.raw(method, path, body, headers).await.expect("an answer").0
    }

    async fn get(&self, token: &str) -> u16 {
        self.send("GET", "/v2.0/networks", &[("x-auth-token", token)]).await
    }

    /// The project that a network belongs to which the bearer of a token creates.
    async fn project_of(&self, headers: &[(&str, &str)]) -> Value {
        let body = Some(json!({ "network": {} }).to_string());
        let (status, made) =
            self.server.client.send("POST", "/v2.0/networks", body, headers).await.expect("answer");
        assert_eq!(status, 201, "{made}");
        made["network"]["project_id"].clone()
    }

    /// Questions that our server asked about tokens since the last call; logins are not counted.
    fn validations(&self) -> usize {
        let seen = self.keystone.relay.take_seen();
        seen.iter().filter(|line| line.starts_with("GET /v3/auth/tokens")).count()
    }

    async fn id_of(&self, kind: &str, name: &str) -> String {
        let admin = self.token("admin", Scope::Project("admin")).await;
        let headers = [("x-auth-token", admin.as_str())];
        let path = format!("/v3/{kind}?name={name}");
        let found = self.keystone.send("GET", &path, None, &headers).await.expect("found");
        found[kind][0]["id"].as_str().expect("an id").to_owned()
    }

    /// An application credential of a user, as an identity to get a token with.
    async fn credential(&self, user: &str, scope: Scope<'_>, mut fields: Value) -> Value {
        let token = self.token(user, scope).await;
        let path = format!("/v3/users/{}/application_credentials", self.id_of("users", user).await);
        fields["name"] = json!("for a test");
        let body = Some(json!({ "application_credential": fields }));
        let headers = [("x-auth-token", token.as_str())];
        let made = self.keystone.send("POST", &path, body, &headers).await.expect("made");
        let made = &made["application_credential"];
        json!({
            "methods": ["application_credential"],
            "application_credential": { "id": made["id"], "secret": made["secret"] },
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_says_who_asks_and_headers_do_not() {
    let pair = Pair::start().await;
    let token = pair.token("blue-member", BLUE).await;
    let (blue, green) = (pair.id_of("projects", "blue").await, pair.id_of("projects", "green").await);
    assert_eq!(pair.project_of(&[("x-auth-token", &token)]).await, json!(blue));
    let pretended = [
        ("x-auth-token", token.as_str()),
        ("x-project-id", &green),
        ("x-tenant-id", &green),
        ("x-roles", "admin"),
        ("x-is-admin-project", "True"),
        ("x-identity-status", "Confirmed"),
        ("x-service-roles", "service"),
        ("openstack-system-scope", "all"),
    ];
    assert_eq!(pair.project_of(&pretended).await, json!(blue), "headers say nothing");
    assert_eq!(pair.send("GET", "/v2.0/networks", &pretended[1..]).await, 401);
    assert_eq!(pair.send("GET", "/v2.0/networks", &[("x-storage-token", &token)]).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_token_is_401_and_says_where_to_get_one() {
    let pair = Pair::start().await;
    let long = "x".repeat(5000);
    let none: [&[(&str, &str)]; 6] = [
        &[],
        &[("x-auth-token", "")],
        &[("x-auth-token", "nonsense")],
        &[("x-auth-token", "gAAAAABnonsense_with-the.look=of a fernet token")],
        &[("x-auth-token", "../../projects")],
        &[("x-auth-token", &long)],
    ];
    for headers in none {
        let answer = pair.server.client.whole("GET", "/v2.0/networks", None, headers).await.expect("answer");
        assert_eq!(answer.status(), 401, "{headers:?}");
        let place = answer.headers()["www-authenticate"].to_str().expect("text");
        assert_eq!(place, format!("Keystone uri=\"{}\"", pair.keystone.url));
        let body: Value = serde_json::from_slice(answer.body()).expect("JSON");
        assert_eq!((&body["error"]["code"], &body["error"]["title"]), (&json!(401), &json!("Unauthorized")));
    }
    let seen = pair.keystone.relay.take_seen();
    let (logins, asked): (Vec<_>, Vec<_>) = seen.iter().partition(|line| line.starts_with("POST"));
    assert_eq!((logins.len(), asked.len()), (1, 3), "what can be no token is not asked about: {seen:?}");
    for path in ["/v2.0", "/v2.0/", "/v2.0/extensions", "/v2.0/nothing", "/v2.0/ports.json"] {
        assert_eq!(pair.send("GET", path, &[]).await, 401, "{path}");
    }
    assert_eq!(pair.send("GET", "/", &[]).await, 200, "versions are for everyone");
    assert_eq!(pair.send("GET", "/elsewhere", &[]).await, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_scope_has_its_reach() {
    let pair = Pair::start().await;
    let admin = pair.token("admin", Scope::Project("admin")).await;
    assert_eq!(pair.get(&admin).await, 200);
    // Whether a scope may do something is for the policy: here, they are known.
    for scope in [Scope::Domain, Scope::System, Scope::Nothing] {
        let token = pair.token("admin", scope).await;
        assert_ne!(pair.get(&token).await, 401, "{scope:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_credential_may_do_what_its_rules_say() {
    let pair = Pair::start().await;
    let whole = pair.credential("blue-member", BLUE, json!({})).await;
    let token = pair.keystone.token_for(whole, Scope::Nothing).await.expect("a token");
    let blue = pair.id_of("projects", "blue").await;
    assert_eq!(pair.project_of(&[("x-auth-token", &token)]).await, json!(blue));

    let rules = json!([
        { "service": "network", "method": "GET", "path": "/v2.0/networks" },
        { "service": "network", "method": "GET", "path": "/v2.0/ports/*" },
        { "service": "network", "method": "DELETE", "path": "/v2.0/subnets/{id}" },
        { "service": "compute", "method": "GET", "path": "/v2.0/subnets" },
    ]);
    let limited = pair.credential("blue-reader", BLUE, json!({ "access_rules": rules })).await;
    let token = pair.keystone.token_for(limited, Scope::Nothing).await.expect("a token");
    for (method, path, status) in [
        ("GET", "/v2.0/networks", 200),
        ("HEAD", "/v2.0/networks", 401),
        ("POST", "/v2.0/networks", 401),
        ("GET", "/v2.0/networks/1", 401),
        ("GET", "/v2.0/networks.json", 401),
        ("GET", "/v2.0/ports", 401),
        ("GET", "/v2.0/ports/1", 404),
        ("GET", "/v2.0/ports/1/2", 401),
        ("DELETE", "/v2.0/subnets/1", 404),
        ("GET", "/v2.0/subnets/1", 401),
        ("GET", "/v2.0/subnets", 401),
    ] {
        assert_eq!(pair.send(method, path, &[("x-auth-token", &token)]).await, status, "{method} {path}");
    }
    // What a service asks for a user is not what the user asked the service for.
    let nova = pair.token("nova", SERVICE).await;
    let both = [("x-auth-token", token.as_str()), ("x-service-token", &nova)];
    assert_eq!(pair.send("GET", "/v2.0/subnets", &both).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_login_may_be_an_application_credential() {
    let pair = Pair::start().await;
    let ours = pair.credential("neutrino", SERVICE, json!({})).await;
    let ours = &ours["application_credential"];
    let settings = Settings {
        username: None,
        password: None,
        application_credential_id: ours["id"].as_str().map(str::to_owned),
        application_credential_secret: ours["secret"].as_str().map(Secret::new),
        ..pair.keystone.settings()
    };
    let server = Lone::start(pair.keystone.api(settings), Bus::in_process()).await.expect("starts");
    let pair = Pair { server, ..pair };
    assert_eq!(pair.get(&pair.token("blue-member", BLUE).await).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_with_one_token_are_one_question() {
    let pair = Pair::start().await;
    let token = pair.token("blue-member", BLUE).await;
    // Slow, so that all requests are there before the first answer.
    pair.keystone.relay.set(Manner::Slow(Duration::from_millis(500)));
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let (client, token) = (pair.server.client.clone(), token.clone());
            tokio::spawn(async move {
                client.raw("GET", "/v2.0/networks", None, &[("x-auth-token", &token)]).await
            })
        })
        .collect();
    for client in clients {
        assert_eq!(client.await.expect("runs").expect("an answer").0, 200);
    }
    let seen = pair.keystone.relay.take_seen();
    assert_eq!(seen, ["POST /v3/auth/tokens?nocatalog", "GET /v3/auth/tokens?nocatalog"]);

    // So is a bad one, and it is not asked about again.
    for _ in 0..20 {
        assert_eq!(pair.get("nonsense").await, 401);
    }
    assert_eq!(pair.validations(), 1);
    // A bad one leaves the good one known.
    assert_eq!(pair.get(&token).await, 200);
    assert_eq!(pair.validations(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_ends_with_the_time_of_the_cache() {
    let pair = Pair::with(Plan::default(), |settings| settings.cache_s = 2).await;
    let token = pair.token("blue-member", BLUE).await;
    assert_eq!(pair.get(&token).await, 200);
    pair.keystone.revoke(&token).await.expect("revoked");
    let refused = wait::until(SOON, || async { (pair.get(&token).await == 401).then_some(()) }).await;
    assert!(refused.is_some(), "a revoked token still works");
    // It stays so, whatever else is asked meanwhile.
    assert_eq!(pair.get(&token).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_good_for_a_service_only() {
    // The time of the cache is longer than a token lives: the token's end counts.
    let lifetimes = Lifetimes { expiration_s: 10, allow_expired_s: 3600 };
    let plan = Plan { lifetimes, ..Plan::default() };
    let pair = Pair::with(plan, |settings| settings.cache_s = 600).await;
    let token = pair.token("blue-member", BLUE).await;
    assert_eq!(pair.get(&token).await, 200);
    let over = wait::until(SOON, || async { (pair.get(&token).await == 401).then_some(()) }).await;
    assert!(over.is_some(), "the token outlives its time");

    let blue = pair.id_of("projects", "blue").await;
    // Tokens live so shortly here that each is made for its request.
    let nova = pair.token("nova", SERVICE).await;
    let with = |service| [("x-auth-token", token.as_str()), ("x-service-token", service)];
    assert_eq!(pair.project_of(&with(&nova)).await, json!(blue));
    assert_eq!(pair.get(&token).await, 401, "alone it is still over");
    let member = pair.token("green-member", Scope::Project("green")).await;
    assert_eq!(pair.send("GET", "/v2.0/networks", &with(&member)).await, 401, "no service");
    assert_eq!(pair.send("GET", "/v2.0/networks", &with("nonsense")).await, 401);
    let nova = pair.token("nova", SERVICE).await;
    assert_eq!(pair.send("GET", "/v2.0/networks", &[("x-service-token", &nova)]).await, 401, "nobody asks");
    let revoked = pair.token("blue-member", BLUE).await;
    pair.keystone.revoke(&revoked).await.expect("revoked");
    let nova = pair.token("nova", SERVICE).await;
    let both = [("x-auth-token", revoked.as_str()), ("x-service-token", &nova)];
    assert_eq!(pair.send("GET", "/v2.0/networks", &both).await, 401, "revoked is not expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_long_expired_is_over_for_a_service_too() {
    let lifetimes = Lifetimes { expiration_s: 4, allow_expired_s: 1 };
    let pair = Pair::with(Plan { lifetimes, ..Plan::default() }, |settings| settings.cache_s = 1).await;
    let token = pair.token("blue-member", BLUE).await;
    let refused = wait::until(SOON, || async {
        let nova = pair.token("nova", SERVICE).await;
        let both = [("x-auth-token", token.as_str()), ("x-service-token", &nova)];
        (pair.send("GET", "/v2.0/networks", &both).await == 401).then_some(())
    });
    assert!(refused.await.is_some(), "Keystone's window is not kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keystone_known_tokens_go_on_and_others_wait() {
    let mut pair = Pair::with(Plan::default(), |settings| settings.timeout_s = 1).await;
    let known = pair.token("blue-member", BLUE).await;
    let (other, third) =
        (pair.token("blue-reader", BLUE).await, pair.token("green-member", Scope::Project("green")).await);
    assert_eq!(pair.get(&known).await, 200);

    pair.keystone.kill().await.expect("ended");
    let headers = [("x-auth-token", other.as_str())];
    let answer = pair.server.client.whole("GET", "/v2.0/networks", None, &headers).await.expect("answer");
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert!(!String::from_utf8_lossy(answer.body()).contains(&other), "the token is not repeated");
    assert_eq!(pair.get(&known).await, 200, "what is known counts");
    assert_eq!(pair.get("nonsense").await, 503, "nobody knows that it is nonsense");

    pair.keystone.run().await.expect("starts again");
    let back = wait::until(SOON, || async { (pair.get(&other).await == 200).then_some(()) }).await;
    assert!(back.is_some(), "Keystone is back, and not asked");

    for manner in [Manner::Answer(500), Manner::Answer(503), Manner::Slow(SOON)] {
        pair.keystone.relay.set(manner);
        assert_eq!(pair.get(&third).await, 503, "{manner:?}");
        assert_eq!(pair.get(&known).await, 200, "{manner:?}");
    }
    pair.keystone.relay.set(Manner::Pass);
    let back = wait::until(SOON, || async { (pair.get(&third).await == 200).then_some(()) }).await;
    assert!(back.is_some(), "Keystone is quick again, and not asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_token_is_made_again_when_it_is_refused() {
    let pair = Pair::start().await;
    let first = pair.token("blue-member", BLUE).await;
    assert_eq!(pair.get(&first).await, 200);

    // Keystone forgets all tokens of a user whose password is changed, also to the same.
    let admin = pair.token("admin", Scope::Project("admin")).await;
    let path = format!("/v3/users/{}", pair.id_of("users", "neutrino").await);
    let body = Some(json!({ "user": { "password": PASSWORD } }));
    pair.keystone.send("PATCH", &path, body, &[("x-auth-token", &admin)]).await.expect("changed");
    pair.keystone.relay.take_seen();

    let mut tokens = Vec::new();
    for (user, scope) in [("blue-member", BLUE), ("blue-reader", BLUE), ("nova", SERVICE)] {
        tokens.push(pair.token(user, scope).await);
    }
    // Keystone counts in seconds: a token of the same second would be forgotten as well.
    let fresh = wait::until(SOON, || async {
        let token = pair.token("neutrino", SERVICE).await;
        let headers = [("x-auth-token", token.as_str()), ("x-subject-token", &token)];
        pair.keystone.send("GET", "/v3/auth/tokens", None, &headers).await.ok()
    });
    assert!(fresh.await.is_some(), "the user may not come back");

    // Many find our token refused, one makes another.
    pair.keystone.relay.set(Manner::Slow(Duration::from_millis(300)));
    let all = tokens.into_iter().map(|token| {
        let client = pair.server.client.clone();
        tokio::spawn(
            async move { client.raw("GET", "/v2.0/networks", None, &[("x-auth-token", &token)]).await },
        )
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.expect("runs").expect("an answer").0, 200);
    }
    let seen = pair.keystone.relay.take_seen();
    let logins = seen.iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(logins, 1, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_token_is_renewed_whenever_it_ends() {
    let lifetimes = Lifetimes { expiration_s: 5, allow_expired_s: 60 };
    let pair = Pair::with(Plan { lifetimes, ..Plan::default() }, |settings| settings.cache_s = 1).await;
    let (pair, mut logins) = (&pair, 0);
    let renewed = wait::until(SOON, || {
        let seen = pair.keystone.relay.take_seen();
        logins += seen.iter().filter(|line| line.starts_with("POST")).count();
        let done = logins >= 3;
        async move {
            let token = pair.token("blue-member", BLUE).await;
            assert_eq!(pair.get(&token).await, 200);
            done.then_some(())
        }
    });
    assert!(renewed.await.is_some(), "it is not renewed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_wrong_password_of_ours_nobody_is_let_in_and_logins_are_few() {
    let pair = Pair::with(Plan::default(), |settings| settings.password = Some(Secret::new("wrong"))).await;
    let token = pair.token("blue-member", BLUE).await;
    for _ in 0..20 {
        assert_eq!(pair.get(&token).await, 503);
    }
    let seen = pair.keystone.relay.take_seen();
    assert!(seen.len() <= 2, "Keystone may lock an account that fails often: {seen:?}");
}
