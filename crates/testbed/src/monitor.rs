//! A virtual machine monitor whose machine is a namespace: what its device sends and receives goes through a network
//! card whose memory is shared with the host.

use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use anyhow::Context;
use kernel::ports::{LONGEST_FRAME, Room, Tap, VnetHeader};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use crate::card::Card;

/// It waits at its socket, and lets itself be joined again, until it is dropped.
#[derive(Debug)]
pub struct Monitor {
    stop: EventFd,
    thread: Option<JoinHandle<()>>,
    socket: PathBuf,
}

impl Monitor {
    /// Makes a device in a namespace, and a socket.
    pub fn start(socket: &Path, namespace: &Path, device: &str) -> anyhow::Result<Monitor> {
        let tap = Tap::while_open(namespace, device)?;
        let listener = UnixListener::bind(socket).with_context(|| format!("{}", socket.display()))?;
        let stop = EventFd::new(EFD_NONBLOCK)?;
        let mut machine = Machine {
            card: Card::new()?,
            tap,
            held: Held { frame: vec![0; LONGEST_FRAME].into(), filled: None },
            listener,
            stop: stop.try_clone()?,
        };
        let run = move || {
            // Whoever waits for its frames sees that it ended.
            if let Err(error) = machine.run() {
                eprintln!("a monitor ended: {error:#}");
            }
        };
        let thread = std::thread::Builder::new().name("monitor".to_owned()).spawn(run)?;
        Ok(Monitor { stop, thread: Some(thread), socket: socket.to_owned() })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.stop.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

struct Machine {
    card: Card,
    tap: Tap,
    held: Held,
    listener: UnixListener,
    stop: EventFd,
}

/// What there is to wait for.
const STOP: u64 = 0;
const JOINED: u64 = 1;
const LEFT: u64 = 2;

impl Machine {
    fn run(&mut self) -> anyhow::Result<()> {
        let waits = waiting(&[(&self.stop, EventSet::IN, STOP), (&self.listener, EventSet::IN, JOINED)])?;
        loop {
            if happened(&waits)?.contains(&STOP) {
                return Ok(());
            }
            let (stream, _) = self.listener.accept()?;
            let connection = stream.try_clone()?;
            // Whoever comes may go at once.
            if self.card.connect(stream).is_ok() && self.carry(&connection)? == STOP {
                return Ok(());
            }
        }
    }

    /// Carries frames until it is to stop, or whoever joined has left.
    fn carry(&mut self, connection: &UnixStream) -> anyhow::Result<u64> {
        const FRAMES: u64 = 3;
        let told = self.card.told().context("nobody is connected")?;
        let waits = waiting(&[
            (&self.stop, EventSet::IN, STOP),
            (connection, EventSet::READ_HANG_UP, LEFT),
            (told, EventSet::IN, FRAMES),
            // Not told again of what there is no room for.
            (&self.tap.as_fd(), EventSet::IN | EventSet::EDGE_TRIGGERED, FRAMES),
        ])?;
        loop {
            self.exchange()?;
            let happened = happened(&waits)?;
            if let Some(end) = happened.into_iter().find(|what| *what != FRAMES) {
                return Ok(end);
            }
        }
    }

    fn exchange(&mut self) -> anyhow::Result<()> {
        let tap = &mut self.tap;
        self.card.receive(|head, frame| tap.send(head, frame))?;
        while self.card.has_room() && self.tap.receive(1, &mut self.held)? > 0 {
            if let Some((head, length)) = self.held.filled.take() {
                self.card.send(&head, &self.held.frame[..length])?;
            }
        }
        Ok(())
    }
}

fn waiting(rows: &[(&dyn AsRawFd, EventSet, u64)]) -> anyhow::Result<Epoll> {
    let waits = Epoll::new()?;
    for (fd, how, what) in rows {
        waits.ctl(ControlOperation::Add, fd.as_raw_fd(), EpollEvent::new(*how, *what))?;
    }
    Ok(waits)
}

fn happened(waits: &Epoll) -> anyhow::Result<Vec<u64>> {
    let mut events = [EpollEvent::default(); 8];
    let count = match waits.wait(-1, &mut events) {
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => 0,
        outcome => outcome?,
    };
    Ok(events[..count].iter().map(EpollEvent::data).collect())
}

/// A frame of the machine's.
struct Held {
    frame: Box<[u8]>,
    filled: Option<(VnetHeader, usize)>,
}

impl Room for Held {
    fn room(&mut self, _bytes: usize) -> &mut [u8] {
        &mut self.frame
    }

    fn filled(&mut self, head: VnetHeader, bytes: usize) {
        self.filled = Some((head, bytes));
    }
}
