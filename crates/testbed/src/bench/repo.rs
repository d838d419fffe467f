//! The software repository: what it costs to bring a file and to get it, and to publish one version among
//! 10,000.

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use ::repo::Sha256;
use anyhow::{Context, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use testbed::demo::show::working;
use testbed::{Program, process};

use crate::server::beside;
use crate::show;

const SECRET: &str = "the secret of the bench";
const SOON: Duration = Duration::from_secs(20);
const PACKAGES: usize = 10_000;
/// A large file, and the part in which it is sent.
const LARGE: usize = 1 << 30;
const PART: usize = 64 << 20;
/// One version among all, published so often.
const TIMES: usize = 20;

struct Repository {
    program: Program,
    http: Client<HttpConnector, Full<Bytes>>,
    manage: String,
    reading: String,
}

/// Time and CPU of something.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    cpu: Duration,
}

impl Repository {
    async fn start(program: Option<&Path>, folder: &Path) -> anyhow::Result<Repository> {
        let program = program.map_or_else(beside, |program| Ok(program.to_owned()))?;
        let secret = folder.join("secret");
        std::fs::write(&secret, SECRET)?;
        let set = [
            format!("repod.folder={}", folder.join("repository").display()),
            format!("repod.secret_file={}", secret.display()),
            "repod.bind=127.0.0.1:0".to_owned(),
            "repod.read_bind=127.0.0.1:0".to_owned(),
            "log.filter=warn,neutrino=info".to_owned(),
        ];
        let words: Vec<&str> = set.iter().flat_map(|set| ["--set", set]).chain(["repod"]).collect();
        let program = Program::start(&program, &words, folder.join("log"))?;
        let manage = program.says("the repository is managed at ", SOON).await?;
        let reading = program.says("the repository is read at ", SOON).await?;
        let http = Client::builder(TokioExecutor::new()).build_http();
        Ok(Repository { program, http, manage, reading })
    }

    async fn call(&self, method: Method, path: &str, offset: usize, body: Bytes) -> anyhow::Result<Value> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.manage));
        let request = request.header("authorization", format!("Bearer {SECRET}"));
        let answer =
            self.http.request(request.header("upload-offset", offset).body(Full::new(body))?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn bring(&self, parts: &[Bytes]) -> anyhow::Result<Sha256> {
        let begun = self.call(Method::POST, "/uploads", 0, Bytes::new()).await?;
        let path = format!("/uploads/{}", begun["id"].as_str().context("an id")?);
        let mut at = 0;
        for part in parts {
            self.call(Method::PATCH, &path, at, part.clone()).await?;
            at += part.len();
        }
        let done = self.call(Method::POST, &format!("{path}/finish"), 0, Bytes::new()).await?;
        Ok(done["sha256"].as_str().context("a sum")?.parse()?)
    }

    async fn get(&self, path: &str) -> anyhow::Result<usize> {
        let request = Request::get(format!("{}{path}", self.reading)).header("x-neutrino-project", "bench");
        let mut body = self.http.request(request.body(Full::default())?).await?.into_body();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            bytes += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(bytes)
    }

    fn cpu(&self) -> Duration {
        process::cpu(&self.program.pid().into_iter().collect::<Vec<_>>())
    }

    async fn measured<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<(Cost, T)> {
        let (cpu, begun) = (self.cpu(), Instant::now());
        let done = work.await?;
        Ok((Cost { time: begun.elapsed(), cpu: self.cpu() - cpu }, done))
    }
}

pub async fn run(program: Option<&Path>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let repository = Repository::start(program, folder.path()).await?;
    let pid = repository.program.pid().context("it runs")?;
    large(&repository, folder.path()).await?;
    many(&repository).await?;
    println!(
        "memory of the repository with {PACKAGES} packages: {} KiB resident, {} KiB at most",
        process::memory(pid).resident_kib,
        process::peak_kib(pid)
    );
    Ok(())
}

