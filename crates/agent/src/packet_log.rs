//! Tells what the kernel says of logged ports, in the agent's own log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host::Wanted;
use host::secgroup::ACCEPTING;
use host::told::{Logs, lines, logs};
use kernel::PacketLog;
use tokio::time::Instant;

/// The name under which lines are told.
pub const TARGET: &str = "packet_log";

/// Lines of one host at most, each second, and of those of one port, way and event.
const LINES: u32 = 1000;
const OF_A_PORT: u32 = 200;
const SECOND: Duration = Duration::from_secs(1);

/// Who wants to be told; cloned handles share it.
#[derive(Clone, Default)]
pub(crate) struct Logging {
    logs: Arc<Mutex<Arc<Logs>>>,
}

impl Logging {
    pub fn learn(&self, want: &Wanted) {
        let learned = logs(want);
        let mut known = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let all =
            |logs: &Logs| logs.values().filter(|of| of.iter().any(|log| log.accept)).count() <= ACCEPTING;
        if all(&known) && !all(&learned) {
            tracing::warn!(ports = ACCEPTING, "more ports are logged than accepted packets are told of");
        }
        *known = Arc::new(learned);
    }

    /// Tells for ever; ends when the kernel says no more.
    pub async fn tell(self, mut packets: PacketLog) {
        let mut turn = Turn::new(Instant::now());
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
            let logs = Arc::clone(&self.logs.lock().unwrap_or_else(PoisonError::into_inner));
            for packet in batch {
                for line in lines(&logs, &packet.prefix, &packet.bytes) {
                    if turn.may(&packet.prefix, Instant::now()) {
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
    /// By what the kernel says with it: a port, way and event.
    of: HashMap<String, u32>,
    left_out: u64,
}

impl Turn {
    fn new(began: Instant) -> Turn {
        Turn { began, told: 0, of: HashMap::new(), left_out: 0 }
    }

    fn may(&mut self, prefix: &str, now: Instant) -> bool {
        if now.duration_since(self.began) >= SECOND {
            if self.left_out > 0 {
                let left_out = self.left_out;
                tracing::warn!(target: TARGET, left_out, "packets of logged ports were not told");
            }
            *self = Turn::new(now);
        }
        let of = self.of.entry(prefix.to_owned()).or_default();
        let may = *of < OF_A_PORT && self.told < LINES;
        *of += u32::from(may);
        self.told += u32::from(may);
        self.left_out += u64::from(!may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_a_port_its_share() {
        let now = Instant::now();
        let mut turn = Turn::new(now);
        let told = |turn: &mut Turn, port: &str| (0..2 * LINES).filter(|_| turn.may(port, now)).count();
        assert_eq!(told(&mut turn, "one"), OF_A_PORT as usize);
        assert_eq!(turn.left_out, u64::from(2 * LINES - OF_A_PORT));
        let others: usize =
            ["two", "three", "four", "five", "six"].map(|port| told(&mut turn, port)).iter().sum();
        assert_eq!(others, (LINES - OF_A_PORT) as usize);
        assert!(turn.may("one", now + SECOND));
        assert_eq!(turn.left_out, 0);
    }
}
