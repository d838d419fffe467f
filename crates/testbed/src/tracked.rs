//! Connections in a host's table: how many there are, many made at once, and room for them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;

use anyhow::Context;
use host::purge::Connection;
use kernel::conntrack::{Conntrack, Filter, Found, Visit};

const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
/// Where flows begin, so that the same are sent again.
const SOURCE: u16 = 40_000;
const FIRST_PORT: u16 = 1024;

/// All entries of a namespace.
pub fn entries(namespace: &Path) -> anyhow::Result<u64> {
    Ok(Conntrack::open(Some(namespace))?.entries()?)
}

/// Entries of a namespace that are of some kind.
pub fn count(namespace: &Path, is_one: impl Fn(&Connection) -> bool) -> anyhow::Result<u64> {
    let mut eye = Eye { is_one, seen: 0 };
    Conntrack::open(Some(namespace))?.walk(Filter::default(), &mut eye)?;
    Ok(eye.seen)
}

struct Eye<F> {
    is_one: F,
    seen: u64,
}

impl<F: Fn(&Connection) -> bool> Visit for Eye<F> {
    fn judge(&mut self, found: &Found) -> bool {
        self.seen += u64::from((self.is_one)(&found.connection));
        false
    }
}

/// Whether a connection is of an address, whichever way it began.
pub fn is_of(connection: &Connection, address: IpAddr) -> bool {
    [connection.original.source, connection.original.destination].contains(&address)
}

/// Sends a UDP packet from a namespace to each of so many ports of so many addresses from a first one on.
pub fn flows(namespace: &Path, first: Ipv4Addr, addresses: u32, ports: u16) -> anyhow::Result<()> {
    let send = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, SOURCE))?;
        for address in 0..addresses {
            let to = Ipv4Addr::from_bits(first.to_bits() + address);
            for port in FIRST_PORT..FIRST_PORT + ports {
                socket.send_to(b"neutrino", (to, port))?;
            }
        }
        anyhow::Ok(())
    };
    kernel::netns::within(namespace, send)?
}

/// Lets the machine track enough connections; it allows what it did before when this is dropped.
#[derive(Debug)]
pub struct Room {
    /// What was raised.
    before: Option<String>,
}

impl Room {
    pub fn for_entries(entries: u64) -> anyhow::Result<Room> {
        let most = fs::read_to_string(MAX).context("this kernel tracks no connections")?;
        let most = most.trim().to_owned();
        // 0 is any number.
        if most.parse().is_ok_and(|most: u64| most == 0 || most >= entries) {
            return Ok(Room { before: None });
        }
        fs::write(MAX, entries.to_string()).with_context(|| format!("cannot raise {MAX} from {most}"))?;
        Ok(Room { before: Some(most) })
    }

    /// What somebody should know of it.
    pub fn told(&self) -> String {
        self.before
            .as_ref()
            .map(|most| format!("; nf_conntrack_max raised from {most} meanwhile"))
            .unwrap_or_default()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(before) = &self.before
            && let Err(error) = fs::write(MAX, before)
        {
            eprintln!("{MAX} was {before}, and stays changed: {error}");
        }
    }
}
