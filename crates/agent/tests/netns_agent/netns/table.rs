//! A table of connections that is filled by hand, and what is left of it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use host::purge::Connection;
use kernel::conntrack::{Conntrack, Filter, Found, Insert, Visit};
use model::purge::Tuple;

use crate::netns::outside::ip;
use crate::netns::place::{Guest, Place};
use crate::netns::wait::eventually;

pub const PROTOCOLS: [u8; 3] = [6, 17, 132];
/// What both guests may use, and rules of theirs name.
pub const SERVED: u16 = 80;
/// Nobody's that is known here.
pub const FAR: [&str; 2] = ["198.18.0.9", "2001:db8:9::9"];
/// An allowed address pair's.
pub const PAIR: &str = "10.1.0.50";
pub const STATE: &str = "one.state/purges";

/// One table, filled by hand.
pub struct Table {
    path: PathBuf,
    pub all: Vec<Connection>,
}

impl Table {
    /// Those that are there stay.
    pub fn fill(path: &Path, all: Vec<Connection>) -> Table {
        let table = Table { path: path.to_owned(), all };
        let left = table.left();
        let missing = table.all.iter().filter(|connection| !left.contains(connection));
        let inserts = missing.map(|connection| Insert { connection: *connection, timeout_s: 600 });
        let inserts: Vec<Insert> = inserts.collect();
        Conntrack::open(Some(path)).expect("opens").insert(&inserts).expect("entries");
        assert_eq!(table.left().len(), table.all.len());
        table
    }

    /// Of those that it was filled with; what passes meanwhile is tracked as well.
    pub fn left(&self) -> Vec<Connection> {
        let mut eye = Eye(Vec::new());
        Conntrack::open(Some(&self.path)).expect("opens").walk(Filter::default(), &mut eye).expect("walks");
        self.all.iter().filter(|connection| eye.0.contains(connection)).copied().collect()
    }

    /// Waits until what goes is gone, and nothing else is.
    pub async fn loses(&self, what: &str, goes: impl Fn(&Connection) -> bool) {
        let stays: Vec<Connection> = self.all.iter().filter(|one| !goes(one)).copied().collect();
        assert!(!stays.is_empty() && stays.len() < self.all.len(), "{what}: a test that cannot fail");
        let extra = || {
            let left = self.left();
            let lost: Vec<Connection> = stays.iter().filter(|one| !left.contains(one)).copied().collect();
            (left.len() - (stays.len() - lost.len()), lost)
        };
        let seen = eventually(what, extra, |(extra, lost)| *extra == 0 || !lost.is_empty()).await;
        assert_eq!(seen, (0, Vec::new()), "{what}: still there, and lost");
    }
}

struct Eye(Vec<Connection>);

impl Visit for Eye {
    fn judge(&mut self, found: &Found) -> bool {
        self.0.push(found.connection);
        false
    }
}

pub fn connection(zone: u16, protocol: u8, from: IpAddr, to: (IpAddr, u16)) -> Connection {
    let from = (from, 40_000 + to.1);
    let (original, reply) = (Tuple::ports(protocol, from, to), Tuple::ports(protocol, to, from));
    Connection { zone, original, reply }
}

/// All that these talk with each other, in either direction, by each protocol, in some zones.
pub fn mesh(zones: &[u16], ends: &[IpAddr]) -> Vec<Connection> {
    let mut all = Vec::new();
    for zone in zones {
        for protocol in PROTOCOLS {
            for (from, to) in ends.iter().flat_map(|from| ends.iter().map(move |to| (*from, *to))) {
                if from != to && from.is_ipv4() == to.is_ipv4() {
                    all.extend([SERVED, 443].map(|port| connection(*zone, protocol, from, (to, port))));
                }
            }
        }
    }
    all
}

pub fn ends(guests: &[&Guest]) -> Vec<IpAddr> {
    let far = FAR.map(ip);
    guests.iter().flat_map(|guest| guest.port.fixed_ips.clone()).chain(far).chain([ip(PAIR)]).collect()
}

pub fn has(connection: &Connection, address: IpAddr) -> bool {
    [connection.original.source, connection.original.destination].contains(&address)
}

/// Of a guest's own addresses.
pub fn is_of(connection: &Connection, guest: &Guest) -> bool {
    guest.port.fixed_ips.iter().any(|ip| has(connection, *ip))
}

/// Nothing waits any more to be forgotten.
pub async fn nothing_waits(place: &Place) {
    let waits = || place.path(STATE).exists();
    eventually("all is done that was due", waits, |waits| !*waits).await;
}

pub async fn fill(place: &Place, guests: &[&Guest], zones: &[u16]) -> Table {
    nothing_waits(place).await;
    Table::fill(&place.path("one"), mesh(zones, &ends(guests)))
}
