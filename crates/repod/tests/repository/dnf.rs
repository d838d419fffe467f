//! dnf and createrepo_c, as they are.

use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use super::place::{Place, output, run, version};

/// Makes an .rpm of a name and version.
pub fn rpm(folder: &Path, name: &str, version: &str, extra: &str) -> PathBuf {
    let top = folder.join(format!("rpm-{name}-{version}"));
    std::fs::create_dir_all(&top).expect("a folder");
    let spec = top.join("x.spec");
    let text = format!(
        "Name: {name}\nVersion: {version}\nRelease: 3\nSummary: What {name} is <&>\nLicense: MIT\n\
         BuildArch: noarch\nURL: https://example.org/{name}\n{extra}\n%description\nMore of \"it\".\n\
         %install\nmkdir -p %{{buildroot}}/usr/share/{name} %{{buildroot}}/usr/bin %{{buildroot}}/etc\n\
         echo hello >%{{buildroot}}/usr/share/{name}/content\necho x >%{{buildroot}}/usr/bin/{name}\n\
         echo y >%{{buildroot}}/etc/{name}.conf\n%files\n/usr/share/{name}\n/usr/bin/{name}\n\
         %config /etc/{name}.conf\n%ghost /var/lib/{name}.state\n%changelog\n* Tue Nov 17 2026 A <a@example.org> - 1\n- two\n\
         * Mon Nov 16 2026 A <a@example.org> - 1\n- one\n"
    );
    std::fs::write(&spec, text).expect("writes");
    let (top, spec) = (top.to_str().expect("text"), spec.to_str().expect("text"));
    run("rpmbuild", &["--quiet", "-bb", "--define", &format!("_topdir {top}"), spec]);
    PathBuf::from(format!("{top}/RPMS/noarch/{name}-{version}-3.noarch.rpm"))
}

/// dnf with folders of its own.
struct Dnf {
    folder: TempDir,
}

impl Dnf {
    async fn of(place: &Place, project: &str) -> Dnf {
        let gateway = place.gateway(project).await;
        let file = place.read(project, "/setup/dnf.repo", &[]).await.text();
        assert!(file.contains("http://169.254.169.254:8080"), "{file}");
        let dnf = Dnf { folder: tempfile::tempdir().expect("a folder") };
        for name in ["repos", "got", "log", "root"] {
            std::fs::create_dir(dnf.folder.path().join(name)).expect("a folder");
        }
        let file = file.replace("http://169.254.169.254:8080", &gateway);
        std::fs::write(dnf.folder.path().join("repos/neutrino.repo"), file).expect("writes");
        dnf
    }

    async fn run(&self, words: &[&str]) -> Output {
        let at = self.folder.path().display();
        let mut all = vec![
            "-y".to_owned(),
            "--refresh".to_owned(),
            "--releasever=1".to_owned(),
            format!("--installroot={at}/root"),
            format!("--setopt=reposdir={at}/repos"),
            format!("--setopt=cachedir={at}/cache"),
            format!("--setopt=persistdir={at}/persist"),
            format!("--setopt=logdir={at}/log"),
            format!("--setopt=destdir={at}/got"),
        ];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        let run = move || output("dnf", &all.iter().map(String::as_str).collect::<Vec<_>>());
        tokio::task::spawn_blocking(run).await.expect("runs")
    }

    async fn said(&self, words: &[&str]) -> String {
        let output = self.run(words).await;
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "dnf {words:?}: {said}");
        said
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_is_found_verified_and_downloaded() {
    let place = Place::start().await;
    let file = rpm(place.folder.path(), "hello", "1.2", "");
    let sum = place.bring(&file).await;
    let newer = rpm(place.folder.path(), "hello", "1.10", "");
    let newer = place.bring(&newer).await;
    let theirs = place.bring(&rpm(place.folder.path(), "secret", "1", "")).await;
    place
        .publish(
            1,
            &[
                version("a", sum, "red", &["*"]),
                version("b", newer, "red", &[]),
                version("c", theirs, "blue", &[]),
            ],
        )
        .await;
    let red = Dnf::of(&place, "red").await;
    let blue = Dnf::of(&place, "blue").await;
    let listed = red.said(&["list", "--available"]).await;
    assert!(listed.contains("hello") && listed.contains("1.10-3") && !listed.contains("secret"), "{listed}");
    let listed = blue.said(&["list", "--available"]).await;
    assert!(listed.contains("1.2-3") && !listed.contains("1.10") && listed.contains("secret"), "{listed}");
    let owner = red.said(&["repoquery", "--file", "/usr/share/hello/content"]).await;
    assert!(owner.contains("hello"), "{owner}");
    red.said(&["install", "--downloadonly", "hello"]).await;
    let got = red.folder.path().join("got/hello-1.10-3.noarch.rpm");
    assert_eq!(repo::Sha256::of(&std::fs::read(got).expect("came")), newer);
    // Really installs: the files are there.
    red.said(&["install", "hello"]).await;
    assert!(red.folder.path().join("root/usr/share/hello/content").exists());
}

/// Attributes and texts of the packages of an index, whatever their order and white space.
fn told(xml: &str) -> Vec<String> {
    let xml = xml.replace("&quot;", "\"");
    let inner = xml.split_once("packages=").map(|(_, rest)| rest).expect("an index");
    let inner = inner.split_once('>').expect("an index").1;
    let mut lines: Vec<String> = inner.split('<').map(|one| format!("<{}", one.trim())).collect();
    // An element without text may be written in two ways.
    lines.retain(|one| !one.starts_with("</") && one != "<");
    lines.iter().map(|one| one.trim_end_matches("/>").trim_end_matches('>').to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn indexes_say_what_createrepo_says() {
    let place = Place::start().await;
    let folder = place.folder.path().join("beside");
    std::fs::create_dir(&folder).expect("a folder");
    let extra = "Epoch: 2\nRequires: a >= 1:2-3, b, /bin/sh\nRequires(post): c < 4\nProvides: d = 5\n\
                 Conflicts: e <= 6\nObsoletes: f > 7\nRecommends: g\nSuggests: h\nSupplements: i\nEnhances: j\n\
                 Vendor: V\nPackager: P <p@example.org>\nGroup: G";
    let file = rpm(place.folder.path(), "rich", "1.0~rc1", extra);
    let name = file.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    std::fs::copy(&file, folder.join(&name)).expect("copies");
    run(
        "createrepo_c",
        &["--quiet", "--checksum=sha256", "--general-compress-type=gz", folder.to_str().expect("text")],
    );
    let sum = place.bring(&file).await;
    place.publish(1, &[version("a", sum, "red", &["*"])]).await;
    let repomd = place.read("blue", "/rpm/main/repodata/repomd.xml", &[]).await.text();
    for index in ["primary", "filelists", "other"] {
        let path =
            repomd.split('"').find(|path| path.ends_with(&format!("-{index}.xml.gz"))).expect("told of");
        let ours = place.read("blue", &format!("/rpm/main/{path}"), &[]).await.body;
        let at = folder.join(index);
        std::fs::write(at.with_extension("gz"), ours).expect("writes");
        let ours = run("zcat", &[at.with_extension("gz").to_str().expect("text")]);
        let theirs = run("sh", &["-c", &format!("zcat {}/repodata/*-{index}.xml.gz", folder.display())]);
        let place = |line: &String| !["<time", "<location"].iter().any(|own| line.starts_with(own));
        let (mut ours, mut theirs) = (told(&ours), told(&theirs));
        ours.retain(place);
        theirs.retain(place);
        assert_eq!(ours, theirs, "{index}");
    }
}
