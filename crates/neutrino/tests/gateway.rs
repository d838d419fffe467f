//! `neutrino gateway` as two processes: who is told apart, what is refused, who is bounded, what a kill harms.

mod netns {
    mod gateway_faults;
    mod gateway_limits;
    mod gateway_platform;
    mod gateway_strangers;

    use std::io::{Read, Write};
    use std::path::Path;
    use std::time::Duration;

    use model::gateway::{Answer, Request};
    use model::software::{Order, Orders, State};
    use testbed::gateways::{ADDRESS, CLIENT, Gateways, PLATFORM, SECRET};
    use testbed::place::run_in;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_secs(30);

    async fn gateways(name: &str, tenants: usize, more: &[&str]) -> Gateways {
        let binary = Path::new(env!("CARGO_BIN_EXE_neutrino"));
        Gateways::start(binary, name, tenants, more).await.expect("gateways; these tests need root")
    }

    /// What comes to some bytes, until the end.
    fn told(bed: &Gateways, at: usize, bytes: &[u8]) -> String {
        let mut stream = bed.connect(at).expect("connects");
        stream.write_all(bytes).expect("is sent");
        let mut all = Vec::new();
        // A reset after the answer is an end too.
        let _ = stream.read_to_end(&mut all);
        String::from_utf8_lossy(&all).into_owned()
    }

    #[tokio::test]
    async fn tenants_with_equal_addresses_are_told_apart_and_cannot_pretend() {
        let bed = gateways("gw-two", 2, &[]).await;
        for at in [0, 1] {
            let port = bed.networks[at].ports[0].id;
            let url = format!("http://{ADDRESS}:8080/deb/who");
            let forged = [
                "-H",
                "X-Neutrino-Project: other",
                "-H",
                "x-neutrino-port: 1",
                "-H",
                "X-Forwarded-For: 10.9.9.9",
                "-H",
                "Cookie: a=b",
                "-H",
                "Authorization: Basic eA==",
                "-H",
                "X-Evil: 1",
                "-H",
                "Upgrade: h2c",
                "-H",
                "Connection: Upgrade, X-Neutrino-Project",
                &url,
            ];
            let said = bed.curl(at, &forged).await.expect("an answer");
            assert_eq!(said, format!("project-{at} instance-{at} {port} {CLIENT}|\n"));
        }
        let said = bed.get(0, "/deb/%73mall").await.expect("an answer");
        assert_eq!(said, "small\n");
        let there = bed.curl(0, &["-r", "5-", &format!("http://{ADDRESS}:8080/deb/where")]).await;
        assert_eq!(there.expect("an answer"), "GET /deb/where 192.0.2.10:80 bytes=5-\n");
    }

    #[tokio::test]
    async fn downloads_are_whole_resumed_and_revalidated() {
        let bed = gateways("gw-whole", 1, &[]).await;
        let (url, to) =
            (format!("http://{ADDRESS}:8080/deb/big"), bed.dir.path().join("got").display().to_string());
        bed.curl(0, &["-f", "-o", &to, &url]).await.expect("is downloaded");
        let kept = std::fs::read(bed.file("big")).expect("reads");
        assert!(std::fs::read(&to).expect("reads") == kept, "other bytes came");
        std::fs::write(&to, &kept[..5_000_001]).expect("writes");
        bed.curl(0, &["-f", "-C", "-", "-o", &to, &url]).await.expect("is resumed");
        assert!(std::fs::read(&to).expect("reads") == kept, "other bytes came");
        let head = bed.curl(0, &["-I", &url]).await.expect("a head");
        let etag =
            head.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("an ETag").trim().to_owned();
        assert!(head.contains(&format!("Content-Length: {}", kept.len())), "{head}");
        let known = format!("If-None-Match: {etag}");
        let code = bed.curl(0, &["-o", "/dev/null", "-w", "%{http_code}", "-H", &known, &url]).await;
        assert_eq!(code.expect("an answer"), "304");
    }

