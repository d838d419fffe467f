//! Bringing a file: the package is made if it is not there, and what broke off goes on.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::api::Api;
use super::text;
use crate::serve;

/// Times that an upload goes on after it broke off.
const TRIES: usize = 5;

#[derive(Args)]
pub struct UploadArgs {
    file: PathBuf,
    /// The package's name; without it, as the file is called
    #[arg(long)]
    name: Option<String>,
    /// deb, rpm or archive; without it, as the file is called
    #[arg(long)]
    format: Option<String>,
    /// The version; an archive does not say its own
    #[arg(long)]
    version: Option<String>,
    /// The architecture; an archive's is `all` without it
    #[arg(long)]
    architecture: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
}

/// Name and format by what a file is called: NAME_VERSION_ARCHITECTURE.deb, NAME-VERSION-RELEASE.ARCHITECTURE.rpm.
fn called(file: &Path) -> (Option<String>, &'static str) {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(stem) = name.strip_suffix(".deb") {
        return (stem.split('_').next().map(str::to_owned), "deb");
    }
    if let Some(stem) = name.strip_suffix(".rpm") {
        return (stem.rsplitn(3, '-').nth(2).map(str::to_owned), "rpm");
    }
    (None, "archive")
}

pub async fn run(api: &Api, asked: &UploadArgs) -> anyhow::Result<ExitCode> {
    let shown = asked.file.display().to_string();
    let size = std::fs::metadata(&asked.file).with_context(|| format!("cannot read {shown}"))?.len();
    let (name, format) = called(&asked.file);
    let format = asked.format.as_deref().unwrap_or(format);
    let Some(name) = asked.name.clone().or(name) else {
        bail!("what package {shown} is of cannot be seen: say --name");
    };
    let sum = sum(&asked.file).with_context(|| format!("cannot read {shown}"))?;
    let package = package(api, &name, format).await?;
    let version = version(api, asked, &package, (size, &sum)).await?;
    let bar = ProgressBar::new(size);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}") {
        bar.set_style(style);
    }
    let path = format!("software-versions/{version}/file");
    let mut tries = 0;
    let done = loop {
        let at = api.get(&format!("software-versions/{version}")).await?;
        let at = at["software_version"]["upload_offset"].as_u64().unwrap_or_default();
        bar.set_position(at);
        let mut file = File::open(&asked.file)?;
        file.seek(SeekFrom::Start(at))?;
        match api.send(&path, file, (at, size), &bar).await {
            Ok(answer) if answer.status == 409 && elsewhere(&answer.body) && tries < TRIES => {}
            Ok(answer) if answer.status == 503 && tries < TRIES => {}
            Ok(answer) => break answer.done()?,
            Err(_) if tries < TRIES => {}
            Err(error) => return Err(error),
        }
        tries += 1;
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    };
    bar.finish_and_clear();
    let done = &done["software_version"];
    if done["status"] != "ACTIVE" {
        bail!("{shown} is refused: {}", text(&done["status_reason"]));
    }
    serve::print(format!(
        "{name} {} {}: {} bytes, sha256 {}, id {version}",
        text(&done["version"]),
        text(&done["architecture"]),
        text(&done["size"]),
        text(&done["sha256"])
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn elsewhere(body: &Value) -> bool {
    let kind = &body["NeutronError"]["type"];
    kind == "UploadOffsetMismatch" || kind == "UploadBusy"
}

/// One's own package of that name, which is made if it is not there.
async fn package(api: &Api, name: &str, format: &str) -> anyhow::Result<Value> {
    let fields = json!({ "software_package": { "name": name, "format": format } });
    let made = api.ask(Method::POST, "software-packages", fields).await?;
    if made.status != 409 || made.body["NeutronError"]["type"] != "SoftwarePackageExists" {
        return Ok(made.done()?["software_package"].clone());
    }
    // Others' may be seen as well: one's own is the one that a version can be made of.
    let all = api.get(&format!("software-packages?name={}&format={format}", plain(name))).await?;
    let all = all["software_packages"].as_array().cloned().unwrap_or_default();
    Ok(json!(all))
}

/// A name, which the server took for one, as part of a query.
fn plain(name: &str) -> String {
    name.replace('+', "%2B")
}

/// By which it is told whether what broke off was this file.
fn sum(file: &Path) -> std::io::Result<String> {
    let (mut file, mut sum) = (File::open(file)?, Context::new(&SHA256));
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => sum.update(&buffer[..read]),
        }
    }
    Ok(sum.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A version that is under way and of this file, or another one.
async fn version(
    api: &Api,
    asked: &UploadArgs,
    package: &Value,
    (size, sum): (u64, &str),
) -> anyhow::Result<String> {
    let candidates = package.as_array().cloned().unwrap_or_else(|| vec![package.clone()]);
    let mut refused = None;
    for package in candidates {
        let id = text(&package["id"]);
        let under_way = format!("software-versions?package_id={id}&status=UPLOADING&size={size}");
        for version in api.get(&under_way).await?["software_versions"].as_array().into_iter().flatten() {
            let same = |key: &str, said: &Option<String>| {
                version[key].is_null() || said.as_ref().is_none_or(|said| version[key] == **said)
            };
            let is_it = version["sha256"] == sum;
            if is_it && same("version", &asked.version) && same("architecture", &asked.architecture) {
                return Ok(text(&version["id"]));
            }
        }
        let mut fields = json!({ "package_id": id, "size": size, "sha256": sum });
        for (key, said) in [
            ("version", &asked.version),
            ("architecture", &asked.architecture),
            ("description", &asked.description),
        ] {
            if let Some(said) = said {
                fields[key] = json!(said);
            }
        }
        let made = api.ask(Method::POST, "software-versions", json!({ "software_version": fields })).await?;
        if made.status == 403 {
            refused = Some(made);
            continue;
        }
        return Ok(text(&made.done()?["software_version"]["id"]));
    }
    match refused {
        Some(refused) => refused.done().map(|_| String::new()),
        None => bail!("the package cannot be found"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_by_custom() {
        for (file, name, format) in [
            ("/x/hello_1.0-1_amd64.deb", Some("hello"), "deb"),
            ("hello-world-1.0-1.el9.x86_64.rpm", Some("hello-world"), "rpm"),
            ("tools.tar.gz", None, "archive"),
        ] {
            assert_eq!(called(Path::new(file)), (name.map(str::to_owned), format), "{file}");
        }
    }
}
