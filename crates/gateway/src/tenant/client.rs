//! One connection of an instance: its requests, one after another.

use std::fmt::Write;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kernel::relay::{self, Watched};
use model::gateway::Door;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::door::farewell;
use super::network::{Caller, Place, count};
use crate::head::{Judged, MAX_HEAD, Method, Refusal, Way, end_of_head, judge};
use crate::link::{Ask, Done, Who};

/// What is read at a time.
const READ: usize = 4096;

pub(super) struct Client {
    stream: Watched,
    from: IpAddr,
    door: Door,
    /// Read, and not used yet: a request that is not whole, and those after it.
    buffer: Vec<u8>,
    /// All that was ever written to the stream, as far as is known.
    written: u64,
    handed: Handed,
}

/// To which management gateway the connection was handed; it hears when the connection ends.
struct Handed {
    place: Place,
    to: Option<u64>,
}

impl Drop for Handed {
    fn drop(&mut self) {
        if let Some(generation) = self.to {
            self.place.shared.link.left(self.place.number, generation);
        }
    }
}

/// Whether the connection goes on.
enum Next {
    Stays,
    Ends,
}

impl Client {
    pub fn new(stream: OwnedFd, from: IpAddr, door: Door, place: Place) -> io::Result<Client> {
        relay::set_no_delay(&stream)?;
        let stream = Watched::for_reading(Arc::new(stream))?;
        let handed = Handed { place, to: None };
        Ok(Client { stream, from, door, buffer: Vec::new(), written: 0, handed })
    }

    pub async fn serve(mut self) {
        loop {
            let next = match self.head().await {
                Ok(Some(end)) => self.request(end).await,
                Ok(None) => return,
                Err(refusal) => self.refuse(refusal, true, true),
            };
            match next {
                Next::Stays => {}
                Next::Ends => return farewell_of(self),
            }
        }
    }

