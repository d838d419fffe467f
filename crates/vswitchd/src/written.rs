//! What is written into the kernel's table of neighbours, so that it can be taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use model::vswitch::Neighbour;
use vswitch::Event;

/// Between two lines of the log about changes of MAC, which anybody on the underlay can cause.
const PAUSE: Duration = Duration::from_secs(1);

/// No more than the switch has neighbours.
#[derive(Default)]
pub(crate) struct Written {
    entries: BTreeMap<(u32, IpAddr), Neighbour>,
    moves: u64,
    logged: Option<Instant>,
}

impl Written {
    /// What the kernel is to be told after an event: that a neighbour was found (`true`), or is lost.
    pub fn after(&mut self, event: Event) -> Option<(Neighbour, bool)> {
        match event {
            Event::Resolved { link, ip, mac } => {
                let found = Neighbour { link, ip, mac, permanent: false };
                self.entries.insert((link, ip), found);
                Some((found, true))
            }
            Event::Lost { link, ip, mac } => {
                self.entries.remove(&(link, ip));
                Some((Neighbour { link, ip, mac, permanent: false }, false))
            }
            Event::Moved { ip, from, to, .. } => {
                self.moves += 1;
                if self.logged.is_none_or(|logged| logged.elapsed() >= PAUSE) {
                    let moves = std::mem::take(&mut self.moves);
                    tracing::warn!(%ip, %from, %to, moves, "a neighbour of tunnels is at another MAC");
                    self.logged = Some(Instant::now());
                }
                None
            }
        }
    }

    /// What the kernel is to be told when this is all that is known.
    pub fn become_(&mut self, known: Vec<Event>) -> Vec<(Neighbour, bool)> {
        let mut stale: BTreeSet<_> = self.entries.keys().copied().collect();
        let mut tell = Vec::new();
        for event in known {
            if let Some((found, true)) = self.after(event) {
                stale.remove(&(found.link, found.ip));
                tell.push((found, true));
            }
        }
        tell.extend(stale.iter().filter_map(|key| Some((self.entries.remove(key)?, false))));
        tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_any_longer_is_taken_back() {
        let (ip, mac) =
            (|last: u8| IpAddr::from([192, 0, 2, last]), "02:00:00:00:00:02".parse().expect("a MAC"));
        let found = |last| Event::Resolved { link: 3, ip: ip(last), mac };
        let mut written = Written::default();
        for last in 1..4 {
            assert!(written.after(found(last)).is_some_and(|(_, found)| found));
        }
        assert!(written.after(Event::Lost { link: 3, ip: ip(1), mac }).is_some_and(|(_, found)| !found));
        let told = written.become_(vec![found(2), found(9)]);
        let told: Vec<_> = told.iter().map(|(neighbour, found)| (neighbour.ip, *found)).collect();
        assert_eq!(told, [(ip(2), true), (ip(9), true), (ip(3), false)]);
        assert_eq!(written.become_(vec![found(2), found(9)]).len(), 2);
    }
}
