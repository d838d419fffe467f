//! What needs no Keystone.

use super::token::Token;
use super::*;
use cloud::Reach;

fn settings() -> Settings {
    Settings {
        auth_url: "http://127.0.0.1:5000/v3/".into(),
        username: Some("neutrino".into()),
        password: Some(Secret::new("not to be shown")),
        ..Settings::default()
    }
}

#[test]
fn mistakes_in_the_settings_are_told() {
    assert!(settings().check().is_ok());
    type Change = fn(&mut Settings);
    let cases: [(Change, &str); 10] = [
        (|settings| settings.auth_url = "keystone:5000".into(), "keystone:5000"),
        (|settings| settings.auth_url = "ftp://keystone".into(), "ftp://keystone"),
        (|settings| settings.auth_url = String::new(), "auth_url"),
        (|settings| settings.username = None, "username"),
        (|settings| settings.password = None, "password"),
        (|settings| settings.password_file = Some("/x".into()), "password_file"),
        (|settings| settings.application_credential_id = Some("x".into()), "application_credential_id"),
        (
            |settings| {
                settings.username = None;
                settings.application_credential_id = Some("x".into());
            },
            "application_credential_secret",
        ),
        (|settings| settings.timeout_s = 0, "timeout_s"),
        (|settings| settings.cache_s = 0, "cache_s"),
    ];
    for (change, word) in cases {
        let mut settings = settings();
        change(&mut settings);
        let error = settings.check().expect_err(word).to_string();
        assert!(error.contains(word), "{error} should say {word}");
    }
}

#[test]
fn the_url_may_end_as_it_likes() {
    for url in ["http://k:5000", "http://k:5000/", "http://k:5000/v3", "http://k:5000/v3/"] {
        let settings = Settings { auth_url: url.into(), ..settings() };
        assert_eq!(settings.tokens_url().expect(url), "http://k:5000/v3/auth/tokens");
    }
    let settings = Settings { auth_url: "https://k/identity/v3".into(), ..settings() };
    assert_eq!(settings.tokens_url().expect("good"), "https://k/identity/v3/auth/tokens");
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}{}", settings(), serde_json::to_string(&settings()).expect("JSON"));
    assert!(!shown.contains("not to be shown"), "{shown}");
}

#[test]
fn scopes_roles_and_rules_are_read() {
    let token = |rest: &str| {
        let json = format!(
            r#"{{"token": {{"expires_at": "2026-01-01T00:00:00.000000Z", "methods": ["password"],
                "user": {{"id": "u", "name": "n", "domain": {{"id": "d", "name": "D"}}}} {rest}}}}}"#
        );
        Token::parse(json.as_bytes()).expect("a token")
    };
    let project = token(
        r#", "project": {"id": "p", "name": "n", "domain": {"id": "pd", "name": "D"}},
            "roles": [{"id": "1", "name": "Member"}, {"id": "2", "name": "reader"}]"#,
    );
    let caller = &project.caller;
    assert_eq!((caller.user_id.as_str(), caller.user_domain_id.as_str()), ("u", "d"));
    assert_eq!((caller.project_id.as_str(), caller.project_domain_id.as_str()), ("p", "pd"));
    assert_eq!((caller.reach, caller.is_admin_project), (Reach::Project, true));
    assert_eq!(caller.roles, ["member", "reader"]);
    assert!(project.allows("DELETE", "/v2.0/networks/1"));

    let domain = token(r#", "domain": {"id": "d", "name": "D"}, "is_admin_project": false"#).caller;
    assert_eq!((domain.reach, domain.domain_id.as_str()), (Reach::Domain, "d"));
    assert!(domain.project_id.is_empty() && !domain.is_admin_project);
    assert_eq!(token(r#", "system": {"all": true}"#).caller.reach, Reach::System);
    assert_eq!(token(r#", "system": {"all": false}"#).caller.reach, Reach::Nothing);
    assert_eq!(token("").caller.reach, Reach::Nothing);

    let limited = token(
        r#", "application_credential": {"id": "a", "name": "a", "restricted": true, "access_rules":
            [{"id": "r", "service": "network", "method": "GET", "path": "/v2.0/networks"}]}"#,
    );
    assert!(limited.allows("GET", "/v2.0/networks") && !limited.allows("GET", "/v2.0/ports"));
    let without = token(r#", "application_credential": {"id": "a", "access_rules": []}"#);
    assert!(!without.allows("GET", "/v2.0/networks"), "an empty list allows nothing");
}

#[test]
fn half_a_document_is_no_token() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"token": {}}"#,
        r#"{"token": {"expires_at": "2026-01-01T00:00:00Z"}}"#,
        r#"{"token": {"expires_at": "soon", "user": {"id": "u"}}}"#,
        r#"{"token": {"expires_at": "2026-01-01T00:00:00Z", "user": {}}}"#,
    ] {
        assert!(Token::parse(json.as_bytes()).is_err(), "{json}");
    }
}
