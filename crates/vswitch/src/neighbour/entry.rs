//! One neighbour: what is known of it, when it is asked for, when it is given up.

use std::net::IpAddr;
use std::time::Duration;

use wire::Mac;

use super::answer::Said;
use super::{Chance, ask};
use crate::{PortNo, Tick};

/// Something is sent and nothing comes back: it is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(1);
/// It is heard of from another MAC: so long after it last answered it is asked again.
const ELSEWHERE: Duration = Duration::from_millis(200);
/// Between what the kernel is told of it.
const TELL: Duration = Duration::from_secs(10);
/// Between the first questions for a neighbour that is not known; the last for the rest of the first seconds.
const RESOLVING: [Duration; 3] =
    [Duration::from_millis(20), Duration::from_millis(50), Duration::from_millis(100)];
/// So many questions take about three seconds.
const RESOLVING_FAST: u32 = 32;
/// Between the first questions whether a known one is still there.
const CHECKING: Duration = Duration::from_millis(250);
const CHECKING_FAST: u32 = 4;
/// So many of them go to the MAC that is known; the others to everybody.
const CHECKING_UNICAST: u32 = 2;

/// How often things happened to one neighbour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub hits: u64,
    pub misses: u64,
    pub released: u64,
    pub expired: u64,
    pub pushed_out: u64,
    pub questions: u64,
    pub answers: u64,
    pub moved: u64,
}

/// One next hop on one link.
#[derive(Debug)]
pub struct Neighbour {
    pub port: PortNo,
    pub ip: IpAddr,
    pub from: ask::From,
    pub mac: Option<Mac>,
    /// Written by somebody in the kernel's table: neither asked for nor given up.
    pub permanent: bool,
    /// Tunnels that lead to it.
    pub tunnels: u64,
    pub counts: Counts,
    /// When it last showed that the MAC is right.
    confirmed: Option<Tick>,
    /// Since when something is sent to it and nothing is heard of it.
    quiet_since: Option<Tick>,
    /// From this age on it is asked whether it is still there.
    refresh: Duration,
    /// At this age its MAC is not used any longer.
    lifetime: Duration,
    checking: bool,
    /// Questions of this row, and when the next one is due.
    asked: u32,
    ask_at: Tick,
    told_at: Option<Tick>,
    pub(super) due: Tick,
    pub(super) scheduled: bool,
}

/// What is to be done for it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Ask: this one alone, or everybody.
    pub ask: Option<Option<Mac>>,
    /// It was at this MAC, and is given up.
    pub lost: Option<Mac>,
}

impl Neighbour {
    pub fn new(port: PortNo, ip: IpAddr, from: ask::From, lifetime: Duration, now: Tick) -> Neighbour {
        Neighbour {
            port,
            ip,
            from,
            mac: None,
            permanent: false,
            tunnels: 1,
            counts: Counts::default(),
            confirmed: None,
            quiet_since: None,
            refresh: lifetime / 2,
            lifetime,
            checking: false,
            asked: 0,
            ask_at: now,
            told_at: None,
            due: now,
            scheduled: false,
        }
    }

