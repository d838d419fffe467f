//! The two gateways as processes, tenants' networks with one instance each, and a repository: Debian's nginx.
//!
//! ```text
//! client-N --eth0 10.1.0.5, same for all-- tenant-N 169.254.169.254     management -- 192.0.2.10 repository
//!                                            `neutrino gateway tenant` == `neutrino gateway management`
//! ```

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use kernel::conversation::Conversation;
use model::gateway::{About, Answer, Door, Limits, Listen, Network, Port, Request, Status, Unserved, Wanted};
use model::software::Orders;
use model::{NetworkId, PortId};
use tempfile::TempDir;
use tokio::process::Child;
use uuid::Uuid;

use crate::place::{Place, command_in, link, run_in};
use crate::program::Program;
use crate::wait;

pub const ADDRESS: &str = "169.254.169.254";
pub const CLIENT: &str = "10.1.0.5";
pub const REPOSITORY: &str = "192.0.2.10";
/// A metadata service beside the repository, which says what it heard.
pub const NOVA: &str = "192.0.2.10:8775";
const LINK_LOCAL: &str = "fe80::a9fe:a9fe";
/// The management port, and its secret.
pub const PLATFORM: &str = "192.0.2.5:8081";
pub const SECRET: &str = "secret-of-the-tests";
const SOON: Duration = Duration::from_secs(30);

pub struct Gateways {
    pub place: Place,
    pub dir: TempDir,
    pub management: Program,
    pub tenant: Program,
    pub networks: Vec<Network>,
    nginx: Option<Child>,
    words: Vec<String>,
    binary: PathBuf,
}

impl Gateways {
    /// All of it, with so many tenants, told and reached. `more`: options below `gateway.`.
    pub async fn start(binary: &Path, name: &str, tenants: usize, more: &[&str]) -> anyhow::Result<Gateways> {
        let place = Place::new(name)?;
        let dir = TempDir::new()?;
        for name in ["management", "repository"] {
            place.add(name).await?;
        }
        let (management, repository) = (place.namespace("management"), place.namespace("repository"));
        link(&management, "m0", &repository, "r0", None).await?;
        run_in(&management, &["ip", "addr", "add", "192.0.2.5/24", "dev", "m0"]).await?;
        run_in(&repository, &["ip", "addr", "add", &format!("{REPOSITORY}/24"), "dev", "r0"]).await?;
        let mut networks = Vec::new();
        for at in 0..tenants {
            networks.push(tenant(&place, at).await?);
        }
        files(dir.path())?;
        let words = words(&place, dir.path(), more);
        let run = |role: &str| {
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            words.extend(["gateway", role]);
            Program::start(binary, &words, dir.path().join(format!("{role}.log")))
        };
        let (management, tenant) = (run("management")?, run("tenant")?);
        let binary = binary.to_owned();
        let mut bed = Gateways { place, dir, management, tenant, networks, nginx: None, words, binary };
        bed.repository().await?;
        bed.up().await?;
        let unserved = bed.tell().await?;
        if !unserved.is_empty() {
            bail!("not served: {unserved:?}");
        }
        Ok(bed)
    }

    /// Waits until both are there and have met.
    pub async fn up(&self) -> anyhow::Result<()> {
        self.management.says("the management gateway is there", SOON).await?;
        self.tenant.says("the tenants' gateway is there", SOON).await?;
        self.tenant.says("the management gateway is reached", SOON).await?;
        Ok(())
    }

    /// Starts the repository, or starts it again.
    pub async fn repository(&mut self) -> anyhow::Result<()> {
        self.stop_repository().await;
        let config = self.dir.path().join("nginx.conf").display().to_string();
        let mut nginx = command_in(&self.place.namespace("repository"), &["nginx", "-c", &config]);
        self.nginx = Some(nginx.spawn().context("cannot run nginx")?);
        let at = self.place.namespace("management");
        let answers = || async { run_in(&at, &["curl", "-sf", "http://192.0.2.10/deb/who"]).await.ok() };
        wait::until(SOON, answers).await.context("nginx did not come up")?;
        Ok(())
    }

