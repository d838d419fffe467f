//! `neutrino vswitchd` as a process: killed, started again, asked by operators.

mod netns {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};
    use std::time::Duration;

    use model::vswitch::{Kind as Tunnel, Wanted};
    use testbed::switched::frames::{Course, Steady};
    use testbed::switched::{Kind, Lay, Pair, Runs, Switch, mac};
    use testbed::wait;
    use vswitchd::{Answer, Request};

    const SOON: Duration = Duration::from_secs(20);

    fn neutrino() -> PathBuf {
        env!("CARGO_BIN_EXE_neutrino").into()
    }

    async fn pair(name: &str) -> Pair {
        let lay = Lay::of([Kind::Ours, Kind::Ours], Tunnel::Vxlan);
        let pair =
            Pair::start(name, lay, &Runs::As(neutrino())).await.expect("a pair; these tests need root");
        pair.until_connected().await.expect("connected");
        pair
    }

    /// What an operator says, and hears.
    fn operate(socket: &Path, words: &[&str]) -> Output {
        let mut command = Command::new(neutrino());
        command.env_remove("NEUTRINO_CONFIG").arg("--set");
        command.arg(format!("vswitchd.socket={}", socket.display())).arg("vswitch").args(words);
        command.output().expect("neutrino runs")
    }

    fn said(socket: &Path, words: &[&str]) -> String {
        let output = operate(socket, words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn killed_it_is_what_it_was_as_soon_as_it_runs_again() {
        let mut pair = pair("vs-killed").await;
        let (from, to) = (pair.sides[0].guest.clone(), pair.sides[1].guest.clone());
        let Switch::Ours(ours) = &mut pair.sides[0].switch else { panic!("not ours") };
        let Answer::Wanted { wanted } = ours.ask(Request::Wanted).await.expect("answers") else {
            panic!("not what is wanted")
        };
        for _ in 0..3 {
            let course = Course { from: mac(0), to: mac(1), len: 100, flows: 4 };
            let steady = Steady::start(&from, &to, course, 500);
            wait::pause(Duration::from_millis(300)).await;
            ours.program().expect("a process").again().expect("runs again");
            let asked = wait::until(SOON, || async { ours.ask(Request::Wanted).await.ok() });
            let Some(Answer::Wanted { wanted: again }) = asked.await else { panic!("it does not answer") };
            assert_eq!(again, wanted);
            ours.until_open().await.expect("open");
            wait::pause(Duration::from_millis(500)).await;
            let fate = steady.stop().expect("sent");
            eprintln!("killed under way: {} of {} lost", fate.lost(), fate.sent);
            assert!(fate.arrived > fate.sent / 4 && fate.doubled == 0, "{fate:?}");
        }
        pair.until_connected().await.expect("connected again");
    }

    /// There is its file, and no device, address or neighbour that it knew; they come one after another.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn after_a_restart_of_its_host_it_takes_devices_as_they_come() {
        let mut pair = pair("vs-restart").await;
        let Switch::Ours(ours) = &mut pair.sides[0].switch else { panic!("not ours") };
        let before = ours.ask(Request::Wanted).await.expect("answers");
        ours.program().expect("a process").kill();
        pair.begin_again(0).await.expect("a new namespace");
        let Switch::Ours(ours) = &mut pair.sides[0].switch else { panic!("not ours") };
        ours.program().expect("a process").again().expect("runs again");
        let Switch::Ours(ours) = &pair.sides[0].switch else { panic!("not ours") };
        let closed = wait::until(SOON, || async {
            let Answer::Shown { devices, .. } = ours.ask(Request::Show).await.ok()? else { return None };
            (devices.len() == 2 && devices.values().all(|device| device.closed.is_some())).then_some(())
        });
        closed.await.expect("it knows which devices it wants, and has none");
        pair.link_again(0).await.expect("linked");
        pair.until_connected().await.expect("connected again");
        assert_eq!(ours.ask(Request::Wanted).await.expect("answers"), before);
        let neighbour = ours.neighbour().await.expect("a neighbour");
        let mac = pair.sides[1].underlay_mac().await.expect("a MAC");
        assert_eq!(neighbour.mac, Some(mac), "{neighbour:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn operators_see_what_there_is() {
        let pair = pair("vs-operators").await;
        let a = &pair.sides[0];
        let Switch::Ours(ours) = &a.switch else { panic!("not ours") };
        let socket = &ours.socket;
        for (words, told) in [
            (&["show"] as &[&str], &["pA", "net", "open", "there (5)"] as &[&str]),
            (&["tunnels"], &["there", "vxlan", "172.31.9.1", "172.31.9.2", "uA"]),
            (&["neigh"], &["172.31.9.2", "uA", "reachable"]),
            (&["fdb"], &["02:aa:00:00:00:01", "port pA", "02:aa:00:00:00:02", "tunnel there"]),
            (&["fdb", "--network", "net", "--limit", "1"], &["and 1 more"]),
            (&["stats"], &["pA", "uA", "waiting for a neighbour", "fast path"]),
            (&["trace", "pA", "--to", "02:aa:00:00:00:02"], &["there", "172.31.9.2"]),
            (&["wanted"], &["\"underlays\"", "uA"]),
        ] {
            let said = said(socket, words);
            told.iter()
                .for_each(|word| assert!(said.contains(word), "{words:?} does not say {word}: {said}"));
        }
        for words in [["show", "--json"], ["tunnels", "--json"], ["neigh", "--json"], ["stats", "--json"]] {
            serde_json::from_str::<serde_json::Value>(&said(socket, &words)).expect("JSON");
        }
        // What it is said to be can be applied; what it cannot be changes nothing.
        let file = pair.place.folder().join("wanted.json");
        let text = said(socket, &["wanted"]);
        std::fs::write(&file, &text).expect("writes");
        said(socket, &["apply", file.to_str().expect("text")]);
        let mut wrong: Wanted = serde_json::from_str(&text).expect("as it was written");
        wrong.ports.values_mut().for_each(|port| port.network = "nowhere".into());
        std::fs::write(&file, serde_json::to_string(&wrong).expect("JSON")).expect("writes");
        for (words, told) in [
            (&["apply", file.to_str().expect("text")] as &[&str], "nowhere"),
            (&["trace", "nobody", "--to", "02:aa:00:00:00:02"], "no port nobody"),
        ] {
            let output = operate(socket, words);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && said.contains(told), "{words:?}: {said}");
        }
        assert_eq!(said(socket, &["wanted"]), text);
        pair.until_connected().await.expect("connected still");
        // A device that is not there is told of, and does not keep the rest from being.
        let mut more: Wanted = serde_json::from_str(&text).expect("as it was written");
        let port = more.ports.values().next().expect("a port").clone();
        more.ports.insert("later".into(), port);
        std::fs::write(&file, serde_json::to_string(&more).expect("JSON")).expect("writes");
        let output = operate(socket, &["apply", file.to_str().expect("text")]);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("later carries no frames"));
        pair.until_connected().await.expect("connected still");
    }

    /// Only root, and who is named, is heard; and nobody without a switch.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn strangers_are_not_heard() {
        let pair = pair("vs-strangers").await;
        let Switch::Ours(ours) = &pair.sides[0].switch else { panic!("not ours") };
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        let state = ours.socket.with_file_name("state");
        assert_eq!((mode(&ours.socket), mode(&state)), (0o600, 0o700));
        let nobody = operate(Path::new("/nowhere/socket"), &["show"]);
        let said = String::from_utf8_lossy(&nobody.stderr).into_owned();
        assert!(!nobody.status.success() && said.contains("Is `neutrino vswitchd` running"), "{said}");
    }

    /// With nothing to do it does nothing.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn idle_it_takes_no_time() {
        let pair = pair("vs-idle").await;
        wait::pause(Duration::from_secs(1)).await;
        let before = pair.sides[0].switch.cpu();
        wait::pause(Duration::from_secs(3)).await;
        let used = pair.sides[0].switch.cpu() - before;
        assert!(used < Duration::from_millis(30), "{used:?} in 3 s");
    }
}
