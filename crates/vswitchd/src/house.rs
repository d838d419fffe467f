//! What the switch is to be, and what the machine has: the thread that opens devices when they come, closes
//! them when they go, tells the worker of the underlay, and the kernel of neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kernel::conversation::Answers;
use kernel::packet::Instruction;
use kernel::ports::{Silence, Waker};
use kernel::underlay::{Interrupt, Underlay};
use model::conversation::{Refused, Why};
use model::vswitch::{Facts, Kind, Wanted, Way};
use tokio::sync::oneshot;
use vswitch::{Event, Frame, Switch, Wrong};

use crate::device::Opened;
use crate::fast_path::FastPath;
use crate::happened::{self, Happened};
use crate::keep::Keep;
use crate::looks::Looks;
use crate::message::{Answer, Device, Request};
use crate::settings::Settings;
use crate::worker::{Job, Worker};
use crate::written::Written;
use crate::{VswitchdError, filter};

/// A device that could not be opened is tried again as often, and whenever a link changes.
const AGAIN: Duration = Duration::from_secs(1);
const VXLAN_PORT: u16 = 4789;
const GENEVE_PORT: u16 = 6081;

/// Where the socket's conversations ask.
pub(crate) struct House {
    orders: Mutex<Sender<Order>>,
    interrupt: Interrupt,
    worker: Line,
    closed: Closed,
}

/// Why devices are closed, by name.
type Closed = Arc<Mutex<BTreeMap<String, String>>>;

enum Order {
    Apply(Box<Wanted>, oneshot::Sender<Result<(), Declined>>),
    Wanted(oneshot::Sender<Wanted>),
    Stop,
}

enum Declined {
    Wrong(Wrong),
    NotKept(VswitchdError),
}

/// Jobs to the worker, which is woken for them.
#[derive(Clone)]
struct Line {
    jobs: Sender<Job>,
    waker: Waker,
}

impl Line {
    fn send(&self, job: Job) {
        // Who does not answer any more has ended, which the process hears of by itself.
        let _ = self.jobs.send(job);
        self.waker.wake();
    }

    fn configure(&self, wanted: &Wanted) -> Option<Result<(), Wrong>> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.send(Job::Configure(Box::new(wanted.clone()), reply));
        answer.recv().ok()
    }

    fn known(&self) -> Option<(Vec<Event>, Vec<String>)> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.send(Job::Known(reply));
        answer.recv().ok()
    }
}

impl House {
    /// Starts both threads; the second of the pair ends, without a word, with them.
    pub fn start(
        settings: &Settings,
        keep: Keep,
    ) -> Result<(House, tokio::sync::mpsc::Receiver<()>), VswitchdError> {
        let wanted = keep.load()?;
        let namespace = settings.namespace();
        let underlay = Underlay::open(&namespace)?;
        let interrupt = underlay.interrupt();
        let (alive, ended) = tokio::sync::mpsc::channel(1);
        let (orders, inbox) = mpsc::channel();
        let (jobs, todo) = mpsc::channel();
        let wake = interrupt.clone();
        let (tell, happened) = happened::line(Box::new(move || wake.wake()));
        let fast_path = FastPath::wanted(settings.fast_flows);
        let mut switch = Switch::new(seed(), settings.limits());
        switch.offer_flows(fast_path.as_ref().map_or(0, |_| settings.fast_flows as usize));
        let worker = Worker::new(switch, todo, tell, settings.spin(), fast_path.clone())
            .map_err(VswitchdError::io("wait in", &namespace))?;
        let line = Line { jobs, waker: worker.waker() };
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let alive = alive.clone();
            let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
                run();
                drop(alive);
            });
            thread.map(drop).map_err(VswitchdError::io("start a thread for", &settings.state_dir))
        };
        spawn("switch", Box::new(move || worker.run()))?;
        let closed = Closed::default();
        let mut keeper = Keeper {
            underlay,
            line: line.clone(),
            keep,
            namespace,
            slots: (settings.port_slots, settings.underlay_slots),
            wanted: Wanted::default(),
            facts: Facts::default(),
            looks: Looks::new(Instant::now()),
            open: BTreeMap::new(),
            closed: Arc::clone(&closed),
            tunnels: None,
            filter: Vec::new(),
            silence: None,
            fast_path,
            happened,
            written: Written::default(),
        };
        keeper.look();
        if let Some(Err(wrong)) = keeper.line.configure(&wanted) {
            line.send(Job::Stop);
            return Err(VswitchdError::Wrong(wrong));
        }
        keeper.become_(wanted);
        spawn("house", Box::new(move || keeper.run(&inbox)))?;
        let worker = line;
        Ok((House { orders: Mutex::new(orders), interrupt, worker, closed }, ended))
    }

    pub fn stop(&self) {
        self.order(Order::Stop);
    }

    fn order(&self, order: Order) {
        let _ = self.orders.lock().unwrap_or_else(PoisonError::into_inner).send(order);
        self.interrupt.wake();
    }
}

impl Answers for House {
    type Question = Request;

