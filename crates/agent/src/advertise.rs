//! Router advertisements of all routers of the host, sent and answered by one task.
//!
//! ```text
//! run loop --Command--> task: a Leg per advertising device      leg   socket, pace, what is told
//! ```
//! What a leg tells is decided in `host::dhcp`; here are sockets, timers and the bound on what a
//! tenant may cost. A leg is told of whole: what a router does not name any more ceases.

mod leg;
mod told;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use host::dhcp::RouterLeg;
use model::{PortId, RouterId};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::backoff::chance;
use crate::dhcp::Place;
use leg::Leg;
pub(crate) use told::{Devices, told};

/// As far apart as those of DHCP's; a router is believed in for three times the longest.
const AT_LEAST: Duration = Duration::from_secs(30);
const SPREAD: Duration = Duration::from_secs(170);
/// The first few come sooner, for those who missed one (RFC 4861: up to three, 16 s apart).
const SOON: Duration = Duration::from_secs(16);
const FIRST: u32 = 3;

/// What a router advertises, by the port of the interface.
pub(crate) type Told = BTreeMap<PortId, (RouterLeg, Place)>;

struct Command {
    router: RouterId,
    legs: Told,
    /// Legs that cease say so.
    farewell: bool,
    done: oneshot::Sender<io::Result<()>>,
}

/// The run loop's end of the task.
#[derive(Clone)]
pub(crate) struct Handle {
    commands: mpsc::UnboundedSender<Command>,
}

impl Handle {
    /// Advertises these legs of a router from here on, and no others; says when their sockets are
    /// open, or the first reason why one is not.
    pub async fn set(&self, router: RouterId, legs: Told) -> io::Result<()> {
        self.tell(router, legs, true).await
    }

    /// Advertises nothing of a router, without a word: another host speaks for it.
    pub async fn hush(&self, router: RouterId) -> io::Result<()> {
        self.tell(router, Told::new(), false).await
    }

    async fn tell(&self, router: RouterId, legs: Told, farewell: bool) -> io::Result<()> {
        let (done, outcome) = oneshot::channel();
        // The task ends only together with the run loop.
        let _ = self.commands.send(Command { router, legs, farewell, done });
        outcome.await.unwrap_or_else(|_| Err(io::Error::other("the task of advertisements ended")))
    }
}

/// A handle, and the task to run beside the run loop.
pub(crate) fn task() -> (Handle, impl Future<Output = ()> + Send) {
    let (commands, inbox) = mpsc::unbounded_channel();
    (Handle { commands }, Task::default().run(inbox))
}

/// A router's port: one port may be told of by two routers while it moves from one to the other.
type Key = (RouterId, PortId);

/// A leg whose socket may have frames; the number tells its socket from earlier ones.
type Ready = (Key, u64);

#[derive(Default)]
struct Task {
    legs: BTreeMap<Key, Leg>,
    waits: FuturesUnordered<BoxFuture<'static, Ready>>,
    due: BTreeSet<(Instant, Key)>,
    generation: u64,
}

impl Task {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        loop {
            let next = self.due.first().map(|(at, _)| *at);
            let timer = sleep_until(next.unwrap_or_else(Instant::now));
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(Command { router, legs, farewell, done }) => {
                        drop(done.send(self.set(router, legs, farewell)));
                    }
                    None => return,
                },
                Some((key, generation)) = self.waits.next() => self.answer(key, generation),
                () = timer, if next.is_some() => self.advertise(),
            }
        }
    }

    fn set(&mut self, router: RouterId, legs: Told, farewell: bool) -> io::Result<()> {
        let known = self.legs.keys().copied();
        let gone: Vec<Key> = known.filter(|key| key.0 == router && !legs.contains_key(&key.1)).collect();
        for key in gone {
            if let Some(leg) = self.legs.remove(&key).filter(|_| farewell) {
                leg.farewell();
            }
            self.due.retain(|(_, due)| *due != key);
        }
        let mut outcome = Ok(());
        for (port, (told, place)) in legs {
            let set = self.set_leg((router, port), told, place);
            outcome = outcome.and(set);
        }
        outcome
    }

    fn set_leg(&mut self, key: Key, told: RouterLeg, place: Place) -> io::Result<()> {
        if let Some(leg) = self.legs.get_mut(&key)
            && leg.place == place
        {
            if leg.told != told {
                leg.told = told;
                leg.sent = 0;
                self.plan(key, Instant::now());
            }
            return Ok(());
        }
        self.legs.remove(&key);
        self.due.retain(|(_, due)| *due != key);
        self.generation += 1;
        let leg = Leg::open(told, place, self.generation)?;
        self.waits.push(leg.wait(key));
        self.legs.insert(key, leg);
        self.plan(key, Instant::now());
        Ok(())
    }

    fn answer(&mut self, key: Key, generation: u64) {
        let Some(leg) = self.legs.get_mut(&key).filter(|leg| leg.generation == generation) else { return };
        leg.answer();
        self.waits.push(leg.wait(key));
    }

    fn advertise(&mut self) {
        let now = Instant::now();
        while let Some((at, key)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, key));
            let Some(leg) = self.legs.get_mut(&key) else { continue };
            leg.advertise();
            let wait = if leg.sent < FIRST { SOON } else { AT_LEAST + SPREAD.mul_f64(chance()) };
            self.plan(key, now + wait);
        }
    }

    fn plan(&mut self, key: Key, at: Instant) {
        self.due.retain(|(_, due)| *due != key);
        self.due.insert((at, key));
    }
}
