//! PostgreSQL for tests: a server of the test's own in a temporary folder, on a socket there.
//!
//! A small shell script looks after it. It is told what to do through a pipe, and when the pipe closes,
//! because the test ended or was killed, it ends PostgreSQL and removes the folder. As PostgreSQL does
//! not run as root, root's tests run it as the user that its Debian package makes.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use db::{Db, PostgresOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command as AsyncCommand};
use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::{Client, NoTls};

use crate::wait;

const PROGRAMS: &str = "/usr/lib/postgresql";
/// Of the packages; root's tests lend it the folder.
const USER: &str = "postgres";
/// Who owns the databases.
const OWNER: &str = "neutrino";
const START: Duration = Duration::from_secs(60);
/// What an open transaction of a killed test server may keep a statement waiting.
const LOCKS: Duration = Duration::from_secs(5);

/// Reads what to do, says when it is done; at the end of its input it cleans up.
const GUARDIAN: &str = r#"
folder=$1 programs=$2 as=$3 pg=
shift 3
# Nobody may be left to read that something is done.
trap '' PIPE
runs() { [ -d "/proc/$pg" ] && ! grep -q '^State:.Z' "/proc/$pg/status"; }
# A signal is lost on a program that has just begun: it is sent until it is heeded.
end() {
    [ -n "$pg" ] || return 0
    while runs; do kill -"$1" "$pg"; sleep 0.05; done
    wait "$pg"
    pg=
}
init() {
    $as "$programs/initdb" --no-sync --wal-segsize=1 --locale=C -E UTF8 -A trust -U "$1" -D "$folder/data"
}
while read -r word owner; do
    case $word in
        init) init "$owner" </dev/null >"$folder/log" 2>&1 || break ;;
        start) $as "$programs/postgres" -D "$folder/data" "$@" </dev/null >>"$folder/log" 2>&1 & pg=$! ;;
        kill) end KILL ;;
        stop) end INT ;;
    esac
    echo "$word"
done
end QUIT
until rm -rf "$folder"; do sleep 0.1; done
"#;

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Commits reach the disk: what was acknowledged survives `kill -9`.
    pub durable: bool,
    /// More of its options: `name=value`.
    pub options: Vec<String>,
    /// Who may connect how (`pg_hba.conf`); everyone through the socket without it.
    pub hba: Option<String>,
    /// Files beside the data, by name.
    pub files: Vec<(String, String)>,
}

/// A running server. It ends with this value, or with the process.
pub struct Postgres {
    folder: PathBuf,
    port: u16,
    databases: AtomicUsize,
    guardian: Mutex<Guardian>,
}

struct Guardian {
    orders: ChildStdin,
    done: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

/// An empty database of a server.
#[derive(Debug, Clone)]
pub struct Database {
    pub url: String,
}

impl Database {
    pub fn options(&self) -> PostgresOptions {
        PostgresOptions { lock_timeout: LOCKS, ..PostgresOptions::new(&self.url) }
    }

    pub async fn open(&self) -> anyhow::Result<Db> {
        Ok(Db::open(self.options()).await?)
    }

    /// A connection beside the door, for tests that look behind it.
    pub async fn client(&self) -> anyhow::Result<Client> {
        connect(&self.url).await
    }
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

impl Postgres {
    /// An empty database on the server that all tests of this process share.
    pub async fn database() -> anyhow::Result<Database> {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Postgres::start(Setup::default())).await?.make().await
    }

    /// Starts a server on a socket only.
    pub async fn start(setup: Setup) -> anyhow::Result<Postgres> {
        Postgres::start_at(setup, 5432).await
    }

    /// Starts a server whose socket, and address if `setup` says so, has a port of that number.
    pub async fn start_at(setup: Setup, port: u16) -> anyhow::Result<Postgres> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("neutrino-pg-").tempdir()?.keep();
        let postgres = Postgres {
            guardian: Mutex::new(guardian(&folder, &programs, &setup)?),
            databases: AtomicUsize::new(0),
            port,
            folder,
        };
        postgres.prepare(&setup).await?;
        postgres.begin().await?;
        Ok(postgres)
    }