    async fn answer(&self, request: Request) -> Answer {
        let ended = || refuse(Why::Failed, "the switch ended".to_owned());
        match request {
            Request::Apply { wanted } => {
                let (reply, answer) = oneshot::channel();
                self.order(Order::Apply(wanted, reply));
                match answer.await {
                    Ok(Ok(())) => Answer::Applied,
                    Ok(Err(Declined::Wrong(wrong))) => refuse(Why::Wrong, wrong.to_string()),
                    Ok(Err(Declined::NotKept(error))) => refuse(Why::Failed, error.to_string()),
                    Err(_) => ended(),
                }
            }
            Request::Wanted => {
                let (reply, answer) = oneshot::channel();
                self.order(Order::Wanted(reply));
                answer.await.map_or_else(|_| ended(), |wanted| Answer::Wanted { wanted: Box::new(wanted) })
            }
            Request::Show => {
                let (reply, answer) = oneshot::channel();
                self.worker.send(Job::Show(reply));
                let Ok((shown, lost)) = answer.await else { return ended() };
                let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
                let shut = closed.iter().map(|(name, why)| {
                    (name.clone(), Device { closed: Some(why.clone()), ..Device::default() })
                });
                let open = lost.into_iter().map(|(name, lost)| {
                    (name, Device { closed: None, lost_received: lost.received, lost_sent: lost.sent })
                });
                let devices = open.chain(shut).collect();
                Answer::Shown { shown: Box::new(shown), devices }
            }
            Request::Fdb { network, limit } => {
                let (reply, answer) = oneshot::channel();
                self.worker.send(Job::Fdb(network, limit, reply));
                let Ok((entries, more)) = answer.await else { return ended() };
                Answer::Fdb { entries, more: more as u64 }
            }
            Request::Trace { port, frame } => {
                let (reply, answer) = oneshot::channel();
                self.worker.send(Job::Trace(port.clone(), Frame::of(&frame), reply));
                match answer.await {
                    Ok(Some(stages)) => Answer::Trace { stages },
                    Ok(None) => refuse(Why::Wrong, format!("there is no port {port}")),
                    Err(_) => ended(),
                }
            }
        }
    }
}

fn refuse(why: Why, message: String) -> Answer {
    Refused::new(why, message).into()
}

/// Keys of tables, which nobody who sends frames may know.
fn seed() -> [u64; 2] {
    use std::hash::{BuildHasher, RandomState};
    [RandomState::new().hash_one(0u8), RandomState::new().hash_one(1u8)]
}

struct Keeper {
    underlay: Underlay,
    line: Line,
    keep: Keep,
    namespace: PathBuf,
    slots: (usize, usize),
    wanted: Wanted,
    facts: Facts,
    looks: Looks,
    /// Devices that are open, and the number of the link that they were opened on; a tap's is none.
    open: BTreeMap<String, Option<u32>>,
    closed: Closed,
    /// UDP ports of tunnels, and whether any is GRE.
    tunnels: Option<(BTreeSet<u16>, bool)>,
    filter: Vec<Instruction>,
    silence: Option<Silence>,
    fast_path: Option<Arc<FastPath>>,
    happened: Happened,
    written: Written,
}

impl Keeper {
    fn run(mut self, inbox: &Receiver<Order>) {
        let mut limit = AGAIN;
        loop {
            let changed = match self.underlay.wait(limit) {
                Ok(changed) => changed,
                Err(error) => {
                    tracing::error!(%error, "the kernel's events cannot be heard");
                    return self.line.send(Job::Stop);
                }
            };
            while let Ok(order) = inbox.try_recv() {
                match order {
                    Order::Apply(wanted, reply) => {
                        let _ = reply.send(self.apply(*wanted));
                    }
                    Order::Wanted(reply) => drop(reply.send(self.wanted.clone())),
                    Order::Stop => return self.line.send(Job::Stop),
                }
            }
            self.tell_kernel();
            if self.looks.is_due(changed, Instant::now()) {
                self.look();
            }
            self.open_and_close();
            let all = self.closed.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
            limit = if all { self.looks.pause(Instant::now()) } else { AGAIN };
        }
    }

    /// Writes into the kernel's table what happened to neighbours.
    fn tell_kernel(&mut self) {
        let (events, overrun) = self.happened.take();
        let mut neighbours: Vec<_> =
            events.into_iter().filter_map(|event| self.written.after(event)).collect();
        if overrun && let Some((known, open)) = self.line.known() {
            neighbours.extend(self.written.become_(known));
            self.open.retain(|name, _| open.contains(name));
        }
        for error in self.underlay.write(&neighbours) {
            tracing::warn!(%error, "the kernel does not learn of a neighbour");
        }
    }

    fn look(&mut self) {
        let looked = self.underlay.look();
        self.looks.looked(looked.is_ok(), Instant::now());
        match looked {
            Ok(facts) => {
                if facts != self.facts {
                    self.facts = facts;
                    self.line.send(Job::Underlay(Box::new(self.facts.clone())));
                }
            }
            Err(error) => tracing::error!(%error, "the underlay cannot be looked at"),
        }
    }

