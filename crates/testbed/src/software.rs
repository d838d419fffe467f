//! The software repository as a process in the management network, and packages to put into it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use model::software::Ordered;
use repo::Sha256;
use serde_json::{Value, json};

use crate::gateways::Gateways;
use crate::place::run_in;
use crate::program::Program;

const SECRET: &str = "the secret of the tests' server";
const SOON: Duration = Duration::from_secs(30);

/// Of gateways that were started with [`OPTION`].
pub struct Software {
    pub program: Program,
    namespace: PathBuf,
    folder: PathBuf,
    manage: String,
    published: Vec<Value>,
}

/// The gateways ask this repository.
pub const OPTION: &str = "management.repository=127.0.0.1:9798";

impl Software {
    pub async fn start(binary: &Path, bed: &Gateways) -> anyhow::Result<Software> {
        let (namespace, folder) = (bed.place.namespace("management"), bed.dir.path().join("software"));
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("secret"), SECRET)?;
        let mut words = vec![format!("--net={}", namespace.display()), binary.display().to_string()];
        for set in [
            format!("folder={}", folder.join("repository").display()),
            format!("secret_file={}", folder.join("secret").display()),
            "bind=127.0.0.1:9797".to_owned(),
            "read_bind=127.0.0.1:9798".to_owned(),
            "min_free_bytes=0".to_owned(),
        ] {
            words.extend(["--set".to_owned(), format!("repod.{set}")]);
        }
        words.push("repod".to_owned());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let program = Program::start(Path::new("nsenter"), &words, folder.join("log"))?;
        program.says("the repository is read at ", SOON).await?;
        let manage = "http://127.0.0.1:9797".to_owned();
        Ok(Software { program, namespace, folder, manage, published: Vec::new() })
    }

    /// Ends it as a crash does, and starts it again.
    pub async fn again(&mut self) -> anyhow::Result<()> {
        self.program.again()?;
        self.program.says("the repository is read at ", SOON).await.map(drop)
    }

    /// Puts a file in, and publishes it for some (`*`: all); how an order names it. `more`: what an archive does
    /// not say of itself.
    pub async fn publish(
        &mut self,
        file: &Path,
        project: &str,
        seen_by: &[&str],
        more: Value,
    ) -> anyhow::Result<Ordered> {
        let bytes = std::fs::read(file)?;
        let sum = Sha256::of(&bytes);
        let begun = self.curl(&["-X", "POST", "-d", "{}", &format!("{}/uploads", self.manage)]).await?;
        let id = begun["id"].as_str().context("an upload has an id")?;
        let (at, data) = (format!("{}/uploads/{id}", self.manage), format!("@{}", file.display()));
        self.curl(&["-X", "PATCH", "-H", "Upload-Offset: 0", "--data-binary", &data, &at]).await?;
        let facts = self.curl(&["-X", "POST", &format!("{at}/finish")]).await?;
        let mut version = json!({ "id": format!("v{}", self.published.len()), "sha256": sum, "project": project,
                                  "seen_by": seen_by });
        let text = |key: &str| more[key].as_str().or(facts[key].as_str()).unwrap_or_default().to_owned();
        for (key, value) in more.as_object().into_iter().flatten() {
            version[key] = value.clone();
        }
        self.published.push(version);
        let wanted = json!({ "revision": self.published.len(), "versions": self.published });
        std::fs::write(self.folder.join("wanted"), wanted.to_string())?;
        let data = format!("@{}", self.folder.join("wanted").display());
        let told = self.curl(&["-X", "PUT", "-d", &data, &format!("{}/publication", self.manage)]).await?;
        if told["listed"] != json!(self.published.len()) {
            bail!("not published: {told}");
        }
        let read = repo::read(&bytes[..], bytes.len() as u64)?;
        let file = match read.format {
            repo::Format::Archive => text("file"),
            _ => read.file_name(),
        };
        Ok(Ordered {
            format: text("format"),
            name: text("name"),
            version: text("version"),
            architecture: text("architecture"),
            file,
            sha256: sum.to_string(),
            size_bytes: bytes.len() as u64,
        })
    }

    async fn curl(&self, words: &[&str]) -> anyhow::Result<Value> {
        let secret = format!("Authorization: Bearer {SECRET}");
        let words = [&["curl", "-sS", "-f", "-m", "60", "-H", &secret], words].concat();
        let said = run_in(&self.namespace, &words).await?;
        if said.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&said)?) }
    }
}

/// Makes a .deb that has a file of its name, and runs a script once it is installed.
pub async fn deb(
    folder: &Path,
    name: &str,
    version: &str,
    depends: &str,
    script: &str,
) -> anyhow::Result<PathBuf> {
    let root = folder.join(format!("{name}-{version}"));
    let (control, content) = (root.join("DEBIAN"), root.join("usr/share/neutrino-tests"));
    std::fs::create_dir_all(&control)?;
    std::fs::create_dir_all(&content)?;
    std::fs::write(content.join(name), format!("{version}\n"))?;
    let depends = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
    let text = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@example.org>\n{depends}\
         Description: what {name} is\n"
    );
    std::fs::write(control.join("control"), text)?;
    if !script.is_empty() {
        let file = control.join("postinst");
        std::fs::write(&file, format!("#!/bin/sh\nset -e\n{script}\n"))?;
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    let file = folder.join(format!("{name}_{version}_all.deb"));
    let (root, made) = (root.display().to_string(), file.display().to_string());
    let words = ["--root-owner-group", "-Zgzip", "--build", &root, &made];
    let output = tokio::process::Command::new("dpkg-deb").args(words).output().await?;
    if !output.status.success() {
        bail!("dpkg-deb: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(file)
}
