//! The floor: two hops that only splice, a thread each, which know nothing of what they move.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kernel::netns;
use kernel::relay::{self, Pipe, Watched};
use testbed::gateways::{ADDRESS, Gateways, REPOSITORY};
use testbed::process;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

pub const PORT: u16 = 8091;
const NAMES: [&str; 2] = ["relay-tenant", "relay-mgmt"];
const PIPE: usize = 1 << 20;

/// Two threads, which end with the program.
pub struct Relay;

impl Relay {
    pub fn start(bed: &Gateways, port: u16) -> anyhow::Result<Relay> {
        let socket = bed.dir.path().join("relay.sock");
        let inner = std::os::unix::net::UnixListener::bind(&socket)?;
        inner.set_nonblocking(true)?;
        let address = ADDRESS.parse()?;
        let outer = netns::within(&bed.place.namespace("tenant-0"), || relay::listen(address, None, port))??;
        let management = bed.place.namespace("management");
        on_thread(NAMES[1], Some(management), move || inner_hop(inner))?;
        on_thread(NAMES[0], None, move || outer_hop(outer, socket))?;
        Ok(Relay)
    }

    pub fn cpu(&self) -> Duration {
        NAMES.into_iter().map(process::threads_cpu).sum()
    }
}

fn on_thread<F>(
    name: &'static str,
    namespace: Option<PathBuf>,
    serve: impl FnOnce() -> F + Send + 'static,
) -> anyhow::Result<()>
where
    F: Future<Output = io::Result<()>>,
{
    std::thread::Builder::new().name(name.into()).spawn(move || {
        let moved = namespace.map_or(Ok(()), |namespace| netns::enter(&namespace));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let (Ok(()), Ok(runtime)) = (moved, runtime)
            && let Err(error) = runtime.block_on(serve())
        {
            eprintln!("{name}: {error}");
        }
    })?;
    Ok(())
}

async fn outer_hop(listener: OwnedFd, socket: PathBuf) -> io::Result<()> {
    let listener = TcpListener::from_std(listener.into())?;
    loop {
        let (from, _) = listener.accept().await?;
        from.set_nodelay(true)?;
        let to = UnixStream::connect(&socket).await?;
        both(from.into_std()?.into(), to.into_std()?.into())?;
    }
}

async fn inner_hop(listener: std::os::unix::net::UnixListener) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    loop {
        let (from, _) = listener.accept().await?;
        tokio::spawn(async move {
            let to = TcpStream::connect(format!("{REPOSITORY}:80")).await?;
            to.set_nodelay(true)?;
            both(from.into_std()?.into(), to.into_std()?.into())
        });
    }
}

fn both(one: OwnedFd, other: OwnedFd) -> io::Result<()> {
    let (one, other) = (Arc::new(one), Arc::new(other));
    tokio::spawn(way(Arc::clone(&one), Arc::clone(&other)));
    tokio::spawn(way(other, one));
    Ok(())
}

async fn way(from: Arc<OwnedFd>, to: Arc<OwnedFd>) -> io::Result<()> {
    let pipe = Pipe::new(PIPE)?;
    let reading = Watched::for_reading(from.clone())?;
    // Another descriptor: the runtime waits on each once, and the other way reads this stream.
    let writing = Watched::for_writing(Arc::new(to.try_clone()?))?;
    loop {
        let mut left = match pipe.fill(&*from, pipe.bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                reading.when_ready(|fd| pipe.fill(fd, pipe.bytes)).await?
            }
            filled => filled?,
        };
        if left == 0 {
            return relay::end_writing(&*to);
        }
        while left > 0 {
            left -= match pipe.drain(&*to, left) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    writing.when_ready(|fd| pipe.drain(fd, left)).await?
                }
                drained => drained?,
            };
        }
    }
}
