//! The thread that moves frames: takes what came, lets the switch decide, sends what is to go; and only when
//! there is nothing to do, waits.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use kernel::packet::Instruction;
use kernel::ports::{Lost, Poller};
use model::vswitch::{Facts, FdbEntry, Shown, Wanted};
use tokio::sync::oneshot;
use vswitch::{Change, Event, Frame, PortNo, Reach, SegmentKind, Segments, Switch, Tick, Wrong};

use crate::device::Opened;
use crate::fast_path::{FastPath, Flows};
use crate::happened::Tell;
use crate::spinning::Spinning;

/// Frames that are taken from one device before the next has its turn.
const BURST: usize = 64;
/// Without a deadline it looks at the clock as often.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Turns between two looks for jobs while frames come.
const TURNS: u32 = 32;
/// Rings of so many devices are looked at without asking the kernel which have something.
const FEW: usize = 8;

/// What the house wants of the worker.
pub(crate) enum Job {
    Configure(Box<Wanted>, SyncSender<Result<(), Wrong>>),
    Underlay(Box<Facts>),
    /// Instead of the one of that name that may be open.
    Open(String, Box<Opened>),
    Close(String),
    Filter(Vec<Instruction>),
    /// What is known of neighbours, and which devices are open.
    Known(SyncSender<(Vec<Event>, Vec<String>)>),
    Show(oneshot::Sender<(Shown, BTreeMap<String, Lost>)>),
    /// The first so many MACs, and how many there are besides.
    Fdb(Option<String>, usize, oneshot::Sender<(Vec<FdbEntry>, usize)>),
    /// `None`: there is no such port.
    Trace(String, Frame, oneshot::Sender<Option<Vec<String>>>),
    Stop,
}

pub(crate) struct Worker {
    switch: Switch,
    poller: Poller,
    jobs: Receiver<Job>,
    devices: BTreeMap<u16, Device>,
    /// Their numbers.
    order: Vec<u16>,
    /// Those of them that have frames to send.
    sending: Vec<u16>,
    tell: Tell,
    spin: Duration,
    start: Instant,
    got: Vec<Frame>,
    /// What stands for several datagrams can be sent as it is.
    cuts: bool,
    flows: Option<Flows>,
}

struct Device {
    name: String,
    opened: Opened,
    /// Frames to be sent by it.
    out: Vec<Frame>,
    /// The kernel says that something is there, which it need not say of a ring.
    ready: bool,
}

impl Worker {
    pub fn new(
        switch: Switch,
        jobs: Receiver<Job>,
        tell: Tell,
        spin: Duration,
        fast_path: Option<Arc<FastPath>>,
    ) -> io::Result<Worker> {
        let (devices, start, cuts) = (BTreeMap::new(), Instant::now(), kernel::ports::cuts_datagrams());
        let poller = Poller::new()?;
        let (order, sending, got) = (Vec::new(), Vec::new(), Vec::new());
        let flows = fast_path.map(Flows::new);
        Ok(Worker { switch, poller, jobs, devices, order, sending, tell, spin, start, got, cuts, flows })
    }

    pub fn waker(&self) -> kernel::ports::Waker {
        self.poller.waker()
    }

    fn now(&self) -> Tick {
        Tick(self.start.elapsed().as_micros() as u64)
    }

