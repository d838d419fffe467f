//! TLS and passwords towards PostgreSQL.

use std::net::TcpListener;

use db::{Db, PostgresOptions};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use testbed::Postgres;
use testbed::postgres::Setup;

/// An authority, and a certificate for 127.0.0.1 that it made with its key.
fn certificates() -> (String, String, String) {
    let mut params = CertificateParams::new(vec![]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().expect("a key");
    let ca = params.self_signed(&ca_key).expect("an authority");
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    (ca.pem(), certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn tls_and_a_password_from_a_file() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
    let (ca, certificate, key) = certificates();
    let setup = Setup {
        options: ["listen_addresses=127.0.0.1", "ssl=on", "ssl_cert_file=tls.crt", "ssl_key_file=tls.key"]
            .map(str::to_owned)
            .into_iter()
            .chain([format!("port={port}")])
            .collect(),
        hba: Some("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n".into()),
        files: vec![("tls.crt".into(), certificate), ("tls.key".into(), key)],
        ..Setup::default()
    };
    let postgres = Postgres::start_at(setup, port).await.expect("starts");
    let database = postgres.make().await.expect("a database");
    let client = database.client().await.expect("connects");
    client.batch_execute("ALTER USER neutrino PASSWORD 'open sesame'").await.expect("a password");
    let name: String = client.query_one("SELECT current_database()", &[]).await.expect("its name").get(0);

    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writes");
        Some(path)
    };
    let url = format!("postgresql://neutrino@127.0.0.1:{port}/{name}");
    let secured = format!("{url}?sslmode=require");
    let right = PostgresOptions {
        password_file: file("password", "open sesame\n"),
        ca_file: file("ca.pem", &ca),
        ..PostgresOptions::new(&secured)
    };
    let db = Db::open(right.clone()).await.expect("opens");
    let mut tx = db.read().await.expect("reads");
    let secured = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert_eq!(tx.number(secured, &[]).await.expect("asks"), 1);
    drop(tx);

    let (other_ca, ..) = certificates();
    for (what, wrong) in [
        (
            "a certificate of somebody else",
            PostgresOptions { ca_file: file("other.pem", &other_ca), ..right.clone() },
        ),
        ("an authority of the system", PostgresOptions { ca_file: None, ..right.clone() }),
        (
            "a wrong password",
            PostgresOptions { password_file: file("wrong", "open barley"), ..right.clone() },
        ),
        ("no file", PostgresOptions { password_file: Some(folder.path().join("none")), ..right.clone() }),
        ("no TLS", PostgresOptions { url: format!("{url}?sslmode=disable"), ..right.clone() }),
    ] {
        let error = Db::open(wrong).await.err().unwrap_or_else(|| panic!("{what} is taken"));
        assert!(matches!(error, db::DbError::Unavailable { .. }), "{what}: {error}");
        println!("{what}: {error}");
        assert!(!format!("{error} {error:?}").contains("open "), "{error:?}");
    }
}