    pub async fn stop_repository(&mut self) {
        if let Some(mut nginx) = self.nginx.take() {
            let _ = nginx.kill().await;
        }
    }

    pub fn repository_pid(&self) -> Option<u32> {
        self.nginx.as_ref().and_then(Child::id)
    }

    /// Tells both gateways all networks.
    pub async fn tell(&self) -> anyhow::Result<Vec<Unserved>> {
        let request = Request::Tell { wanted: Wanted { networks: self.networks.clone() } };
        let mut unserved = Vec::new();
        for role in ["management", "tenant"] {
            match self.conversation(role).await?.ask(&request).await? {
                Answer::Told { unserved: told } => unserved.extend(told),
                other => bail!("{other:?}"),
            }
        }
        Ok(unserved)
    }

    pub async fn status(&self, role: &str) -> anyhow::Result<Status> {
        match self.conversation(role).await?.ask(&Request::Status).await? {
            Answer::Status { status } => Ok(*status),
            other => bail!("{other:?}"),
        }
    }

    pub async fn conversation(&self, role: &str) -> anyhow::Result<Conversation<Request>> {
        Ok(Conversation::open(&self.dir.path().join(format!("{role}.sock"))).await?)
    }

    pub fn client(&self, at: usize) -> PathBuf {
        self.place.namespace(&format!("client-{at}"))
    }

    /// What curl says, asked in an instance.
    pub async fn curl(&self, at: usize, words: &[&str]) -> anyhow::Result<String> {
        let words = [&["curl", "-s", "-m", "60"], words].concat();
        run_in(&self.client(at), &words).await
    }

    /// What is behind a path, asked in an instance.
    pub async fn get(&self, at: usize, path: &str) -> anyhow::Result<String> {
        self.curl(at, &[&format!("http://{ADDRESS}:8080{path}")]).await
    }

    /// A bare connection of an instance.
    pub fn connect(&self, at: usize) -> std::io::Result<TcpStream> {
        kernel::netns::within(&self.client(at), || {
            let stream = TcpStream::connect(SocketAddr::new(address(), 8080))?;
            stream.set_read_timeout(Some(SOON))?;
            Ok(stream)
        })?
    }

    /// Many of them.
    pub fn connect_many(&self, at: usize, count: usize) -> std::io::Result<Vec<TcpStream>> {
        kernel::raise_file_limit()?;
        kernel::netns::within(&self.client(at), || {
            (0..count).map(|_| TcpStream::connect(SocketAddr::new(address(), 8080))).collect()
        })?
    }

    /// Takes a tenant's namespaces away.
    pub async fn forget_tenant(&self, at: usize) {
        for name in [format!("tenant-{at}"), format!("client-{at}")] {
            self.place.remove(&name).await;
        }
    }

    /// Makes a tenant's namespaces anew.
    pub async fn make_tenant(&self, at: usize) -> anyhow::Result<()> {
        tenant(&self.place, at).await.map(drop)
    }

    /// What an operator is told.
    pub fn operator(&self, words: &[&str]) -> std::io::Result<std::process::Output> {
        let mut command = std::process::Command::new(&self.binary);
        command.args(&self.words).args(words).env_remove("NEUTRINO_CONFIG").output()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("files/deb").join(name)
    }
}

fn address() -> IpAddr {
    ADDRESS.parse().expect("a constant")
}