    pub fn state(&self) -> &'static str {
        match self.mac {
            None => "incomplete",
            Some(_) if self.permanent => "permanent",
            Some(_) if self.checking => "probing",
            Some(_) => "reachable",
        }
    }

    pub fn age(&self, now: Tick) -> Option<Duration> {
        self.confirmed.map(|confirmed| now.since(confirmed))
    }

    /// Something is sent to it. True if it wants its turn earlier than it is scheduled.
    #[inline]
    pub fn sending(&mut self, now: Tick) -> bool {
        if self.quiet_since.is_some() || self.permanent {
            return false;
        }
        self.quiet_since = Some(now);
        // A turn that comes too early looks again; so the schedule is touched once a second, not per frame.
        !self.checking && self.due > now + QUIET
    }

    /// A frame of a tunnel came from this MAC. True if the schedule changes.
    #[inline]
    pub fn heard(&mut self, mac: Mac, now: Tick) -> bool {
        if self.mac != Some(mac) {
            // It may send by another MAC than it answers to, always. If it moved, asking finds it.
            let suspicious =
                self.mac.is_some() && !self.permanent && !self.checking && self.quiet_since.is_some();
            if suspicious && self.age(now).is_none_or(|age| age >= ELSEWHERE) {
                self.check(now);
                return true;
            }
            return false;
        }
        (self.confirmed, self.quiet_since) = (Some(now), None);
        std::mem::take(&mut self.checking)
    }

    /// Takes what it said of itself. True if the kernel should hear of it.
    pub fn answered(&mut self, said: &Said, refresh: Duration, now: Tick) -> bool {
        if self.permanent {
            return false;
        }
        self.counts.answers += 1;
        if self.mac.is_some_and(|mac| mac != said.mac) {
            if !said.overrides {
                self.check(now);
                return false;
            }
            self.counts.moved += 1;
        }
        let changed = self.mac != Some(said.mac);
        self.mac = Some(said.mac);
        (self.confirmed, self.quiet_since, self.checking) = (Some(now), None, false);
        self.refresh = refresh;
        let tell = changed || self.told_at.is_none_or(|told| now.since(told) >= TELL);
        if tell {
            self.told_at = Some(now);
        }
        tell
    }

    /// Takes what the kernel knows: for good, or, if it was never known here, until it is found wrong.
    pub fn told_by_kernel(&mut self, mac: Mac, permanent: bool, now: Tick) -> bool {
        let fresh = self.mac.is_none() && self.confirmed.is_none();
        if permanent {
            let was_unknown = self.mac.is_none();
            (self.mac, self.permanent, self.checking) = (Some(mac), true, false);
            return was_unknown;
        }
        if self.permanent {
            self.permanent = false;
            self.confirmed = Some(now);
            self.check(now);
        }
        if fresh {
            (self.mac, self.confirmed) = (Some(mac), Some(now));
            self.check(now);
        }
        fresh
    }

    fn check(&mut self, now: Tick) {
        (self.checking, self.asked, self.ask_at) = (true, 0, now);
    }

    /// A frame waits for it: asks soon, if it was last asked for a while ago.
    pub fn hurry(&mut self, now: Tick) {
        if self.mac.is_none() && self.ask_at > now + RESOLVING[0] {
            (self.asked, self.ask_at) = (0, now);
        }
    }

    pub fn turn(&mut self, waits: bool, chance: &mut Chance, now: Tick) -> Turn {
        let mut turn = Turn::default();
        if !self.permanent && self.mac.is_some() {
            if self.age(now).is_none_or(|age| age >= self.lifetime) {
                turn.lost = self.mac.take();
                (self.checking, self.quiet_since, self.asked, self.ask_at) = (false, None, 0, now);
            } else if !self.checking && self.wants_check_at() <= now {
                self.check(now);
            }
        }
        if self.asks() && self.ask_at <= now {
            turn.ask = Some(self.mac.filter(|_| self.asked < CHECKING_UNICAST));
            self.asked = self.asked.saturating_add(1);
            self.ask_at = now + chance.shorten(self.pause(waits));
            self.counts.questions += 1;
        }
        turn
    }

    const fn asks(&self) -> bool {
        !self.permanent && (self.mac.is_none() || self.checking)
    }

    /// How long it is waited for an answer to the question just asked.
    fn pause(&self, waits: bool) -> Duration {
        if self.mac.is_some() {
            return if self.asked < CHECKING_FAST { CHECKING } else { Duration::from_secs(1) };
        }
        match self.asked {
            asked if asked <= RESOLVING_FAST => RESOLVING[(asked as usize - 1).min(RESOLVING.len() - 1)],
            _ if waits => Duration::from_millis(250),
            asked if asked < 2 * RESOLVING_FAST => Duration::from_secs(1),
            _ => Duration::from_secs(5),
        }
    }

    fn wants_check_at(&self) -> Tick {
        let refresh = self.confirmed.unwrap_or_default() + self.refresh;
        self.quiet_since.map_or(refresh, |since| refresh.min(since + QUIET))
    }

    pub fn wants_turn_at(&self) -> Option<Tick> {
        if self.permanent {
            return None;
        }
        let ends = self.mac.map(|_| self.confirmed.unwrap_or_default() + self.lifetime);
        let next = if self.asks() { self.ask_at } else { self.wants_check_at() };
        Some(ends.map_or(next, |ends| ends.min(next)))
    }
}