    /// Makes the data folder.
    async fn prepare(&self, setup: &Setup) -> anyhow::Result<()> {
        let data = self.folder.join("data");
        let owner = if is_root()? { Some(ids()?) } else { None };
        let own = |path: &Path, mode: u32| {
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode))?;
            owner.map_or(Ok(()), |(user, group)| chown(path, Some(user), Some(group)))
        };
        std::fs::create_dir(&data)?;
        own(&self.folder, 0o700)?;
        own(&data, 0o700)?;
        self.order("init").await?;
        let hba = setup.hba.iter().map(|text| ("pg_hba.conf".to_owned(), text.clone()));
        for (name, text) in setup.files.iter().cloned().chain(hba) {
            std::fs::write(data.join(&name), text)?;
            own(&data.join(&name), 0o600)?;
        }
        Ok(())
    }

    /// Starts it again after [`Postgres::kill`] or [`Postgres::stop`].
    pub async fn begin(&self) -> anyhow::Result<()> {
        // Processes of a killed one may keep its memory for a moment; the next one refuses to start then.
        // It may also just be slow: each start is given twice the time of the one before.
        let patience = AtomicU64::new(1);
        let up = wait::until_every(Duration::from_millis(200), START, || async {
            if let Ok(client) = connect(&self.url("postgres")).await {
                return Some(client);
            }
            self.order("stop").await.ok()?;
            self.order("start").await.ok()?;
            let seconds = patience.fetch_add(patience.load(Ordering::Relaxed), Ordering::Relaxed);
            let limit = Duration::from_secs(seconds);
            wait::until(limit, || async { connect(&self.url("postgres")).await.ok() }).await
        });
        match up.await {
            Some(_) => Ok(()),
            None => {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("PostgreSQL does not start:\n{log}")
            }
        }
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.order("kill").await
    }

    /// Ends it in order, its clients' sessions with it.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.order("stop").await
    }

    /// Its first process; the others are its children.
    pub fn pid(&self) -> anyhow::Result<u32> {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        Ok(file.lines().next().context("the file has a line")?.trim().parse()?)
    }

    async fn order(&self, word: &str) -> anyhow::Result<()> {
        let mut guardian = self.guardian.lock().await;
        guardian.orders.write_all(format!("{word} {OWNER}\n").as_bytes()).await?;
        let done = guardian.done.next_line().await?;
        if done.as_deref() == Some(word) { Ok(()) } else { bail!("the guardian of PostgreSQL is gone") }
    }

    /// An empty database. Its language is one that sorts "b" before "C", which the door must not mind.
    pub async fn make(&self) -> anyhow::Result<Database> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let client = connect(&self.url("postgres")).await?;
        let sql = format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en'"
        );
        client.batch_execute(&sql).await?;
        Ok(Database { url: self.url(&name) })
    }

    fn url(&self, database: &str) -> String {
        format!("host={} port={} user={OWNER} dbname={database}", self.folder.display(), self.port)
    }
}

/// The newest version that is installed.
fn programs() -> anyhow::Result<PathBuf> {
    let versions = std::fs::read_dir(PROGRAMS).into_iter().flatten().filter_map(Result::ok);
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .with_context(|| format!("no PostgreSQL in {PROGRAMS}: run `scripts/install-packages test`"))?;
    Ok(Path::new(PROGRAMS).join(newest.to_string()).join("bin"))
}

fn is_root() -> anyhow::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata("/proc/self")?.uid() == 0)
}

/// What comes before a program's name so that it runs as another user, if need be.
fn lent() -> anyhow::Result<String> {
    let words = format!("setpriv --reuid {USER} --regid {USER} --clear-groups --");
    Ok(if is_root()? { words } else { String::new() })
}

fn guardian(folder: &Path, programs: &Path, setup: &Setup) -> anyhow::Result<Guardian> {
    let mut command = AsyncCommand::new("sh");
    command.args(["-c", GUARDIAN, "guardian"]).arg(folder).arg(programs).arg(lent()?);
    let mut options = vec![
        format!("unix_socket_directories={}", folder.display()),
        "listen_addresses=".into(),
        "max_connections=60".into(),
        "shared_buffers=32MB".into(),
        "autovacuum=off".into(),
        "log_min_messages=fatal".into(),
    ];
    if !setup.durable {
        options.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
    }
    options.extend(setup.options.iter().cloned());
    for option in options {
        command.args(["-c", &option]);
    }
    // Signals to the test's own group do not reach it: it has to clean up after them.
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().context("cannot run sh")?;
    let orders = process.stdin.take().context("the guardian reads")?;
    let done = BufReader::new(process.stdout.take().context("the guardian writes")?).lines();
    Ok(Guardian { orders, done, _process: process })
}

/// User and group of the packages' user.
fn ids() -> anyhow::Result<(u32, u32)> {
    let id = |flag| -> anyhow::Result<u32> {
        let answer = Command::new("id").args([flag, USER]).output()?;
        let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        text.parse().with_context(|| format!("no user {USER}: run `scripts/install-packages test`"))
    };
    Ok((id("-u")?, id("-g")?))
}