/// One large file, up and down, beside the least that it could cost: a sum, and a flushed file.
async fn large(repository: &Repository, folder: &Path) -> anyhow::Result<()> {
    let mut file = tar();
    file.resize(PART, 7);
    let parts = vec![Bytes::from(file); LARGE / PART];
    let (up, sum) = working("1 GiB comes", repository.measured(repository.bring(&parts))).await?;
    let version =
        json!({ "id": "large", "sha256": sum, "project": "bench", "name": "large", "version": "1" });
    let wanted = json!({ "revision": 1, "versions": [version] }).to_string();
    repository.call(Method::PUT, "/publication", 0, wanted.into()).await?;
    let (down, bytes) = repository.measured(repository.get("/archive/large/1/large-1-all.tar")).await?;
    ensure!(bytes == LARGE, "{bytes} bytes came");
    let (cpu, begun) = (process::own_cpu(), Instant::now());
    let mut sums = 0;
    let mut floor = std::fs::File::create(folder.join("floor"))?;
    for part in &parts {
        sums += usize::from(Sha256::of(part).0[0]);
        floor.write_all(part)?;
    }
    floor.sync_all()?;
    let least = Cost { time: begun.elapsed(), cpu: process::own_cpu() - cpu };
    let mut table = show::table(&["1 GiB", "MiB/s", "CPU s/GiB"]);
    for (what, cost) in
        [("up, with its sum and flushed", up), ("least: a sum, a flushed file", least), ("down", down)]
    {
        table.add_row([
            what.to_owned(),
            format!("{:.0}", 1024.0 / cost.time.as_secs_f64()),
            format!("{:.2}", cost.cpu.as_secs_f64()),
        ]);
    }
    println!("{table}");
    ensure!(sums > 0 || !parts.is_empty(), "the sums were made");
    Ok(())
}

async fn many(repository: &Repository) -> anyhow::Result<()> {
    let bring = |number: usize| async move { repository.bring(&[deb(number).into()]).await };
    let all = stream::iter(0..PACKAGES + TIMES).map(bring).buffered(8).try_collect::<Vec<_>>();
    let (came, sums) = working("10,000 packages come", repository.measured(all)).await?;
    let version = |number: usize, sum: &Sha256| json!({ "id": format!("v{number}"), "sha256": sum, "project": "bench", "seen_by": ["*"] });
    let versions: Vec<Value> =
        sums.iter().take(PACKAGES).enumerate().map(|(at, sum)| version(at, sum)).collect();
    let wanted = json!({ "revision": 2, "versions": versions }).to_string();
    let publish = repository.call(Method::PUT, "/publication", 0, wanted.into());
    let (first, _) = working("they are published", repository.measured(publish)).await?;
    let (mut times, cpu) = (Vec::new(), repository.cpu());
    for (at, sum) in sums.iter().enumerate().skip(PACKAGES) {
        let revision = at - PACKAGES + 2;
        let change =
            json!({ "revision": revision + 1, "after": revision, "put": [version(at, sum)] }).to_string();
        let begun = Instant::now();
        let told = repository.call(Method::PATCH, "/publication", 0, change.into()).await?;
        ensure!(told["rebuilt"] == 1, "{told}");
        times.push(begun.elapsed());
    }
    let cpu = (repository.cpu() - cpu) / u32::try_from(TIMES)?;
    times.sort();
    let size = repository.get("/deb/dists/stable/main/binary-all/Packages.gz").await?;
    let mut table = show::table(&["10,000 packages", "ms", "CPU ms"]);
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    let each = u32::try_from(PACKAGES + TIMES)?;
    table.add_row([
        "a small package comes, 8 at a time".to_owned(),
        ms(came.time / each),
        ms(came.cpu / each),
    ]);
    table.add_row(["all are published for the first time".to_owned(), ms(first.time), ms(first.cpu)]);
    table.add_row([format!("one more is published (median of {TIMES})"), ms(times[TIMES / 2]), ms(cpu)]);
    println!("{table}\nPackages.gz has {} KiB", size >> 10);
    Ok(())
}

/// A .deb of a number, with a control file of a usual size.
fn deb(number: usize) -> Vec<u8> {
    let control = format!(
        "Package: package-{number:05}\nVersion: 1.{number}-1\nArchitecture: all\nMaintainer: Somebody <s@example.org>\n\
         Installed-Size: {number}\nDepends: libc6 (>= 2.36), libgcc-s1 (>= 3.0), libstdc++6 (>= 12), zlib1g\n\
         Section: net\nPriority: optional\nHomepage: https://example.org/package-{number:05}\n\
         Description: package of the bench, number {number}\n{}",
        " It has a description of some lines, as packages have, which says what it is for.\n".repeat(6)
    );
    let mut header = vec![0; 512];
    header[..9].copy_from_slice(b"./control");
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", control.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut tar = [header, control.into_bytes()].concat();
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let mut file = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("control.tar", &tar), ("data.tar", &[0; 1024])]
    {
        file.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes(),
        );
        file.extend(content);
    }
    file
}

/// The beginning of an archive.
fn tar() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = &deb(0)[8 + 60 + 4 + 60..];
    file.by_ref().take(512).read_to_end(&mut bytes).unwrap_or_default();
    bytes
}
