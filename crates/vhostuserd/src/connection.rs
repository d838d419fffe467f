//! One instance, from the moment that its monitor is joined until that goes: one thread, which hears the monitor and
//! carries frames.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::ports::Tap;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};
use vhost::vhost_user::{BackendReqHandler, Error, VhostUserBackendReqHandlerMut};

use crate::port::Port;
use crate::session::Session;

/// Joins whoever listens at a socket, and carries frames until the connection ends. The device is there as long.
pub(crate) fn serve(socket: &Path, namespace: &Path, device: &str) -> Result<(), String> {
    let stream = UnixStream::connect(socket).map_err(|error| error.to_string())?;
    let tap = Tap::while_open(namespace, device).map_err(|error| format!("{device}: {error}"))?;
    let session = Session::new(Port::new(tap)).map_err(|error| error.to_string())?;
    let session = Arc::new(Mutex::new(session));
    tracing::info!(device, "an instance is joined");
    let outcome = carry(&stream, &session);
    tracing::info!(device, lost = held(&session).port.lost(), "an instance is left");
    outcome
}

/// Nobody else waits for it: the monitor's words are heard by the same thread.
fn held(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

fn carry(stream: &UnixStream, session: &Arc<Mutex<Session>>) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    let mut requests = BackendReqHandler::from_stream(stream.try_clone().map_err(said)?, Arc::clone(session));
    let mut moved = 0;
    loop {
        if wait(stream, &held(session), moved > 0).map_err(said)? {
            let early = answer_early(stream, &mut held(session));
            match early.and_then(|answered| if answered { Ok(()) } else { requests.handle_request() }) {
                Ok(()) => {}
                Err(Error::Disconnected | Error::PartialMessage | Error::SocketBroken(_)) => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
        moved = held(session).carry().map_err(said)?;
    }
}

/// Waits until there is something to do, but not at all when there is more; true when the monitor says something.
fn wait(stream: &UnixStream, session: &Session, more: bool) -> io::Result<bool> {
    let mut fds = vec![PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    // What the instance has no room for is not asked for.
    let tap = session.receives().then(|| session.port.tap.as_fd());
    let kicks = session.rings.iter().map(|ring| ring.kick().map(File::as_fd));
    fds.extend(kicks.clone().flatten().chain(tap).map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
    match poll(&mut fds, if more { PollTimeout::ZERO } else { PollTimeout::NONE }) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    }
    let kicked = session.rings.iter().filter(|ring| ring.kick().is_some());
    for (ring, fd) in kicked.zip(&fds[1..]) {
        if fd.any() == Some(true) {
            ring.kicked();
        }
    }
    Ok(fds[0].any() == Some(true))
}

/// QEMU's network cards enable their rings before both have said what they understand, which the library takes for a
/// mistake. That word is heard here; true when it was that.
fn answer_early(stream: &UnixStream, session: &mut Session) -> Result<bool, Error> {
    // Three numbers are the header of a message: what it asks, flags, and the bytes that follow.
    const HEADER: usize = 12;
    const ENABLE: u32 = 18;
    const BODY: u32 = 8;
    const VERSION: u32 = 1;
    const REPLY: u32 = 1 << 2;
    const NEEDS_REPLY: u32 = 1 << 3;
    let mut message = [0; HEADER + BODY as usize];
    let number = |message: &[u8], at: usize| {
        let bytes = message.as_chunks().0.get(at).copied().unwrap_or_default();
        u32::from_ne_bytes(bytes)
    };
    if session.has_agreed
        || recv(stream.as_raw_fd(), &mut message[..HEADER], MsgFlags::MSG_PEEK) != Ok(HEADER)
    {
        return Ok(false);
    }
    if number(&message, 0) != ENABLE || number(&message, 2) != BODY {
        return Ok(false);
    }
    let mut stream = stream;
    stream.read_exact(&mut message).map_err(|_| Error::PartialMessage)?;
    session.set_vring_enable(number(&message, 3), number(&message, 4) == 1)?;
    if number(&message, 1) & NEEDS_REPLY != 0 {
        let words = [ENABLE, VERSION | REPLY, BODY, 0, 0].map(u32::to_ne_bytes);
        stream.write_all(words.as_flattened()).map_err(|_| Error::Disconnected)?;
    }
    Ok(true)
}
