//! The road from an instance to software: an agent that answers its DHCP, the two gateways, a real repository.

mod netns {
    mod bed;
    mod shelf;
    // The host and the server of the agent's own tests.
    #[allow(dead_code)]
    #[path = "../../../agent/tests/netns_agent/netns/place.rs"]
    mod place;
    #[allow(dead_code)]
    #[path = "../../../agent/tests/netns_agent/netns/server.rs"]
    mod server;
    #[path = "../../../agent/tests/netns_agent/netns/wait.rs"]
    mod wait;

    use std::time::Duration;

    use model::SoftwareOrderId;
    use model::desired::{Key, Kind};
    use model::software::{Order, State};
    use uuid::Uuid;

    use bed::{Bed, SOFTWARE, SUMS, Tenant};
    use wait::eventually;

    const BLUE: usize = 1;
    const RED: usize = 0;
    const V6: usize = 2;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn instances_of_isolated_networks_reach_what_is_theirs_and_nothing_else() {
        let tenants = vec![Tenant::v4("red"), Tenant::v4("blue"), Tenant::v6("green")];
        let Some(mut bed) = Bed::start(tenants, 64, &[]).await else { return };
        for at in [RED, BLUE] {
            // Who knows routes gets one to the gateways and none to anywhere else; who knows none gets a last.
            let lease = bed.lease(at).await;
            assert!(lease.contains("staticroutes='169.254.169.254/32 10.1.0.2'"), "{lease}");
            assert!(lease.contains("router='10.1.0.2'"), "{lease}");
        }
        bed.reached(&[RED, BLUE, V6]).await;
        bed.nothing_else_is_reached(RED);
        let listen = bed.status("tenant").await;
        assert_eq!((listen.networks, listen.unserved.len()), (3, 0));
        // Each of the three may end and come back, and so may the namespace.
        bed.tenant.again().expect("starts");
        bed.reached(&[RED, BLUE]).await;
        bed.management.again().expect("starts");
        bed.reached(&[RED, V6]).await;
        bed.forget_namespace(RED).await;
        bed.reached(&[RED]).await;
        // What an instance has open stays so while nobody tells the gateways anything.
        let mut open = bed.connect(RED);
        assert!(bed.asks(&mut open).starts_with("HTTP/1.1 200 "));
        bed.agent_again().await;
        bed.reached(&[BLUE]).await;
        assert!(bed.asks(&mut open).starts_with("HTTP/1.1 200 "));
        bed.tenant.again().expect("starts");
        bed.reached(&[RED, BLUE]).await;
        bed.tenant.kill();
        eventually("said to be amiss", || bed.failures(), |said| said.contains("gateway is not reached at"))
            .await;
        bed.leave(BLUE);
        bed.tenant.again().expect("starts");
        bed.reached(&[RED]).await;
        eventually("nothing amiss", || bed.failures(), |said| said == "[]").await;
        let gone = bed.curl(BLUE, &[&format!("{SOFTWARE}{SUMS}")]).0;
        assert!(gone.starts_with("this address is of no port of the network"), "{gone}");
    }

    /// Whenever it comes.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_killed_gateway_gives_nobody_the_bytes_of_another() {
        const BYTES: usize = 16 << 20;
        let mut seed = u64::from(std::process::id()) << 32 | 0x9e37_79b9;
        eprintln!("seed {seed:#x}");
        let tenants = vec![Tenant::v4("red"), Tenant::v4("blue")];
        let slow = ["management.bytes_per_s=30000000"];
        let Some(mut bed) = Bed::start(tenants, BYTES, &slow).await else { return };
        for at in [RED, BLUE] {
            bed.lease(at).await;
        }
        let mut draw = |most: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % most
        };
        let (mut whole, mut broken) = (0, 0);
        for round in 0..6 {
            bed.reached(&[RED, BLUE]).await;
            let downloads = [RED, BLUE].map(|at| bed.download(at));
            // In the first rounds in the middle, in the others also before anything was asked.
            for download in downloads.iter().filter(|_| round < 4) {
                eventually("it begins", || download.came(), |came| *came > 0).await;
            }
            wait::moment(Duration::from_millis(draw(400))).await;
            match round % 2 {
                0 => bed.management.again().expect("starts"),
                _ => bed.tenant.again().expect("starts"),
            }
            for download in downloads {
                match download.end(BYTES) {
                    true => whole += 1,
                    false => broken += 1,
                }
            }
        }
        eprintln!("{whole} whole, {broken} broken off");
        assert!(whole > 0 && broken > 0, "{whole} whole, {broken} broken off: the kills came at no time");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn orders_go_to_their_instance_and_its_reports_to_the_server() {
        let Some(mut bed) = Bed::start(vec![Tenant::v4("red"), Tenant::v4("blue")], 64, &[]).await else {
            return;
        };
        let orders = format!("{SOFTWARE}/orders");
        for at in [RED, BLUE] {
            bed.lease(at).await;
        }
        bed.reached(&[RED, BLUE]).await;
        let id = SoftwareOrderId(Uuid::from_u128(7));
        let order = |attempt| Order { id, attempt, cancelled: false, packages: Vec::new() };
        bed.order(RED, vec![order(0)]);
        let all = || bed.curl(RED, &[&format!("{orders}?after=0&wait=5")]).0;
        eventually("the order", all, |said| said.contains(&id.to_string())).await;
        assert!(!bed.curl(BLUE, &[&orders]).0.contains(&id.to_string()));
        let one = format!("{orders}/{id}");
        let say = |bed: &Bed, at, state: &str, attempt| {
            bed.curl(at, &["-d", &format!(r#"{{"state": "{state}", "attempt": {attempt}}}"#), &one]).0
        };
        assert_eq!(say(&bed, RED, "downloading", 0), "noted\n");
        assert_eq!(say(&bed, BLUE, "failed", 0), "there is no such order\n");
        let key = Key::new(Kind::Lease, bed.tenants[RED].guest.port.id.0);
        let told = |bed: &Bed| bed.told(key, id).map(|report| (report.state, report.attempt));
        eventually("downloading", || told(&bed), |told| *told == Some((State::Downloading, 0))).await;
        assert_eq!(say(&bed, RED, "failed", 0), "noted\n");
        eventually("failed", || told(&bed), |told| *told == Some((State::Failed, 0))).await;
        // The next attempt, and a word of the last that comes late.
        bed.order(RED, vec![order(1)]);
        eventually(
            "the next attempt",
            || bed.curl(RED, &[&orders]).0,
            |said| said.contains(r#""attempt":1"#),
        )
        .await;
        assert_eq!(say(&bed, RED, "failed", 0), "noted\n");
        assert_eq!(say(&bed, RED, "installed", 1), "noted\n");
        eventually("installed", || told(&bed), |told| *told == Some((State::Installed, 1))).await;
        // A server that forgot, and an agent that did, are told again.
        bed.place.server.forget_outcomes("one");
        bed.agent_again().await;
        eventually("told again", || told(&bed), |told| *told == Some((State::Installed, 1))).await;
        // The gateway has orders again after it was started anew; what its instance says again is heard.
        bed.management.again().expect("starts");
        eventually("orders again", || bed.curl(RED, &[&orders]).0, |said| said.contains(r#""attempt":1"#))
            .await;
        assert_eq!(say(&bed, RED, "failed", 1), "noted\n");
        eventually("heard", || told(&bed), |told| *told == Some((State::Failed, 1))).await;
        bed.order(RED, vec![]);
        eventually("ended", || bed.curl(RED, &[&orders]).0, |said| said.contains(r#""orders":[]"#)).await;
    }
}