    #[tokio::test]
    async fn requests_one_after_another_are_answered_in_order_and_none_is_smuggled() {
        let bed = gateways("gw-raw", 1, &[]).await;
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let last = "GET /deb/where HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let said = told(
            &bed,
            0,
            [get("/deb/small"), get("/nothing"), get("/deb/missing"), last.into()].concat().as_bytes(),
        );
        let statuses: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 ")).collect();
        assert_eq!(statuses.iter().map(|line| &line[..3]).collect::<Vec<_>>(), ["200", "404"], "{said}");
        let said = told(&bed, 0, [get("/deb/small"), get("/deb/missing"), last.into()].concat().as_bytes());
        assert_eq!(said.matches("HTTP/1.1 ").count(), 3, "{said}");
        assert!(said.ends_with("GET /deb/where 192.0.2.10:80 \n"), "{said}");
        let old = told(&bed, 0, b"GET /deb/small HTTP/1.0\r\n\r\n");
        assert!(old.ends_with("small\n") && old.contains("Connection: close"), "{old}");
        // Each is answered once, and nothing after it.
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/head");
        let mut count = 0;
        for entry in std::fs::read_dir(corpus).expect("the corpus").flatten() {
            let name = entry.file_name().into_string().expect("text");
            if !name.starts_with("bad_") {
                continue;
            }
            let mut bytes = std::fs::read(entry.path()).expect("reads");
            bytes.extend_from_slice(get("/deb/who").as_bytes());
            let said = told(&bed, 0, &bytes);
            let answers = said.lines().filter(|line| line.starts_with("HTTP/1.1 ")).count();
            assert_eq!(answers, 1, "{name}: {said}");
            assert!(said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.1 5"), "{name}: {said}");
            assert!(said.contains("Connection: close\r\n") && !said.contains("project-0"), "{name}: {said}");
            count += 1;
        }
        assert!(count > 40, "{count}");
    }

    #[tokio::test]
    async fn an_instance_without_ipv4_asks_by_link_local_addresses() {
        let bed = gateways("gw-six", 1, &[]).await;
        run_in(&bed.client(0), &["ip", "-4", "addr", "flush", "dev", "eth0"]).await.expect("no IPv4");
        let url = "http://[fe80::a9fe:a9fe%25eth0]";
        let said = bed.curl(0, &[&format!("{url}:8080/deb/who")]).await.expect("an answer");
        assert!(said.starts_with("project-0 instance-0 ") && said.ends_with(" fe80::5|\n"), "{said}");
        let said =
            bed.curl(0, &[&format!("{url}/openstack/latest/meta_data.json")]).await.expect("an answer");
        assert!(said.contains("\"hostname\":\"web-0\""), "{said}");
    }

    #[tokio::test]
    async fn nobody_asks_from_an_address_that_no_port_has() {
        let mut bed = gateways("gw-who", 2, &[]).await;
        let words = "ip addr add 10.1.0.6/24 dev eth0";
        run_in(&bed.client(0), &words.split(' ').collect::<Vec<_>>()).await.expect("an address");
        let url = format!("http://{ADDRESS}:8080/deb/who");
        let said = bed.curl(0, &["-i", "--interface", "10.1.0.6", &url]).await.expect("an answer");
        assert!(said.starts_with("HTTP/1.1 403 ") && !said.contains("project"), "{said}");
        assert_eq!(bed.status("tenant").await.expect("status").counters.unknown, 1);
        // A port that goes takes its connections along; others stay.
        let mut open: Vec<_> = [0, 1].map(|at| bed.connect(at).expect("connects")).into();
        let ask = |stream: &mut std::net::TcpStream| {
            let sent = stream.write_all(b"GET /deb/small HTTP/1.1\r\nHost: x\r\n\r\n");
            let mut bytes = [0; 4096];
            sent.and_then(|()| stream.read(&mut bytes)).unwrap_or(0)
        };
        assert!(open.iter_mut().all(|stream| ask(stream) > 0));
        bed.networks[0].ports.clear();
        assert_eq!(bed.tell().await.expect("told"), []);
        assert_eq!((ask(&mut open[0]), ask(&mut open[1]) > 0), (0, true));
        let said = bed.curl(0, &["-i", &url]).await.expect("an answer");
        assert!(said.starts_with("HTTP/1.1 403 "), "{said}");
    }

