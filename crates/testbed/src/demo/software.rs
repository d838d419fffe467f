//! Software in an isolated network: a project's package is uploaded, one of its instances installs it with plain
//! apt-get, another by an order; of another project's, none sees it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::json;
use tempfile::TempDir;

use crate::client::id_of;
use crate::cloud::Cloud;
use crate::demo::show::Table;
use crate::demo::steps::ms;
use crate::guest::Guest;
use crate::road;
use crate::rooted::{PROGRAM, Rooted};
use crate::software::deb;
use crate::wait;

const SOON: Duration = Duration::from_secs(60);
const HOST: usize = 0;
const OWNER: &str = "violet";
const OTHER: &str = "rose";
const PACKAGE: &str = "neutrino-demo";
const GATEWAY: &str = "http://169.254.169.254:8080";

/// An instance with a root of its own: Debian's files of this machine, and what it writes itself.
struct Instance {
    rooted: Rooted,
    guest: Guest,
}

struct Scene {
    folder: TempDir,
    first: Instance,
    second: Instance,
    stranger: Instance,
    /// When the package had come.
    uploaded: Option<Instant>,
}

pub async fn all(cloud: &Cloud, table: &mut Table) -> bool {
    if cloud.road.is_none() {
        return true;
    }
    let mut scene = None;
    let what = "instances of two projects, in networks that lead nowhere";
    if !table.step(what, build(cloud, &mut scene)).await {
        return false;
    }
    let Some(mut scene) = scene else { return false };
    let mut passed = table.step("a package is uploaded by the API", upload(cloud, &mut scene)).await;
    if passed {
        passed &= table.step("an instance installs it: apt-get install", apt(&scene)).await;
        passed &= table.step("another installs it by an order", order(cloud, &scene)).await;
        passed &= table.step("another project's instance cannot see it", unseen(&scene)).await;
    }
    // Their processes end with them; ports and networks stay for whoever looks around.
    drop(scene);
    passed
}

async fn build(cloud: &Cloud, scene: &mut Option<Scene>) -> anyhow::Result<String> {
    let folder = TempDir::new()?;
    let violet = network(cloud, OWNER).await?;
    let rose = network(cloud, OTHER).await?;
    let begun = Instant::now();
    let first = boot(cloud, &folder, "violet-1", &violet, OWNER).await?;
    let second = boot(cloud, &folder, "violet-2", &violet, OWNER).await?;
    let stranger = boot(cloud, &folder, "rose-1", &rose, OTHER).await?;
    let told = format!(
        "violet-1, violet-2, rose-1 up in {:.1} s; their one route leads to 169.254.169.254",
        begun.elapsed().as_secs_f64()
    );
    *scene = Some(Scene { folder, first, second, stranger, uploaded: None });
    Ok(told)
}

/// A project's network, with no way out of it.
async fn network(cloud: &Cloud, project: &str) -> anyhow::Result<String> {
    let fields = json!({ "name": project, "project_id": project });
    let network = id_of(&cloud.client.create("network", fields).await?);
    let subnet = json!({
        "network_id": network, "project_id": project, "ip_version": 4, "cidr": "10.0.0.0/24",
        "gateway_ip": null,
    });
    cloud.client.create("subnet", subnet).await?;
    Ok(network)
}

async fn boot(
    cloud: &Cloud,
    folder: &TempDir,
    name: &str,
    network: &str,
    project: &str,
) -> anyhow::Result<Instance> {
    let host = &cloud.hosts[HOST];
    let fields = json!({
        "name": name, "network_id": network, "project_id": project, "device_owner": "compute:nova",
        "device_id": name, "binding:host_id": host.name,
    });
    let port = cloud.client.create("port", fields).await?;
    let guest = Guest::boot(&cloud.place, name, &host.namespace, &port).await?;
    cloud.port_is(&id_of(&port), "ACTIVE", SOON).await?;
    let lease = guest.dhcp().await?;
    ensure!(lease.contains("169.254.169.254/32"), "the lease does not lead to the gateway: {lease}");
    let program = std::env::current_exe()?;
    let rooted = Rooted::boot(&guest.namespace, &folder.path().join(name), &program).await?;
    Ok(Instance { rooted, guest })
}

