//! A software repository of a test's own, and packages to bring there.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use repod::Serving;
use server::SoftwareSettings;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::client::Client;

const SECRET: &str = "the secret of this test's servers";

/// A repository on free ports of 127.0.0.1; dropping it stops it.
pub struct Depot {
    folder: TempDir,
    stop: watch::Sender<bool>,
    serving: Option<Serving>,
    manage: SocketAddr,
    reading: SocketAddr,
}

impl Depot {
    pub async fn start() -> anyhow::Result<Depot> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("secret"), SECRET)?;
        Depot::in_folder(folder, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    async fn in_folder(folder: TempDir, bind: SocketAddr) -> anyhow::Result<Depot> {
        let settings = repod::Settings {
            bind,
            read_bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            secret_file: folder.path().join("secret"),
            gateway_secret_file: PathBuf::new(),
            folder: folder.path().join("repository"),
            address: "http://169.254.169.254:8080".into(),
            architectures: vec!["amd64".into()],
            max_file_bytes: 1 << 30,
            max_uploads: 16,
            min_free_bytes: 0,
            upload_idle_s: 86_400,
            shared_on_shelves: false,
            s3: None,
        };
        let (stop, stopping) = watch::channel(false);
        let serving = repod::start(settings, stopping).await.context("the repository does not start")?;
        let (manage, reading) = (serving.manage, serving.reading);
        Ok(Depot { folder, stop, serving: Some(serving), manage, reading })
    }

    /// Stops it, and starts it again where it was; what it has is kept, or lost.
    pub async fn again(mut self, keep: bool) -> anyhow::Result<Depot> {
        self.stop.send_replace(true);
        if let Some(serving) = self.serving.take() {
            serving.until_stopped().await;
        }
        if !keep {
            std::fs::remove_dir_all(self.folder.path().join("repository"))?;
        }
        Depot::in_folder(self.folder, self.manage).await
    }

    /// How a server is told of it.
    pub fn settings(&self) -> SoftwareSettings {
        SoftwareSettings {
            repository_url: format!("http://{}", self.manage),
            repository_secret_file: self.folder.path().join("secret"),
            leftover_s: 0,
        }
    }

    /// Where it has files, by their sums.
    pub fn blobs(&self) -> PathBuf {
        self.folder.path().join("repository/blobs")
    }

    /// Brings the rest of an upload and finishes it, as a server does that ends after that.
    pub async fn bring(&self, upload: &str, from: usize, rest: &[u8]) -> anyhow::Result<()> {
        let client = Client::new(self.manage);
        let (secret, from) = (format!("Bearer {SECRET}"), from.to_string());
        let headers = [("authorization", secret.as_str()), ("upload-offset", from.as_str())];
        for (method, path, body) in [
            ("PATCH", format!("/uploads/{upload}"), rest.to_vec()),
            ("POST", format!("/uploads/{upload}/finish"), Vec::new()),
        ] {
            let answer = client.bytes(method, &path, body, &headers).await?;
            anyhow::ensure!(answer.status().is_success(), "{method} {path}: {}", answer.status());
        }
        Ok(())
    }

    /// How many uploads it knows of.
    pub fn uploads(&self) -> usize {
        let folder = std::fs::read_dir(self.folder.path().join("repository/uploads"));
        folder
            .into_iter()
            .flatten()
            .flatten()
            .filter(|file| file.path().extension() == Some("json".as_ref()))
            .count()
    }

    /// How many bytes of files under way it has written.
    pub fn spooled(&self) -> u64 {
        let files =
            std::fs::read_dir(self.folder.path().join("repository/uploads")).into_iter().flatten().flatten();
        let spooled = files.filter(|file| file.path().extension().is_some_and(|kind| kind == "part"));
        spooled.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    }

    /// Status and body of what a project reads, as through a gateway.
    pub async fn read(&self, project: &str, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let client = Client::new(self.reading);
        let (status, body) = client.raw("GET", path, None, &[("x-neutrino-project", project)]).await?;
        Ok((status, body.to_vec()))
    }
}

/// A .deb of any architecture with so many bytes of data.
pub fn deb(name: &str, version: &str, data: usize) -> Vec<u8> {
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\n\
         Description: what {name} is\n More of it.\n"
    );
    let tar = tar("./control", control.as_bytes());
    let mut file = b"!<arch>\n".to_vec();
    let data = tar_of_nothing(data);
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("control.tar", &tar), ("data.tar", &data)] {
        let head = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len());
        file.extend(head.bytes());
        file.extend(content);
    }
    file
}

fn tar_of_nothing(bytes: usize) -> Vec<u8> {
    vec![0; bytes.next_multiple_of(512).max(1024)]
}

/// A tar file with one file in it; also an archive to install.
pub fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut tar = [header, content.to_vec()].concat();
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    tar
}
