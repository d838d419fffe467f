//! The road of software on hosts of a cloud: a repository for all of them, and both gateways of each host, all as
//! processes of their own. Instances have no other way to them than by their hosts' DHCP namespaces.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};
use server::SoftwareSettings;

use crate::client::{Client, id_of};
use crate::program::Program;

const SECRET: &str = "the secret of the cloud's servers";
const START: Duration = Duration::from_secs(30);

/// Running; dropping it kills all of it.
pub struct Road {
    pub repository: Program,
    pub gates: Vec<Gates>,
    secret: PathBuf,
    manage: SocketAddr,
    reading: SocketAddr,
}

/// Both gateways of a host.
pub struct Gates {
    pub tenant: Program,
    pub management: Program,
    folder: PathBuf,
}

/// The name of a host, and where its namespaces are kept.
pub type Host = (String, PathBuf);

impl Road {
    /// Starts the repository of an empty folder, and gateways of hosts. Nobody waits for gateways: agents tell
    /// them when they are there.
    pub async fn start(neutrino: &Path, folder: &Path, hosts: &[Host]) -> anyhow::Result<Road> {
        std::fs::create_dir_all(folder)?;
        let secret = folder.join("secret");
        std::fs::write(&secret, SECRET)?;
        let (manage, reading) = (free()?, free()?);
        let set = [
            format!("repod.folder={}", folder.join("repository").display()),
            format!("repod.secret_file={}", secret.display()),
            format!("repod.bind={manage}"),
            format!("repod.read_bind={reading}"),
            "repod.min_free_bytes=0".to_owned(),
        ];
        let repository = program(neutrino, &set, &["repod"], folder.join("repod.log"))?;
        let gates = hosts.iter().map(|host| Gates::start(neutrino, folder, host, reading));
        let gates = gates.collect::<anyhow::Result<Vec<Gates>>>()?;
        let road = Road { repository, gates, secret, manage, reading };
        road.repository.says("the repository is read at ", START).await?;
        Ok(road)
    }

    /// How a server is told of the repository.
    pub fn settings(&self) -> SoftwareSettings {
        SoftwareSettings {
            repository_url: format!("http://{}", self.manage),
            repository_secret_file: self.secret.clone(),
            ..SoftwareSettings::default()
        }
    }

    /// Status and body of what a project reads, as through a gateway.
    pub async fn read(&self, project: &str, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        let headers = [("x-neutrino-project", project)];
        let (status, body) = Client::new(self.reading).raw("GET", path, None, &headers).await?;
        Ok((status, body.to_vec()))
    }
}

impl Gates {
    fn start(neutrino: &Path, folder: &Path, host: &Host, reading: SocketAddr) -> anyhow::Result<Gates> {
        let folder = folder.join(&host.0);
        std::fs::create_dir_all(&folder)?;
        let at = |name: &str| folder.join(name).display().to_string();
        let set = [
            format!("gateway.socket={}", at("between.sock")),
            format!("gateway.tenant.control={}", at("tenant.sock")),
            format!("gateway.tenant.netns_dir={}", host.1.display()),
            format!("gateway.management.control={}", at("management.sock")),
            format!("gateway.management.repository={reading}"),
        ];
        let run =
            |role: &str| program(neutrino, &set, &["gateway", role], folder.join(format!("{role}.log")));
        Ok(Gates { management: run("management")?, tenant: run("tenant")?, folder })
    }

    /// How an agent is told of them.
    pub fn settings(&self) -> agent::GatewaySettings {
        agent::GatewaySettings {
            tenant_control: self.folder.join("tenant.sock"),
            management_control: self.folder.join("management.sock"),
            ..agent::GatewaySettings::default()
        }
    }
}

fn program(neutrino: &Path, set: &[String], role: &[&str], log: PathBuf) -> anyhow::Result<Program> {
    let mut words: Vec<&str> = set.iter().flat_map(|option| ["--set", option.as_str()]).collect();
    words.extend(role);
    Program::start(neutrino, &words, log)
}

/// A port of loopback for a program that has to be there again after a restart.
fn free() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A package of a project, and one version of it with its file; the version, as it is shown.
pub async fn upload(client: &Client, project: &str, name: &str, file: Vec<u8>) -> anyhow::Result<Value> {
    let made = async |singular: &str, path: &str, mut fields: Value| -> anyhow::Result<String> {
        fields["project_id"] = json!(project);
        let body = json!({ singular: fields }).to_string();
        let (status, answer) = client.send("POST", &format!("/v2.0/{path}"), Some(body), &[]).await?;
        anyhow::ensure!(status == 201, "POST {path} answered {status}: {answer}");
        Ok(id_of(&answer[singular]))
    };
    let fields = json!({ "name": name, "format": "deb" });
    let package = made("software_package", "software-packages", fields).await?;
    let version = made("software_version", "software-versions", json!({ "package_id": package })).await?;
    let path = format!("/v2.0/software-versions/{version}/file");
    let answer = client.bytes("PUT", &path, file, &[]).await?;
    let shown: Value = serde_json::from_slice(answer.body()).context("JSON")?;
    let shown = shown["software_version"].clone();
    anyhow::ensure!(shown["status"] == "ACTIVE", "PUT {path} answered {}: {shown}", answer.status());
    Ok(shown)
}

/// Orders packages in an instance; the order's id.
pub async fn order(
    client: &Client,
    project: &str,
    packages: &[&str],
    instance: &str,
) -> anyhow::Result<String> {
    let packages: Vec<Value> = packages.iter().map(|name| json!({ "name": name })).collect();
    let fields = json!({
        "project_id": project, "packages": packages, "targets": [{ "instance": instance }],
    });
    let body = json!({ "software_order": fields }).to_string();
    let (status, answer) = client.send("POST", "/v2.0/software-orders", Some(body), &[]).await?;
    anyhow::ensure!(status == 201, "the order is answered {status}: {answer}");
    Ok(id_of(&answer["software_order"]))
}

/// An order's state behind its first port, and all that is said of it.
pub async fn state_of(client: &Client, order: &str) -> anyhow::Result<(String, Value)> {
    let shown = client.get(&format!("software-orders/{order}")).await?;
    let state = shown["states"][0]["state"].as_str().unwrap_or_default().to_owned();
    Ok((state, shown))
}