    /// Until it is told to stop.
    pub fn run(mut self) {
        let (mut last, mut turns, mut spinning) = (Tick::default(), 0, Spinning::default());
        loop {
            let now = self.now();
            let moved = self.turn(now);
            turns += 1;
            if (!moved || turns >= TURNS) && !self.work_off() {
                return;
            }
            turns %= TURNS;
            if moved {
                last = now;
                spinning.came();
                // Who never runs empty keeps nobody else from being heard.
                self.hear();
                continue;
            }
            if now.since(last) < self.spin && spinning.pays() {
                self.hear();
                std::hint::spin_loop();
                continue;
            }
            spinning.over();
            let due = self.switch.poll_timeout().map(|due| due.since(self.now()));
            self.wait(Some(due.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)));
        }
    }

    /// Asks the kernel who has something, where it is not looked at without asking.
    fn hear(&mut self) {
        if self.devices.values().any(|device| !device.ready && self.is_told_of(device)) {
            self.wait(Some(Duration::ZERO));
        }
    }

    /// It is looked at when the kernel says that it has something.
    fn is_told_of(&self, device: &Device) -> bool {
        self.order.len() > FEW || device.opened.looks_dear()
    }

    /// Frames and timers once; whether there was anything.
    fn turn(&mut self, now: Tick) -> bool {
        let (mut moved, mut gone) = (false, Vec::new());
        let order = std::mem::take(&mut self.order);
        for number in order.iter().copied() {
            let Some(device) = self.devices.get_mut(&number) else { continue };
            if !device.ready && (order.len() > FEW || device.opened.looks_dear()) {
                continue;
            }
            let waits = self.flows.as_mut().and_then(|flows| flows.begin(number, now));
            let mut got = std::mem::take(&mut self.got);
            let count = device.opened.receive(BURST, &mut self.switch.pool, &mut got).unwrap_or_else(|_| {
                gone.push(number);
                0
            });
            if count == 0 && device.ready {
                device.opened.take_error();
            }
            device.ready = count == BURST;
            for frame in got.drain(..) {
                self.switch.handle_frame(PortNo(number), frame, now);
                if self.switch.is_crowded() {
                    self.flush();
                }
            }
            self.got = got;
            if count > 0 {
                moved = true;
                self.flush();
            }
            if let (Some(flows), Some(went), false) = (&mut self.flows, waits, count == BURST) {
                flows.left(number, &went);
            }
        }
        self.order = order;
        if !gone.is_empty() {
            self.drop_gone(&gone);
        }
        if self.switch.poll_timeout().is_some_and(|due| due <= now) {
            self.switch.handle_timeout(now);
            self.flush();
        }
        while let Some(event) = self.switch.poll_event() {
            self.tell.tell(event);
        }
        self.drive_fast_path(now);
        moved
    }

    /// Opens and closes flows, and tells what they carry.
    fn drive_fast_path(&mut self, now: Tick) {
        let Some(flows) = &mut self.flows else { return };
        while let Some(change) = self.switch.poll_fast_path() {
            let number = |port: PortNo| self.devices.get(&port.0).and_then(|device| device.opened.index());
            match change {
                Change::Open(no, flow) => {
                    let opened =
                        number(flow.from).zip(number(flow.to)).map(|(a, b)| flows.open(no, &flow, a, b));
                    if opened != Some(true) {
                        self.switch.refuse(no, now);
                    }
                }
                Change::Close(no) => {
                    let rest = flows.close(no);
                    self.switch.carried(no, rest, now);
                }
                Change::Wait(no) => flows.wait(no),
                Change::Tell(no) => {
                    let device = flows.waits_at(no).and_then(|device| self.devices.get_mut(&device));
                    if let Some(device) = device {
                        flows.still_waits(no, device.opened.lost().received, now);
                    }
                    let carried = flows.carried(no);
                    self.switch.carried(no, carried, now);
                }
            }
        }
    }

    /// Sends all that is to go.
    fn flush(&mut self) {
        while let Some((PortNo(number), frame)) = self.switch.poll_output() {
            let pool = &mut self.switch.pool;
            let is_several = |segments: Segments| segments.kind == SegmentKind::Udp;
            let Some(device) = self.devices.get_mut(&number) else {
                pool.recycle(frame);
                continue;
            };
            if device.out.is_empty() {
                self.sending.push(number);
            }
            if !self.cuts && frame.offload.segments.is_some_and(is_several) {
                let frame = frame.gathered();
                device.out.extend(vswitch::apart(&frame, pool));
                pool.recycle(frame);
            } else {
                device.out.push(frame);
            }
        }
        for number in self.sending.drain(..) {
            let Some(device) = self.devices.get_mut(&number) else { continue };
            device.opened.send(&device.out);
            device.out.drain(..).for_each(|frame| self.switch.pool.recycle(frame));
        }
    }

    fn wait(&mut self, limit: Option<Duration>) {
        let devices = &mut self.devices;
        let waited = self.poller.wait(limit, |number| {
            if let Some(device) = devices.get_mut(&number) {
                device.ready = true;
            }
        });
        if let Err(error) = waited {
            tracing::error!(%error, "the switch cannot wait for frames");
        }
    }

    /// False when it is to stop.
    fn work_off(&mut self) -> bool {
        while let Ok(job) = self.jobs.try_recv() {
            let now = self.now();
            match job {
                Job::Configure(wanted, reply) => {
                    let outcome = self.switch.configure(&wanted, now);
                    self.renumber();
                    let _ = reply.send(outcome);
                }
                Job::Underlay(facts) => self.switch.underlay(&facts, now),
                Job::Open(name, opened) => self.open(name, *opened),
                Job::Close(name) => self.close(&name),
                Job::Filter(filter) => self.filter(&filter),
                Job::Known(reply) => {
                    let open = self.devices.values().map(|device| device.name.clone()).collect();
                    let _ = reply.send((self.switch.resolved(), open));
                }
                Job::Show(reply) => {
                    let lost = self.devices.values_mut().map(|d| (d.name.clone(), d.opened.lost())).collect();
                    let _ = reply.send((self.switch.shown(now), lost));
                }
                Job::Fdb(network, most, reply) => {
                    let _ = reply.send(self.switch.fdb(network.as_deref(), most, now));
                }
                Job::Trace(port, frame, reply) => {
                    let stages = self.switch.port(&port).map(|number| {
                        let trace = self.switch.trace(number, &frame, now);
                        trace.to_string().lines().map(str::to_owned).collect()
                    });
                    let _ = reply.send(stages);
                }
                Job::Stop => return false,
            }
            self.flush();
        }
        true
    }

    /// Devices of ports that are gone, or known by another number, are closed; the house opens them again.
    fn renumber(&mut self) {
        let (switch, poller) = (&self.switch, &self.poller);
        self.devices.retain(|number, device| {
            let stays = switch.port(&device.name) == Some(PortNo(*number));
            if !stays {
                let _ = device.opened.unwatch(poller);
            }
            stays
        });
        self.order = self.devices.keys().copied().collect();
    }

    fn open(&mut self, name: String, opened: Opened) {
        self.close(&name);
        let Some(PortNo(number)) = self.switch.port(&name) else { return };
        if let Err(error) = opened.watch(&self.poller, number) {
            tracing::error!(device = name, %error, "a device cannot be waited for");
            return;
        }
        self.switch.reach(PortNo(number), opened.reach());
        self.devices.insert(number, Device { name, opened, out: Vec::new(), ready: true });
        self.order = self.devices.keys().copied().collect();
    }

    /// Closes devices that do not exist any longer, which the kernel would tell of without end.
    fn drop_gone(&mut self, gone: &[u16]) {
        let names = gone.iter().filter_map(|no| Some(self.devices.get(no)?.name.clone()));
        for name in names.collect::<Vec<_>>() {
            tracing::info!(device = name, "a device is gone");
            self.close(&name);
        }
        self.tell.all();
    }

    fn close(&mut self, name: &str) {
        let poller = &self.poller;
        self.devices.retain(|number, device| {
            let stays = device.name != name;
            if !stays {
                let _ = device.opened.unwatch(poller);
                self.switch.reach(PortNo(*number), Reach::Nothing);
            }
            stays
        });
        self.order = self.devices.keys().copied().collect();
    }

    fn filter(&mut self, filter: &[Instruction]) {
        let fast_path = self.flows.as_ref().map(Flows::fast_path);
        for device in self.devices.values() {
            if let Err(error) = device.opened.set_filter(filter, fast_path) {
                tracing::error!(device = device.name, %error, "a filter was not taken");
            }
        }
    }
}