    #[tokio::test]
    async fn orders_wait_for_the_instance_and_what_it_says_waits_for_the_platform() {
        let bed = gateways("gw-orders", 2, &[]).await;
        let management = bed.place.namespace("management");
        let url = |what: &str| format!("http://{PLATFORM}/ports/{}/{what}", bed.networks[0].ports[0].id);
        let secret = format!("Authorization: Bearer {SECRET}");
        let platform = async |words: &[&str]| {
            let words = [&["curl", "-s", "-m", "20", "-H", &secret], words].concat();
            run_in(&management, &words).await.expect("an answer")
        };
        let stranger =
            run_in(&management, &["curl", "-s", "-m", "20", &url("orders")]).await.expect("an answer");
        assert!(stranger.contains("secret"), "{stranger}");
        let at = format!("http://{ADDRESS}:8080/orders");
        let id = model::SoftwareOrderId(uuid::Uuid::from_u128(7));
        let one = &format!("{at}/{id}");
        // The instance waits before there is anything.
        let wait = format!("{at}?after=0&wait=30");
        let words = [wait.as_str()];
        let orders = vec![Order { id, attempt: 0, cancelled: false, packages: Vec::new() }];
        let mut networks = bed.networks.clone();
        networks[0].ports[0].orders = Orders { revision: 3, orders };
        let given = Request::Change { networks, gone: Vec::new() };
        let (heard, told) = tokio::join!(bed.curl(0, &words), async {
            bed.conversation("management").await.expect("hears").ask(&given).await
        });
        assert_eq!(told.expect("told"), Answer::Told { unserved: vec![] });
        let heard: Orders = serde_json::from_str(&heard.expect("an answer")).expect("orders");
        assert_eq!((heard.revision, heard.orders[0].id), (3, id));
        let other = bed.curl(1, &[&at]).await.expect("an answer");
        assert_eq!(other, r#"{"revision":0,"orders":[]}"#);
        let report = r#"{"state": "installed", "reason": ""}"#;
        for (at, said, answer) in [
            (0, report, "noted"),
            (0, report, "noted"),
            (0, r#"{"state": "owned"}"#, "this is no report"),
            (0, "[", "this is no report"),
            (1, report, "there is no such order"),
        ] {
            let heard = bed.curl(at, &["-d", said, one]).await.expect("an answer");
            assert!(heard.starts_with(answer), "{said}: {heard}");
        }
        let reports = platform(&[&url("reports")]).await;
        assert!(reports.contains(&format!(r#""{id}":{{"attempt":0,"state":"installed""#)), "{reports}");
        let mut agent = bed.conversation("management").await.expect("hears");
        let Ok(Answer::Reports { reports, last: 1 }) =
            agent.ask(&Request::Reports { after: 0, wait_s: 0 }).await
        else {
            panic!("no reports");
        };
        assert_eq!((reports.len(), reports[0].order, reports[0].report.state), (1, id, State::Installed));
        // Who asks again waits for what comes after it, and hinders nobody meanwhile.
        let (more, _) = tokio::join!(agent.ask(&Request::Reports { after: 1, wait_s: 30 }), async {
            bed.status("management").await.expect("answers");
            bed.curl(0, &["-d", r#"{"state": "failed", "reason": "no place"}"#, one]).await
        });
        let Ok(Answer::Reports { reports, last: 2 }) = more else { panic!("{more:?}") };
        assert_eq!(reports[0].report.reason, "no place");
        // Who waits for news, and goes, leaves its place to others.
        for _ in 0..8 {
            let mut waits = bed.conversation("management").await.expect("hears");
            let news = Request::Reports { after: 2, wait_s: 50 };
            let came = timeout(Duration::from_millis(50), waits.ask(&news)).await;
            assert!(came.is_err(), "{came:?}");
        }
        timeout(SOON / 2, bed.status("management")).await.expect("in time").expect("answers");
    }
}