    /// Where the next head ends, once it is there; `None` when there is no next.
    async fn head(&mut self) -> Result<Option<usize>, Refusal> {
        let (head_s, idle_s) = {
            let settings = &self.handed.place.shared.settings;
            (Duration::from_secs(settings.head_s), Duration::from_secs(settings.idle_s))
        };
        let mut looked = 0;
        let mut began = None;
        loop {
            if let Some(end) = end_of_head(&self.buffer, looked)? {
                return Ok(Some(end));
            }
            looked = self.buffer.len();
            if looked >= MAX_HEAD {
                return Err(Refusal::TooLarge);
            }
            let patience = if self.buffer.is_empty() {
                // It may be long until the next.
                self.buffer = Vec::new();
                idle_s
            } else {
                head_s.saturating_sub(began.get_or_insert_with(Instant::now).elapsed())
            };
            match timeout(patience, self.read()).await {
                Ok(Ok(0) | Err(_)) => return Ok(None),
                Ok(Ok(_)) => {}
                Err(_) if self.buffer.is_empty() => return Ok(None),
                Err(_) => return Err(Refusal::Slow),
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        let buffer = &mut self.buffer;
        let receive = |fd: std::os::fd::BorrowedFd<'_>| {
            let mut bytes = [0; READ];
            let got = relay::receive(fd, &mut bytes)?;
            buffer.extend_from_slice(&bytes[..got]);
            Ok(got)
        };
        self.stream.when_ready(receive).await
    }

    async fn request(&mut self, end: usize) -> Next {
        let judged = match judge(&self.buffer[..end], self.door) {
            Ok(judged) => judged,
            Err(refusal) => {
                let text = !self.buffer.starts_with(b"HEAD ");
                return self.refuse(refusal, true, text);
            }
        };
        let whole = end + judged.body;
        let patience = Duration::from_secs(self.handed.place.shared.settings.head_s);
        let arrives = async {
            while self.buffer.len() < whole {
                if self.read().await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Ok::<(), io::Error>(())
        };
        match timeout(patience, arrives).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Next::Ends,
            Err(_) => return self.refuse(Refusal::Slow, true, true),
        }
        let body: Vec<u8> = self.buffer[end..whole].to_vec();
        self.buffer.drain(..whole);
        // Who it is may have changed since the connection came.
        match self.handed.place.state.caller(self.from) {
            Some(caller) if *caller == *self.handed.place.caller => {}
            _ => return self.refuse(Refusal::Unknown, true, true),
        }
        self.hand_on(&judged, &body).await
    }

    async fn hand_on(&mut self, judged: &Judged, body: &[u8]) -> Next {
        let began = Instant::now();
        count(&self.handed.place.state.counts.asked, 1);
        let Some(reached) = self.handed.place.shared.link.reached() else {
            return self.away(judged, began);
        };
        let lines = self.lines(judged);
        let (place, known) = (&self.handed.place, self.handed.to == Some(reached.generation));
        let ask = Ask {
            conn: place.number,
            who: Who { network: place.state.id, port: place.caller.port },
            way: judged.way,
            method: judged.method,
            old: judged.old,
            stays: judged.stays,
            path: &judged.path,
            query: &judged.query,
            lines: &lines,
            body,
        };
        let descriptor = self.stream.descriptor().as_fd();
        let sent = place.shared.link.ask(&reached, &ask, (!known).then_some(descriptor)).await;
        let Ok(mut hears) = sent else { return self.away(judged, began) };
        self.handed.to = Some(reached.generation);
        match self.until_done(&mut hears, judged.way).await {
            Heard::Done(done) => {
                self.written += done.written;
                self.note(judged, done, began);
                if done.whole && done.stays && judged.stays { Next::Stays } else { Next::Ends }
            }
            Heard::Lost => {
                self.handed.to = None;
                self.away(judged, began)
            }
            Heard::Left => {
                self.note(judged, Done::default(), began);
                Next::Ends
            }
        }
    }

    /// What was kept of the head, and who asks.
    fn lines(&self, judged: &Judged) -> String {
        let place = &self.handed.place;
        let mut lines = String::with_capacity(judged.kept.len() + 320);
        lines.push_str(&judged.kept);
        let Caller { port, project, instance } = &*place.caller;
        let _ = write!(
            lines,
            "X-Neutrino-Project: {project}\r\nX-Neutrino-Network: {}\r\nX-Neutrino-Port: {port}\r\n\
             X-Neutrino-Instance: {instance}\r\nX-Forwarded-For: {}\r\n",
            place.state.id, self.from
        );
        lines
    }

    /// Waits for the answer's end. Who waits for orders, and goes, is not waited with.
    async fn until_done(&self, hears: &mut oneshot::Receiver<Done>, way: Way) -> Heard {
        tokio::select! {
            biased;
            done = &mut *hears => done.map_or(Heard::Lost, Heard::Done),
            ended = self.stream.when_ready(|fd| relay::peek(fd)) => match ended {
                Err(_) => Heard::Left,
                Ok(0) if way == Way::Orders => Heard::Left,
                // The next request waits, or no other will come.
                Ok(_) => hears.await.map_or(Heard::Lost, Heard::Done),
            },
        }
    }

    /// Nobody answers. If nothing was written yet, it is said; else the connection is all that can end.
    fn away(&mut self, judged: &Judged, began: Instant) -> Next {
        let untouched = relay::sent_ever(self.stream.descriptor()).is_ok_and(|bytes| bytes == self.written);
        let status = if untouched { Refusal::Away.status() } else { 0 };
        self.note(judged, Done { status, ..Done::default() }, began);
        if !untouched {
            return Next::Ends;
        }
        self.refuse(Refusal::Away, !judged.stays, judged.method != Method::Head)
    }

    fn refuse(&mut self, refusal: Refusal, close: bool, text: bool) -> Next {
        let place = &self.handed.place;
        count(&place.state.counts.refused, 1);
        if place.state.may_log() {
            let Caller { port, instance, project } = &*place.caller;
            let project = &**project;
            tracing::info!(target: "gateway::access", { network.id = %place.state.id, port.id = %port, instance,
                project, status = refusal.status(), why = %refusal }, "refused");
        }
        let answer = refusal.answer(close, text);
        match relay::send(self.stream.descriptor(), &answer) {
            Ok(sent) if sent == answer.len() && !close => {
                self.written += sent as u64;
                Next::Stays
            }
            _ => Next::Ends,
        }
    }

    fn note(&self, judged: &Judged, done: Done, began: Instant) {
        let place = &self.handed.place;
        count(&place.state.counts.bytes, done.written);
        count(&place.state.counts.broken, u64::from(!done.whole));
        if !tracing::enabled!(target: "gateway::access", tracing::Level::INFO) || !place.state.may_log() {
            return;
        }
        let Caller { port, instance, project } = &*place.caller;
        let project = &**project;
        tracing::info!(target: "gateway::access", { network.id = %place.state.id, port.id = %port, instance, project,
            method = judged.method.name(), path = judged.path, status = done.status, bytes = done.written,
            whole = done.whole, ms = began.elapsed().as_millis() as u64 }, "answered");
    }
}

enum Heard {
    Done(Done),
    Lost,
    Left,
}

/// Ends a connection so that what was written to it is read.
fn farewell_of(client: Client) {
    let Client { stream, handed, .. } = client;
    let Ok(copy) = stream.descriptor().try_clone() else { return };
    drop(stream);
    farewell(copy, &handed.place.shared);
}
