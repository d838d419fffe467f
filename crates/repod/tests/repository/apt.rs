//! apt, as it is.

use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use super::place::{Place, deb, output, version};

/// apt with folders of its own: a machine on which nothing is installed.
pub struct Apt {
    folder: TempDir,
}

impl Apt {
    /// Knows the repository as its own setup file says.
    pub async fn of(place: &Place, project: &str) -> Apt {
        let gateway = place.gateway(project).await;
        let sources = place.read(project, "/setup/apt.sources", &[]).await.text();
        let apt = Apt { folder: tempfile::tempdir().expect("a folder") };
        for name in [
            "etc/sources.list.d",
            "etc/apt.conf.d",
            "etc/preferences.d",
            "etc/trusted.gpg.d",
            "state/lists/partial",
            "cache/archives/partial",
        ] {
            std::fs::create_dir_all(apt.path(name)).expect("a folder");
        }
        std::fs::write(apt.path("state/status"), "").expect("writes");
        assert!(sources.contains("http://169.254.169.254:8080"), "{sources}");
        let sources = sources.replace("http://169.254.169.254:8080", &gateway);
        std::fs::write(apt.path("etc/sources.list.d/neutrino.sources"), sources).expect("writes");
        let at = apt.folder.path().display();
        let conf = format!(
            "Dir::Etc \"{at}/etc\";\nDir::State \"{at}/state\";\nDir::State::status \"{at}/state/status\";\n\
             Dir::Cache \"{at}/cache\";\nDir::Log \"{at}\";\nAPT::Sandbox::User \"root\";\n\
             APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\nAcquire::Retries \"0\";\nAcquire::Languages \"none\";\n"
        );
        std::fs::write(apt.path("apt.conf"), conf).expect("writes");
        apt
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn run(&self, program: &'static str, words: &[&str]) -> Output {
        let conf = self.path("apt.conf");
        let mut all = vec![format!("APT_CONFIG={}", conf.display()), program.to_owned()];
        all.extend(words.iter().map(|word| (*word).to_owned()));
        let run = move || output("env", &all.iter().map(String::as_str).collect::<Vec<_>>());
        tokio::task::spawn_blocking(run).await.expect("runs")
    }

    /// What it says of a command that must succeed without a word of warning.
    pub async fn said(&self, words: &[&str]) -> String {
        let output = self.run("apt-get", words).await;
        let (said, wrong) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && wrong.is_empty(), "apt-get {words:?}: {said}{wrong}");
        said.into_owned()
    }

    pub async fn known(&self) -> String {
        String::from_utf8_lossy(&self.run("apt-cache", &["pkgnames"]).await.stdout).into_owned()
    }

    fn got(&self) -> Vec<String> {
        let archives = std::fs::read_dir(self.path("cache/archives")).expect("a folder");
        let names = archives.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with(".deb")).collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).expect("a folder");
    all.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_is_uploaded_published_and_installed() {
    let place = Place::start().await;
    let file = deb(place.folder.path(), "hello", "1:2.0-1", "xz", b"hello");
    let sum = place.bring(&file).await;
    let apt = Apt::of(&place, "red").await;
    apt.said(&["update"]).await;
    assert_eq!(apt.known().await, "", "uploaded is not published");

    let told = place.publish(1, &[version("v1", sum, "red", &["*"])]).await;
    assert_eq!((&told["listed"], &told["missing"]), (&1.into(), &serde_json::json!([])));
    apt.said(&["update"]).await;
    apt.said(&["install", "-y", "--download-only", "hello"]).await;
    assert_eq!(apt.got(), ["hello_1%3a2.0-1_all.deb"]);
    let got = std::fs::read(apt.path("cache/archives").join(&apt.got()[0])).expect("reads");
    assert_eq!(repo::Sha256::of(&got), sum);
    // Indexes came by their sums.
    let lists = names(&apt.path("state/lists"));
    assert!(lists.iter().any(|name| name.ends_with("InRelease")), "{lists:?}");
}
