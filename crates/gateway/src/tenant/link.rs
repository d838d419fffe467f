//! The way to the management gateway: made again whenever it ends.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kernel::conversation::is_heard;
use kernel::relay::Packets;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::link::{Ask, Conn, Done, MAX_MESSAGE, read_done, write_left};

const RETRY_LEAST: Duration = Duration::from_millis(20);
const RETRY_MOST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Link {
    path: PathBuf,
    users: Vec<u32>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    packets: Option<Arc<Packets>>,
    /// Tells a management gateway from the one before it.
    generation: u64,
    waiting: HashMap<Conn, oneshot::Sender<Done>>,
}

/// The management gateway as it is at one moment.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    packets: Arc<Packets>,
    pub generation: u64,
}

/// The management gateway ended before it was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Lost;

impl Link {
    pub fn new(path: PathBuf, users: Vec<u32>) -> Link {
        Link { path, users, state: Mutex::default() }
    }

    /// Reaches it, again and again.
    pub async fn run(&self) {
        let mut pause = RETRY_LEAST;
        loop {
            match self.connect() {
                Ok(packets) => {
                    pause = RETRY_LEAST;
                    tracing::info!("the management gateway is reached");
                    let why = self.hear(&packets).await;
                    let mut state = self.state();
                    // Whoever waits hears that it is lost.
                    (state.packets, state.waiting) = (None, HashMap::new());
                    drop(state);
                    tracing::warn!(why, "the management gateway is gone; requests are answered with 503");
                }
                Err(error) => tracing::debug!(%error, "the management gateway is not reached"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY_MOST);
        }
    }

    fn connect(&self) -> std::io::Result<Arc<Packets>> {
        let packets = Arc::new(Packets::connect(&self.path)?);
        if !is_heard(packets.user()?, &self.users) {
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        let mut state = self.state();
        state.generation += 1;
        state.packets = Some(Arc::clone(&packets));
        Ok(packets)
    }

    async fn hear(&self, packets: &Packets) -> String {
        let mut buffer = [0; 64];
        loop {
            let received = match packets.receive(&mut buffer).await {
                Ok(received) if received.bytes == 0 => return "it ended".to_owned(),
                Ok(received) => received,
                Err(error) => return error.to_string(),
            };
            match read_done(&buffer[..received.bytes]) {
                Ok(done) => {
                    // Whoever asked may have left meanwhile.
                    let asker = self.state().waiting.remove(&done.conn);
                    let _ = asker.map(|asker| asker.send(done));
                }
                Err(error) => return error.to_string(),
            }
        }
    }

    pub fn reached(&self) -> Option<Reached> {
        let state = self.state();
        let packets = Arc::clone(state.packets.as_ref()?);
        Some(Reached { packets, generation: state.generation })
    }

    /// Hands a request on. What is waited for hears what became of it, or that nobody will say.
    pub async fn ask(
        &self,
        reached: &Reached,
        ask: &Ask<'_>,
        descriptor: Option<BorrowedFd<'_>>,
    ) -> Result<oneshot::Receiver<Done>, Lost> {
        let (asker, hears) = oneshot::channel();
        {
            let mut state = self.state();
            if state.generation != reached.generation || state.packets.is_none() {
                return Err(Lost);
            }
            state.waiting.insert(ask.conn, asker);
        }
        let mut message = Vec::with_capacity(512);
        ask.write(&mut message);
        debug_assert!(message.len() <= MAX_MESSAGE, "the judge bounds heads and bodies");
        match reached.packets.send(&message, descriptor).await {
            Ok(()) => Ok(hears),
            Err(_) => {
                self.state().waiting.remove(&ask.conn);
                Err(Lost)
            }
        }
    }

    /// Says that nobody is there to be written to any more.
    pub fn left(&self, conn: Conn, generation: u64) {
        let packets = {
            let mut state = self.state();
            state.waiting.remove(&conn);
            if state.generation != generation {
                return;
            }
            state.packets.clone()
        };
        if let Some(packets) = packets {
            tokio::spawn(async move {
                // Whom it cannot be said to has ended, and the connection with it.
                let _ = packets.send(&write_left(conn), None).await;
            });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
