//! `neutrino vhostuserd` as a process: instances that share their memory, in a cloud of two hosts.

mod netns {
    use std::os::unix::net::UnixListener;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use kernel::ports::{LONGEST_FRAME, PacketPort, Room, VnetHeader};
    use serde_json::{Value, json};
    use testbed::card::Card;
    use testbed::client::id_of;
    use testbed::place::{Place, run_in};
    use testbed::program::Program;
    use testbed::{Cloud, Guest, Plan, wait};

    const SOON: Duration = Duration::from_secs(20);
    const ANSWER: Duration = Duration::from_secs(5);

    fn neutrino() -> PathBuf {
        env!("CARGO_BIN_EXE_neutrino").into()
    }

    async fn cloud(name: &str) -> Cloud {
        let plan = Plan { vhostuser: Some(neutrino()), ..Plan::new(name, 2) };
        Cloud::start(plan).await.expect("a cloud; these tests need root")
    }

    async fn guest(cloud: &Cloud, name: &str, network: &str, host: usize) -> (Guest, Value) {
        let (guest, port) = cloud.boot(name, network, host).await.expect("boots");
        let port = cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE");
        guest.dhcp().await.expect("a lease");
        (guest, port)
    }

    fn address(port: &Value) -> String {
        port["fixed_ips"][0]["ip_address"].as_str().expect("an address").to_owned()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn instances_that_share_their_memory_are_wired_and_filtered_as_all_are() {
        let cloud = cloud("vhu").await;
        let network = cloud.network("net").await.expect("a network");
        let (one, port) = guest(&cloud, "one", &network, 0).await;
        assert_eq!(port["binding:vif_type"], "vhostuser");
        assert_eq!(port["binding:vif_details"]["vhostuser_mode"], "server");
        let socket = port["binding:vif_details"]["vhostuser_socket"].as_str().expect("a socket");
        assert!(socket.ends_with(&format!("/vhu{}", &id_of(&port)[..11])), "{socket}");
        let (two, other) = guest(&cloud, "two", &network, 1).await;
        let to = address(&other);
        one.ping(&to, ANSWER).await.expect("the other host answers");
        // Long frames, whose checksums and segments are left to the other side.
        let sum = transfer(&one, &two, &to).await;
        assert_eq!(sum.0, sum.1, "what was sent and what arrived");

        // Who may reach it is decided on its host, as of every port.
        let group =
            cloud.client.create("security_group", json!({ "name": "closed" })).await.expect("a group");
        let closed = json!({ "security_groups": [id_of(&group)] });
        cloud.client.update("port", &id_of(&other), closed).await.expect("in a group that lets nobody in");
        let deaf = wait::until(SOON, || async { one.ping(&to, Duration::from_secs(1)).await.err() });
        deaf.await.expect("filtered");

        two.shut_down(&cloud.place).await.expect("shuts down");
        cloud.port_is(&id_of(&other), "DOWN", SOON).await.expect("DOWN");
        cloud.stop().await.expect("stops");
    }

    /// Sends some megabytes by TCP; the sums of what was sent and of what arrived.
    async fn transfer(from: &Guest, to: &Guest, address: &str) -> (String, String) {
        const PORT: &str = "5000";
        let listen = format!(
            "import socket,hashlib\ns=socket.create_server(('0.0.0.0',{PORT}))\nc,_=s.accept()\nh=hashlib.sha256()\n\
             while d:=c.recv(1<<16): h.update(d)\nprint(h.hexdigest())"
        );
        let send = format!(
            "import socket,hashlib,time\nd=bytes(range(251))*80000\n\
             for _ in range(200):\n  try: s=socket.create_connection(('{address}',{PORT}),5); break\n  except OSError: time.sleep(.05)\n\
             s.sendall(d)\ns.close()\nprint(hashlib.sha256(d).hexdigest())"
        );
        let (listen, send) = (["python3", "-c", &listen], ["python3", "-c", &send]);
        let both = async { tokio::join!(from.run(&send), to.run(&listen)) };
        let (sent, arrived) = tokio::time::timeout(SOON, both).await.expect("in time");
        (sent.expect("sends"), arrived.expect("receives"))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn killed_and_started_again_it_joins_whom_it_left() {
        let mut cloud = cloud("vhu-killed").await;
        let network = cloud.network("net").await.expect("a network");
        let (one, port) = guest(&cloud, "one", &network, 0).await;
        let (_two, other) = guest(&cloud, "two", &network, 1).await;
        let to = address(&other);
        for _ in 0..3 {
            one.ping(&to, ANSWER).await.expect("answers");
            let program = cloud.hosts[0].vhostuserd.as_mut().expect("runs");
            program.kill();
            let gone = wait::until(SOON, || async {
                run_in(&one.host, &["ip", "link", "show", &one.tap]).await.err()
            });
            gone.await.expect("its device goes with it");
            cloud.port_is(&id_of(&port), "DOWN", SOON).await.expect("and the port is told");
            let program = cloud.hosts[0].vhostuserd.as_mut().expect("runs");
            program.again().expect("runs again");
            cloud.port_is(&id_of(&port), "ACTIVE", SOON).await.expect("ACTIVE again");
            let back = wait::until(SOON, || async { one.ping(&to, ANSWER).await.ok() });
            back.await.expect("answers again");
        }
        cloud.stop().await.expect("stops");
    }

    /// A card that is joined on a host of its own, and its device there.
    struct Joined {
        card: Card,
        device: PacketPort,
        program: Program,
        folder: PathBuf,
        _place: Place,
    }

    /// EtherType for local experiments (IEEE 802).
    const KIND: [u8; 2] = [0x88, 0xb5];

    impl Joined {
        async fn start(name: &str) -> Joined {
            let place = Place::new(name).expect("a place; these tests need root");
            let host = place.add("host").await.expect("a host");
            let folder = place.folder().join("sockets");
            std::fs::create_dir(&folder).expect("a folder");
            let listener = UnixListener::bind(folder.join("vhu00000000-00")).expect("binds");
            let set = |option: &str, value: &Path| format!("vhostuserd.{option}={}", value.display());
            let (dir, netns) = (set("socket_dir", &folder), set("namespace", &host));
            let words = ["--set", &dir, "--set", &netns, "--set", "vhostuserd.ports=1", "vhostuserd"];
            let program = Program::start(&neutrino(), &words, place.folder().join("log")).expect("runs");
            let mut card = Card::new().expect("a card");
            let (stream, _) = listener.accept().expect("is joined");
            card.connect(stream).expect("agrees");
            program.says("an instance is joined", SOON).await.expect("says so");
            let device = PacketPort::open(&host, "tap00000000-00", None, 256).expect("its device");
            Joined { card, device, program, folder, _place: place }
        }

        /// What comes to the device next.
        async fn at_device(&mut self) -> Option<Vec<u8>> {
            let mut came = Came::default();
            let look = wait::until(ANSWER, || {
                self.device.receive(1, &mut came).expect("receives");
                let frame = came.ours();
                async { frame }
            });
            look.await
        }

        /// What comes to the card next.
        async fn at_card(&mut self) -> Option<Vec<u8>> {
            let look = wait::until(ANSWER, || {
                let mut got = None;
                self.card.receive(|_, frame| got = got.take().or(is_ours(frame))).expect("reads");
                async { got }
            });
            look.await
        }

        async fn both_ways(&mut self, length: usize) {
            let sent = frame(length);
            self.card.send(&VnetHeader::default(), &sent).expect("sends");
            assert!(self.at_device().await.as_ref() == Some(&sent), "{length} bytes to the host");
            if length <= 1514 {
                self.device.send([(VnetHeader::default(), sent.as_slice())].into_iter());
                assert!(self.at_card().await.as_ref() == Some(&sent), "{length} bytes to the instance");
            }
        }
    }

    fn frame(length: usize) -> Vec<u8> {
        let mut frame = vec![0xff; 6];
        frame.extend([2, 0, 0, 0, 0, 1, KIND[0], KIND[1]]);
        frame.extend((14..length).map(|at| at as u8));
        frame
    }

    fn is_ours(frame: &[u8]) -> Option<Vec<u8>> {
        (frame.get(12..14) == Some(&KIND)).then(|| frame.to_vec())
    }

    #[derive(Default)]
    struct Came {
        frame: Vec<u8>,
        length: usize,
    }

    impl Came {
        fn ours(&mut self) -> Option<Vec<u8>> {
            is_ours(&self.frame[..std::mem::take(&mut self.length)])
        }
    }

    impl Room for Came {
        fn room(&mut self, bytes: usize) -> &mut [u8] {
            self.frame.resize(self.frame.len().max(bytes), 0);
            &mut self.frame
        }

        fn filled(&mut self, _: VnetHeader, bytes: usize) {
            self.length = bytes;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn frames_of_every_length_pass_both_ways() {
        let mut joined = Joined::start("vhu-lengths").await;
        // More than a ring holds.
        for round in 0..100 {
            joined.both_ways(60 + round * 14).await;
        }
        for length in [14, 1515, 4096, 9000, 65_000, LONGEST_FRAME - 4] {
            joined.both_ways(length).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_ring_that_its_instance_spoils_harms_nobody() {
        const NEXT: u16 = 1;
        const WRITE: u16 = 2;
        const INDIRECT: u16 = 4;
        let mut joined = Joined::start("vhu-spoilt").await;
        joined.both_ways(60).await;
        for (address, length, flags, next) in [
            (u64::MAX - 8, 100, 0, 0),
            (1 << 40, 100, 0, 0),
            (0, u32::MAX, 0, 0),
            (0, 0, 0, 0),
            (0, 11, 0, 0),
            (0, 70_000, 0, 0),
            (0x20000, 100, WRITE, 0),
            (0x20000, 100, NEXT, 63),
            (0x20000, 100, NEXT, 9999),
            (0x20000, 17, INDIRECT, 0),
            (0x20000, u32::MAX, INDIRECT, 0),
        ] {
            // It may be taken for a frame; the next is one, whatever became of this.
            joined.card.spoil(address, length, flags, next).expect("lays");
            let sent = frame(100);
            joined.card.send(&VnetHeader::default(), &sent).expect("sends");
            let mut came = joined.at_device().await;
            if came.as_ref().is_some_and(|came| *came != sent) {
                came = joined.at_device().await;
            }
            assert!(
                came == Some(sent),
                "after {address:x} {length} {flags} {next}: {}",
                joined.program.said()
            );
        }
        // Headers that mean nothing are the kernel's to refuse.
        let head = VnetHeader {
            flags: 1,
            gso_type: 1,
            header_len: 9,
            gso_size: 1,
            checksum_start: 65_000,
            checksum_offset: 9,
        };
        joined.card.send(&head, &frame(60)).expect("sends");
        joined.both_ways(61).await;
        assert!(joined.program.runs());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_written_while_an_instance_moves_is_noted() {
        let mut joined = Joined::start("vhu-moves").await;
        let log = joined.card.log().expect("a log");
        let noted = || {
            let mut bytes = vec![0; log.metadata().expect("a size").len() as usize];
            std::os::unix::fs::FileExt::read_exact_at(&log, &mut bytes, 0).expect("reads");
            bytes.iter().map(|byte| byte.count_ones()).sum::<u32>()
        };
        let before = noted();
        joined.both_ways(1000).await;
        // A buffer and the rings' pages of what came back.
        assert!(noted() >= before + 2, "{before} pages, then {}", noted());
        joined.card.stop().expect("lets go of the rings");
        joined.device.send([(VnetHeader::default(), frame(60).as_slice())].into_iter());
        wait::pause(Duration::from_millis(200)).await;
        let mut came = 0;
        joined.card.receive(|_, frame| came += usize::from(is_ours(frame).is_some())).expect("reads");
        assert_eq!(came, 0, "nothing is written any more");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_cannot_be_joined_waits_and_is_told_of() {
        let joined = Joined::start("vhu-waits").await;
        // Nobody listens at a socket that was left behind.
        drop(UnixListener::bind(joined.folder.join("vhu00000000-01")).expect("binds"));
        let said = joined.program.says("socket=\"vhu00000000-01\"", SOON).await.expect("says why");
        assert!(said.contains("vhostuserd.ports"), "{said}");
        let Joined { card, program, folder, _place, .. } = joined;
        drop(card);
        let refused =
            wait::until(SOON, || async { program.said().contains("Connection refused").then_some(()) });
        refused.await.expect("there is room for it now, and nobody there");
        std::fs::remove_file(folder.join("vhu00000000-01")).expect("removes");
        let listener = UnixListener::bind(folder.join("vhu00000000-01")).expect("binds");
        let (stream, _) = listener.accept().expect("is joined");
        Card::new().expect("a card").connect(stream).expect("agrees");
        assert!(program.runs());
    }
}
