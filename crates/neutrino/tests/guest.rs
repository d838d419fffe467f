//! Instances with a root of their own, behind both gateways: real apt-get, dpkg, rpm and the guest program install
//! what a real repository has.

mod netns {
    use std::path::{Path, PathBuf};
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use model::SoftwareOrderId;
    use model::software::{Order, Ordered, Orders, Report, State};
    use serde_json::json;
    use testbed::gateways::{ADDRESS, Gateways, PLATFORM, SECRET};
    use testbed::place::run_in;
    use testbed::rooted::{PROGRAM, Rooted};
    use testbed::software::{OPTION, Software, deb};
    use testbed::{Draw, wait};
    use uuid::Uuid;

    const SOON: Duration = Duration::from_secs(90);

    struct Bed {
        bed: Gateways,
        software: Software,
        instance: Rooted,
        revision: i64,
    }

    impl Bed {
        async fn start(name: &str, tenants: usize) -> Bed {
            let binary = Path::new(env!("CARGO_BIN_EXE_neutrino"));
            let bed = Gateways::start(binary, name, tenants, &[OPTION]).await;
            let bed = bed.expect("gateways; these tests need root");
            let software = Software::start(binary, &bed).await.expect("a repository");
            let folder = bed.dir.path().join("instance");
            let instance = Rooted::boot(&bed.client(0), &folder, binary).await.expect("an instance");
            Bed { bed, software, instance, revision: 0 }
        }

        fn folder(&self) -> PathBuf {
            self.bed.dir.path().to_owned()
        }

        async fn order(&mut self, all: &[(u128, u32, &[&Ordered])]) {
            self.revision += 1;
            let order = |(id, attempt, packages): &(u128, u32, &[&Ordered])| Order {
                id: SoftwareOrderId(Uuid::from_u128(*id)),
                attempt: *attempt,
                cancelled: false,
                packages: packages.iter().map(|ordered| (*ordered).clone()).collect(),
            };
            self.bed.networks[0].ports[0].orders =
                Orders { revision: self.revision, orders: all.iter().map(order).collect() };
            assert_eq!(self.bed.tell().await.expect("told"), []);
        }

        /// What the instance said last of an order.
        async fn said(&self, order: u128) -> Option<Report> {
            let url = format!("http://{PLATFORM}/ports/{}/reports", self.bed.networks[0].ports[0].id);
            let secret = format!("Authorization: Bearer {SECRET}");
            let words = ["curl", "-sf", "-m", "20", "-H", &secret, &url];
            let said = run_in(&self.bed.place.namespace("management"), &words).await.ok()?;
            let reports: serde_json::Value = serde_json::from_str(&said).ok()?;
            serde_json::from_value(reports[Uuid::from_u128(order).to_string()].clone()).ok()
        }

        async fn ended(&self, order: u128, attempt: u32) -> Report {
            let ended = || async {
                self.said(order).await.filter(|said| said.attempt == attempt && said.state.has_ended())
            };
            match wait::until(SOON, ended).await {
                Some(report) => report,
                None => panic!("order {order}: {:?}; {}", self.said(order).await, self.log()),
            }
        }

        fn follow(&self, more: &str) -> tokio::process::Child {
            let log = self.folder().join("guest.log");
            let log = std::fs::File::options().create(true).append(true).open(log).expect("a log");
            let script = format!("echo $$ > /run/guest; exec {PROGRAM} guest run {more} --wait-s 5");
            let mut command = self.instance.command(&["sh", "-c", &script]);
            command.stderr(log).stdout(Stdio::null()).spawn().expect("runs")
        }

        fn log(&self) -> String {
            std::fs::read_to_string(self.folder().join("guest.log")).unwrap_or_default()
        }
    }