/// A network with one instance, whose addresses are those of every other.
async fn tenant(place: &Place, at: usize) -> anyhow::Result<Network> {
    let (inside, client) =
        (place.add(&format!("tenant-{at}")).await?, place.add(&format!("client-{at}")).await?);
    link(&inside, "g0", &client, "eth0", Some("fa:16:3e:00:00:05")).await?;
    for (namespace, words) in [
        (&inside, "ip addr add 10.1.0.1/24 dev g0".to_owned()),
        (&inside, format!("ip addr add {ADDRESS}/32 dev g0")),
        (&inside, format!("ip addr add {LINK_LOCAL}/64 dev g0 nodad")),
        (&client, format!("ip addr add {CLIENT}/24 dev eth0")),
        (&client, "ip addr add fe80::5/64 dev eth0 nodad".to_owned()),
        (&client, format!("ip route add {ADDRESS}/32 dev eth0")),
    ] {
        run_in(namespace, &words.split(' ').collect::<Vec<_>>()).await?;
    }
    let door = |address: &str, port, door| {
        let address: IpAddr = address.parse().expect("a constant");
        let device = address.is_ipv6().then(|| "g0".to_owned());
        Listen { address, device, port, door }
    };
    let about = About { hostname: format!("web-{at}"), ..About::default() };
    Ok(Network {
        id: NetworkId(Uuid::from_u128(0x100 + at as u128)),
        namespace: format!("tenant-{at}"),
        listen: vec![
            door(ADDRESS, 8080, Door::Software),
            door(ADDRESS, 80, Door::Metadata),
            door(LINK_LOCAL, 8080, Door::Software),
            door(LINK_LOCAL, 80, Door::Metadata),
        ],
        ports: vec![Port {
            id: PortId(Uuid::from_u128(0x200 + at as u128)),
            project: format!("project-{at}"),
            instance: format!("instance-{at}"),
            addresses: vec![CLIENT.parse()?, "fe80::5".parse()?],
            about,
            orders: Orders::default(),
        }],
        limits: Limits::default(),
    })
}

/// What the repository has, and how it serves it. It says who it was told asks.
fn files(dir: &Path) -> anyhow::Result<()> {
    let deb = dir.join("files/deb");
    fs::create_dir_all(&deb)?;
    fs::write(deb.join("small"), "small\n")?;
    let bytes: Vec<u8> =
        (0..32u32 << 18).flat_map(|word| word.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    fs::write(deb.join("big"), bytes)?;
    let dir = dir.display();
    let config = format!(
        "master_process off; daemon off; user root; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
events {{ worker_connections 4096; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  server {{ listen {REPOSITORY}:80; root {dir}/files;
    location = /deb/who {{ return 200 \"$http_x_neutrino_project $http_x_neutrino_instance $http_x_neutrino_port \
$http_x_forwarded_for|$http_cookie$http_authorization$http_te$http_upgrade$http_x_evil\\n\"; }}
    location = /deb/where {{ return 200 \"$request_method $request_uri $http_host $http_range\\n\"; }} }}
  server {{ listen {NOVA};
    location /latest/nothing {{ return 404; }}
    location / {{ return 200 \"$request_method $request_uri $http_x_instance_id $http_x_tenant_id \
$http_x_instance_id_signature $http_x_forwarded_for\\n\"; }} }} }}\n"
    );
    Ok(fs::write(dir.to_string() + "/nginx.conf", config)?)
}

fn words(place: &Place, dir: &Path, more: &[&str]) -> Vec<String> {
    fs::write(dir.join("secret"), SECRET).unwrap_or_default();
    let at = |name: &str| dir.join(name).display().to_string();
    let mut set = vec![
        format!("socket={}", at("between.sock")),
        format!("tenant.control={}", at("tenant.sock")),
        format!("tenant.netns_dir={}", place.folder().display()),
        format!("management.control={}", at("management.sock")),
        format!("management.namespace={}", place.namespace("management").display()),
        format!("management.repository={REPOSITORY}:80"),
        format!("management.bind={PLATFORM}"),
        format!("management.secret_file={}", at("secret")),
    ];
    set.extend(more.iter().map(|option| (*option).to_owned()));
    set.iter().flat_map(|option| ["--set".to_owned(), format!("gateway.{option}")]).collect()
}
