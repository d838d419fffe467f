//! Tells what the kernel says of logged ports, in the agent's own log.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host::Wanted;
use host::told::{Logs, lines, logs};
use kernel::PacketLog;
use tokio::time::Instant;

/// The name under which lines are told.
pub const TARGET: &str = "packet_log";

/// Lines of one host at most, each second: the kernel says 100 of each port, way and event.
const LINES: u32 = 1000;
const SECOND: Duration = Duration::from_secs(1);

/// Who wants to be told; cloned handles share it.
#[derive(Clone, Default)]
pub(crate) struct Logging {
    logs: Arc<Mutex<Logs>>,
}

impl Logging {
    pub fn learn(&self, want: &Wanted) {
        *self.logs.lock().unwrap_or_else(PoisonError::into_inner) = logs(want);
    }

    /// Tells for ever; ends when the kernel says no more.
    pub async fn tell(self, mut packets: PacketLog) {
        let mut turn = Turn { began: Instant::now(), told: 0, left_out: 0 };
        loop {
            let (batch, lost) = match packets.next().await {
                Ok(heard) => heard,
                Err(error) => {
                    tracing::error!(%error, "packets of logged ports are not told any more");
                    return;
                }
            };
            if lost {
                tracing::warn!(target: TARGET, "packets of logged ports came faster than they are told");
            }
            let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for packet in batch {
                for line in lines(&logs, &packet.prefix, &packet.bytes) {
                    if turn.may(Instant::now()) {
                        tracing::info!(target: TARGET, "{line}");
                    }
                }
            }
        }
    }
}

/// A second, and what was told in it.
struct Turn {
    began: Instant,
    told: u32,
    left_out: u64,
}

impl Turn {
    fn may(&mut self, now: Instant) -> bool {
        if now.duration_since(self.began) >= SECOND {
            if self.left_out > 0 {
                let left_out = self.left_out;
                tracing::warn!(target: TARGET, left_out, "packets of logged ports were not told");
            }
            *self = Turn { began: now, told: 0, left_out: 0 };
        }
        self.told += 1;
        let may = self.told <= LINES;
        self.left_out += u64::from(!may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines() {
        let now = Instant::now();
        let mut turn = Turn { began: now, told: 0, left_out: 0 };
        assert_eq!((0..LINES + 5).filter(|_| turn.may(now)).count(), LINES as usize);
        assert_eq!(turn.left_out, 5);
        assert!(turn.may(now + SECOND));
        assert_eq!(turn.left_out, 0);
    }
}
