//! What instances of keepalived say of themselves: a nudge to look, and no more.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;

use model::RouterId;
use nix::libc;
use nix::unistd::read;
use tokio::io::unix::AsyncFd;
use uuid::Uuid;

use crate::keepalived::Dir;

/// A line is at most this long; pipes take shorter ones whole.
const LINES_BYTES: usize = 4096;

/// The pipe that all instances of a host write to.
pub struct Changes {
    fd: AsyncFd<OwnedFd>,
    rest: Vec<u8>,
}

impl Changes {
    /// Must be called within a tokio runtime.
    pub(crate) fn open(dir: &Dir) -> io::Result<Changes> {
        dir.prepare()?;
        // Open for writing too: the pipe does not end when the last instance does.
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open(dir.notify())?;
        Ok(Changes { fd: crate::wait::register(OwnedFd::from(file))?, rest: Vec::new() })
    }

    /// Waits for routers to change.
    pub async fn next(&mut self) -> io::Result<BTreeSet<RouterId>> {
        loop {
            let mut guard = self.fd.readable().await?;
            let mut buffer = [0; LINES_BYTES];
            let got = guard.try_io(|fd| read(fd, &mut buffer).map_err(io::Error::from));
            let Ok(length) = got else { continue };
            self.rest.extend_from_slice(&buffer[..length?]);
            let routers = lines(&mut self.rest);
            if !routers.is_empty() {
                return Ok(routers);
            }
        }
    }
}

/// Takes whole lines: `INSTANCE "name" STATE priority`.
fn lines(rest: &mut Vec<u8>) -> BTreeSet<RouterId> {
    let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let taken: Vec<u8> = rest.drain(..whole).collect();
    // Whoever writes without ever ending a line is no instance.
    if rest.len() > LINES_BYTES {
        rest.clear();
    }
    let text = String::from_utf8_lossy(&taken);
    let name = |line: &str| line.strip_prefix("INSTANCE ")?.split('"').nth(1).map(str::to_owned);
    text.lines().filter_map(name).filter_map(|name| Uuid::parse_str(&name).ok().map(RouterId)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_whole_and_others_are_not_heeded() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut rest = format!(
            "INSTANCE \"{one}\" MASTER 50\nGROUP \"{two}\" FAULT 0\nINSTANCE x\nINSTANCE \"y\" STOP 1\nINST"
        )
        .into_bytes();
        assert_eq!(lines(&mut rest), [RouterId(one)].into());
        rest.extend(format!("ANCE \"{two}\" BACKUP 50\n").into_bytes());
        assert_eq!(lines(&mut rest), [RouterId(two)].into());
        let mut endless = vec![b'x'; 2 * LINES_BYTES];
        assert!(lines(&mut endless).is_empty() && endless.is_empty());
    }
}