    fn apply(&mut self, wanted: Wanted) -> Result<(), Declined> {
        if wanted == self.wanted {
            return Ok(());
        }
        match self.line.configure(&wanted) {
            Some(Ok(())) => {}
            Some(Err(wrong)) => return Err(Declined::Wrong(wrong)),
            None => return Err(Declined::NotKept(VswitchdError::Ended)),
        }
        if let Err(error) = self.keep.save(&wanted) {
            // What is not on disk is not acknowledged, and so is not to be in force.
            self.line.configure(&self.wanted);
            self.open.clear();
            self.open_and_close();
            return Err(Declined::NotKept(error));
        }
        self.become_(wanted);
        Ok(())
    }

    /// The worker has it already.
    fn become_(&mut self, wanted: Wanted) {
        let of = |name: &String| {
            (wanted.ports.get(name).map(|port| port.way), wanted.underlays.contains_key(name))
        };
        let was = |name: &String| {
            (self.wanted.ports.get(name).map(|port| port.way), self.wanted.underlays.contains_key(name))
        };
        let gone: Vec<String> = self.open.keys().filter(|name| of(name) != was(name)).cloned().collect();
        for name in gone {
            self.close(&name);
        }
        self.wanted = wanted;
        self.tunnels_changed();
        self.open_and_close();
    }

    fn tunnels_changed(&mut self) {
        let mut ports = BTreeSet::new();
        let mut gre = false;
        for tunnel in self.wanted.tunnels.values() {
            match tunnel.kind {
                Kind::Vxlan => drop(ports.insert(tunnel.port.unwrap_or(VXLAN_PORT))),
                Kind::Geneve => drop(ports.insert(tunnel.port.unwrap_or(GENEVE_PORT))),
                Kind::Nvgre => gre = true,
            }
        }
        let tunnels = Some((ports, gre));
        if tunnels == self.tunnels {
            return;
        }
        self.tunnels = tunnels;
        let Some((ports, gre)) = &self.tunnels else { return };
        let ports: Vec<u16> = ports.iter().copied().collect();
        self.filter = filter::underlay(&ports, *gre);
        if let Some(Err(error)) = self.fast_path.as_ref().map(|fast_path| fast_path.refilter(&self.filter)) {
            tracing::error!(%error, "a filter was not taken");
        }
        self.line.send(Job::Filter(self.filter.clone()));
        // What is held is let go of first, or it would be in the way.
        self.silence = None;
        match Silence::open(&self.namespace, &ports, *gre) {
            Ok(silence) => {
                for port in silence.taken() {
                    tracing::warn!(port, "somebody else listens for tunnels here and takes them too");
                }
                self.silence = Some(silence);
            }
            Err(error) => tracing::error!(%error, "the kernel will refuse tunnels that the switch takes"),
        }
    }

    fn open_and_close(&mut self) {
        let links: BTreeMap<&str, u32> =
            self.facts.links.iter().map(|link| (link.name.as_str(), link.index)).collect();
        let stale = |(name, on): (&String, &Option<u32>)| {
            let moved = on.is_some_and(|on| links.get(name.as_str()) != Some(&on));
            moved.then(|| name.clone())
        };
        for name in self.open.iter().filter_map(stale).collect::<Vec<_>>() {
            tracing::info!(device = name, "a device is gone");
            self.close(&name);
        }
        let mut closed = BTreeMap::new();
        let wanted: Vec<(String, Option<Way>)> = {
            let ports = self.wanted.ports.iter().map(|(name, port)| (name.clone(), Some(port.way)));
            let underlays = self.wanted.underlays.keys().map(|name| (name.clone(), None));
            ports.chain(underlays).filter(|(name, _)| !self.open.contains_key(name)).collect()
        };
        for (name, way) in wanted {
            if let Err(why) = self.open(&name, way) {
                closed.insert(name, why);
            }
        }
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = closed;
    }

    fn open(&mut self, name: &str, way: Option<Way>) -> Result<(), String> {
        let link = self.facts.links.iter().find(|link| link.name == name).map(|link| link.index);
        let (port_slots, underlay_slots) = self.slots;
        let fast_path = self.fast_path.as_deref();
        let opened = match (way, link) {
            (Some(Way::Tap), _) => Opened::tap(&self.namespace, name),
            (_, None) => return Err("there is no such device".to_owned()),
            (Some(Way::Packet), Some(_)) => Opened::port(&self.namespace, name, port_slots, fast_path),
            (None, Some(_)) => {
                Opened::underlay(&self.namespace, name, &self.filter, underlay_slots, fast_path)
            }
        };
        let opened = opened.map_err(|error| error.to_string())?;
        tracing::info!(device = name, "a device is open");
        self.line.send(Job::Open(name.to_owned(), Box::new(opened)));
        self.open.insert(name.to_owned(), link.filter(|_| way != Some(Way::Tap)));
        Ok(())
    }

    fn close(&mut self, name: &str) {
        self.open.remove(name);
        self.line.send(Job::Close(name.to_owned()));
    }
}