async fn upload(cloud: &Cloud, scene: &mut Scene) -> anyhow::Result<String> {
    let file = deb(scene.folder.path(), PACKAGE, "1.0", "", "").await?;
    let file = std::fs::read(file)?;
    let size = file.len();
    let begun = Instant::now();
    let version = road::upload(&cloud.client, OWNER, PACKAGE, file).await?;
    scene.uploaded = Some(Instant::now());
    Ok(format!(
        "{PACKAGE} {}, {size} bytes, ACTIVE after {:.0} ms",
        version["version"].as_str().unwrap_or_default(),
        ms(begun.elapsed())
    ))
}

async fn apt(scene: &Scene) -> anyhow::Result<String> {
    let listed = format!("curl -sf -m 5 {GATEWAY}/archive/{PACKAGE}/1.0/SHA256SUMS");
    let instance = &scene.first.rooted;
    let there = wait::until(SOON, || async { instance.run(&listed).await.ok() });
    there.await.context("the gateways do not lead to it")?;
    let since = scene.uploaded.map(|at| at.elapsed()).unwrap_or_default();
    let begun = Instant::now();
    instance.run(&format!("curl -sf {GATEWAY}/setup/user-data | sh")).await?;
    let told = begun.elapsed();
    let begun = Instant::now();
    instance.run(&format!("apt-get -q -y install {PACKAGE}")).await?;
    let took = begun.elapsed();
    installed(instance).await?;
    Ok(format!(
        "listed {:.0} ms after it came; source, key and apt-get update {:.1} s, install {:.1} s",
        ms(since),
        told.as_secs_f64(),
        took.as_secs_f64()
    ))
}

async fn installed(instance: &Rooted) -> anyhow::Result<()> {
    let content = instance.run(&format!("cat /usr/share/neutrino-tests/{PACKAGE}")).await?;
    ensure!(content == "1.0\n", "its file holds {content:?}");
    Ok(())
}

async fn order(cloud: &Cloud, scene: &Scene) -> anyhow::Result<String> {
    let words = [PROGRAM, "guest", "run", "--trust-first"];
    let mut command = scene.second.rooted.command(&words);
    let log = std::fs::File::create(scene.folder.path().join("guest.log"))?;
    let _follows = command.stdout(Stdio::null()).stderr(log).spawn()?;
    let begun = Instant::now();
    let order = road::order(&cloud.client, OWNER, &[PACKAGE], &scene.second.guest.name).await?;
    let ended = wait::until(SOON, || async {
        let (state, shown) = road::state_of(&cloud.client, &order).await.ok()?;
        ["installed", "failed", "cancelled"].contains(&state.as_str()).then_some((state, shown))
    });
    let Some((state, shown)) = ended.await else { bail!("the order does not end") };
    ensure!(state == "installed", "the order is {state}: {}", shown["states"]);
    let took = begun.elapsed();
    installed(&scene.second.rooted).await?;
    Ok(format!("POST to 'installed' in the API: {:.1} s; by neutrino-guest, verified", took.as_secs_f64()))
}

async fn unseen(scene: &Scene) -> anyhow::Result<String> {
    let instance = &scene.stranger.rooted;
    let reached = || async { instance.run(&format!("curl -sf {GATEWAY}/setup/user-data | sh")).await.ok() };
    wait::until(SOON, reached).await.context("the gateways are not reached")?;
    let tried = instance.run(&format!("apt-get -q -y install {PACKAGE}")).await;
    let Err(error) = tried else { bail!("{PACKAGE} was installed") };
    ensure!(format!("{error:#}").contains("Unable to locate package"), "{error:#}");
    let url = format!("{GATEWAY}/archive/{PACKAGE}/1.0/{PACKAGE}_1.0_all.deb");
    let code = instance.run(&format!("curl -s -o /dev/null -w %{{http_code}} {url}")).await?;
    ensure!(code == "404", "{url} is answered {code}");
    Ok("apt-get: unable to locate package; by its very path: 404".to_owned())
}