    async fn rpm(folder: &Path, name: &str) -> PathBuf {
        let spec = folder.join(format!("{name}.spec"));
        let text = format!(
            "Name: {name}\nVersion: 1.2\nRelease: 3\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n\
             %install\nmkdir -p %{{buildroot}}/usr/share/neutrino-tests\n\
             echo rpm > %{{buildroot}}/usr/share/neutrino-tests/{name}\n\
             %files\n/usr/share/neutrino-tests/{name}\n"
        );
        std::fs::write(&spec, text).expect("writes");
        let top = format!("_topdir {}", folder.join("rpmbuild").display());
        let mut rpmbuild = tokio::process::Command::new("rpmbuild");
        rpmbuild.args(["-bb", "--quiet", "--define", &top]).arg(&spec).env("HOME", folder);
        let output = rpmbuild.output().await.expect("rpmbuild runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder.join(format!("rpmbuild/RPMS/noarch/{name}-1.2-3.noarch.rpm"))
    }

    async fn archive(folder: &Path) -> PathBuf {
        let file = folder.join("tool-5-all.tar.xz");
        let script = format!(
            "cd '{0}' && mkdir -p bin && echo tool > bin/tool && ln -sf tool bin/t && tar cJf '{1}' bin",
            folder.display(),
            file.display()
        );
        let made = tokio::process::Command::new("sh").args(["-c", &script]).status().await;
        assert!(made.expect("tar runs").success());
        file
    }

    #[tokio::test]
    async fn apt_and_orders_install_and_another_project_sees_nothing() {
        let mut all = Bed::start("guest-all", 2).await;
        let folder = all.folder();
        let library = deb(&folder, "neutrino-library", "1.0", "", "").await.expect("is made");
        let app =
            deb(&folder, "neutrino-app", "1:2.0-1", "neutrino-library (>= 1.0)", "echo set up $1").await;
        let broken =
            deb(&folder, "neutrino-broken", "1", "", "echo no way on; exit 3").await.expect("is made");
        let none = json!({});
        let (archive, rpm) = (archive(&folder).await, rpm(&folder, "neutrino-rpm").await);
        let software = &mut all.software;
        software.publish(&library, "project-9", &["*"], none.clone()).await.expect("is published");
        let app = software
            .publish(&app.expect("is made"), "project-0", &[], none.clone())
            .await
            .expect("is published");
        let broken = software.publish(&broken, "project-0", &[], none.clone()).await.expect("is published");
        let rpm = software.publish(&rpm, "project-0", &[], none).await.expect("is published");
        let more =
            json!({ "name": "tool", "version": "5", "architecture": "all", "file": "tool-5-all.tar.xz" });
        let archive = software.publish(&archive, "project-0", &[], more).await.expect("is published");

        // Plain apt-get.
        let begun = Instant::now();
        let setup = format!("curl -sf http://{ADDRESS}:8080/setup/user-data | sh");
        all.instance.run(&setup).await.expect("sources and the key");
        all.instance.run("apt-get -q -y install neutrino-library").await.expect("installs");
        println!("apt-get: {:.1} s", begun.elapsed().as_secs_f32());
        let shown = all.instance.run("cat /usr/share/neutrino-tests/neutrino-library").await;
        assert_eq!(shown.expect("is there"), "1.0\n");

        // Orders: what they need comes from the sources, and one that fails, and stays half done, hinders no other.
        let begun = Instant::now();
        let _run = all.follow("");
        all.order(&[(2, 1, &[&broken]), (1, 1, &[&app]), (3, 1, &[&archive, &rpm])]).await;
        let report = all.ended(1, 1).await;
        assert_eq!(report.state, State::Installed, "{report:?}");
        assert!(report.output.contains("set up configure"), "{report:?}");
        println!("an order: {:.1} s", begun.elapsed().as_secs_f32());
        let report = all.ended(2, 1).await;
        assert_eq!(report.state, State::Failed, "{report:?}");
        assert!(
            report.reason.contains("apt-get failed") && report.output.contains("no way on"),
            "{report:?}"
        );
        let report = all.ended(3, 1).await;
        assert_eq!(report.state, State::Installed, "{report:?}");
        let script = "cat /opt/tool/5/bin/t /usr/share/neutrino-tests/neutrino-app /usr/share/neutrino-tests/neutrino-rpm";
        assert_eq!(all.instance.run(script).await.expect("are there"), "tool\n1:2.0-1\nrpm\n");
        // Another try of what failed.
        all.order(&[(2, 2, &[&broken])]).await;
        assert_eq!(all.ended(2, 2).await.state, State::Failed);

        // The other project: same addresses, same machine, and nothing of it.
        let other = |path: &'static str| all.bed.get(1, path);
        for path in ["/archive/neutrino-app/1:2.0-1/SHA256SUMS", "/archive/tool/5/tool-5-all.tar.xz"] {
            assert!(!other(path).await.expect("an answer").contains("neutrino-app"), "{path}");
        }
        let url = format!("http://{ADDRESS}:8080/archive/neutrino-app/1%3A2.0-1/{}", app.file);
        let code = all.bed.curl(1, &["-o", "/dev/null", "-w", "%{http_code}", &url]).await;
        assert_eq!(code.expect("an answer"), "404");
        let index = format!(
            "curl -sf http://{ADDRESS}:8080/deb/dists/stable/project/binary-all/Packages.gz | gunzip"
        );
        let index = async |at| run_in(&all.bed.client(at), &["sh", "-c", &index]).await.expect("an index");
        assert!(index(0).await.contains("Package: neutrino-app\n") && index(1).await.is_empty());
        assert_eq!(other("/orders").await.expect("an answer"), r#"{"revision":0,"orders":[]}"#);

        // Without IPv4, by the link-local address.
        run_in(&all.bed.client(0), &["ip", "-4", "addr", "flush", "dev", "eth0"]).await.expect("no IPv4");
        let _ = all.instance.run("kill -9 $(cat /run/guest)").await;
        let _again = all.follow("");
        all.order(&[(4, 1, &[&archive])]).await;
        let report = all.ended(4, 1).await;
        assert_eq!(report.state, State::Installed, "{report:?}");
    }

    /// Power cuts, kills and a repository that goes away, at any moment of an installation that takes its time.
    #[tokio::test]
    async fn whatever_ends_whenever_it_ends_installed() {
        let mut all = Bed::start("guest-cuts", 1).await;
        let folder = all.folder();
        let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let mut draw = Draw(seed.unwrap_or_else(|| u64::from(std::process::id()) << 20 | 1));
        println!("SEED={}", draw.0);
        let script = "for i in 1 2 3 4; do echo step $i; sleep 0.2; done; touch /var/lib/neutrino-tests-done";
        let one = deb(&folder, "neutrino-slow", "1.0", "", script).await.expect("is made");
        let two = deb(&folder, "neutrino-next", "1.0", "neutrino-slow", "").await.expect("is made");
        let one = all.software.publish(&one, "project-0", &[], json!({})).await.expect("is published");
        let two = all.software.publish(&two, "project-0", &[], json!({})).await.expect("is published");
        // In this order they only go in together.
        all.order(&[(1, 1, &[&two, &one])]).await;
        let mut cuts = 0;
        let begun = Instant::now();
        loop {
            let mut run = all.follow("--trust-first");
            let moment = Duration::from_millis(draw.below(500 + 700 * cuts) as u64);
            let ended =
                wait::until(moment, || async { all.said(1).await.filter(|said| said.state.has_ended()) });
            if let Some(report) = ended.await {
                assert_eq!(report.state, State::Installed, "{report:?}; {}", all.log());
                break;
            }
            assert!(begun.elapsed() < SOON * 2, "{:?}; {}", all.said(1).await, all.log());
            cuts += 1;
            match draw.below(3) {
                // The installer goes on, and the next run waits for it.
                0 => drop(all.instance.run("kill -9 $(cat /run/guest)").await),
                1 => all.software.again().await.expect("is back"),
                _ => {
                    all.instance.power_cut().await.expect("no power");
                    all.instance.power_on().await.expect("power");
                }
            }
            // Whatever was cut, another run follows.
            let _ = all.instance.run("kill -9 $(cat /run/guest)").await;
            let _ = run.wait().await;
        }
        println!("{cuts} cuts in {:.1} s", begun.elapsed().as_secs_f32());
        let audit =
            all.instance.run("dpkg --audit && ls /var/lib/neutrino-tests-done").await.expect("is fine");
        assert_eq!(audit, "/var/lib/neutrino-tests-done\n");
        let shown = "dpkg-query -W -f '${Status} ' neutrino-slow neutrino-next";
        assert_eq!(
            all.instance.run(shown).await.expect("both"),
            "install ok installed install ok installed "
        );
    }
}
