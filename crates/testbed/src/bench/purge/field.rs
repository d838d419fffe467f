//! A namespace whose table is filled by hand: 100 addresses, each in a zone of its own, five connections
//! from each of their peers.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use host::purge::Connection;
use kernel::conntrack::{Conntrack, Filter, Found, Insert, Visit};
use kernel::netns;
use model::purge::{
    Addresses, Began, Job, JobId, MAX_TUPLES, Pairs, Peers, Place, Reason, Tuple, Tuples, What,
};
use tempfile::TempDir;
use uuid::Uuid;

use crate::floor::conntrack;

const ADDRESSES: usize = 100;
const FLOWS: usize = 5;
const FIRST_ZONE: u16 = 4097;
const NAME: &str = "host";
const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

pub struct Field {
    namespace: PathBuf,
    /// Where the namespace is, if it was made for this.
    dir: Option<TempDir>,
    entries: usize,
    /// What the machine allowed before; it does again after.
    allowed: String,
}

impl Field {
    pub fn new(entries: usize) -> anyhow::Result<Field> {
        let dir = tempfile::tempdir()?;
        let mut field = Field::within(dir.path().join(NAME), entries)?;
        netns::create(dir.path(), NAME).context("namespaces need root")?;
        field.dir = Some(dir);
        Ok(field)
    }

    /// In a namespace that is there, and stays.
    pub fn within(namespace: PathBuf, entries: usize) -> anyhow::Result<Field> {
        let allowed = fs::read_to_string(MAX).context("this kernel tracks no connections")?;
        Ok(Field { namespace, dir: None, entries, allowed })
    }

    pub fn namespace(&self) -> &Path {
        &self.namespace
    }

    pub fn peers(&self) -> usize {
        self.entries / ADDRESSES / FLOWS
    }

    pub fn address(at: usize) -> Ipv4Addr {
        Ipv4Addr::from_bits(0x0a01_0001 + at as u32)
    }

    pub fn peer(at: usize) -> Ipv4Addr {
        Ipv4Addr::from_bits(0x0ac8_0001 + at as u32)
    }

    pub fn zone(at: usize) -> u16 {
        FIRST_ZONE + at as u16
    }

    fn connection(at: usize, peer: usize, flow: usize) -> Connection {
        let ends =
            ((IpAddr::from(Field::peer(peer)), 1024 + flow as u16), (IpAddr::from(Field::address(at)), 53));
        let (original, reply) = (Tuple::ports(17, ends.0, ends.1), Tuple::ports(17, ends.1, ends.0));
        Connection { zone: Field::zone(at), original, reply }
    }

    fn all(&self) -> impl Iterator<Item = Connection> {
        let peers = self.peers();
        (0..FLOWS).flat_map(move |flow| {
            (0..peers).flat_map(move |peer| (0..ADDRESSES).map(move |at| Field::connection(at, peer, flow)))
        })
    }

    /// Lets the machine have as many as are needed, with some that are others'.
    fn raise(&self) -> anyhow::Result<()> {
        let most = self.entries + 20_000;
        if fs::read_to_string(MAX)?.trim().parse::<usize>().is_ok_and(|allowed| allowed < most) {
            fs::write(MAX, most.to_string())?;
        }
        Ok(())
    }

    /// Empties the table, and fills it.
    pub fn fill(&self) -> anyhow::Result<()> {
        self.raise()?;
        let mut table = Conntrack::open(Some(self.namespace()))?;
        table.walk(Filter::default(), &mut Everything)?;
        let mut some = Vec::new();
        for connection in self.all() {
            some.push(Insert { connection, timeout_s: 7200 });
            if some.len() == 4096 {
                // Others of the machine may have set it meanwhile.
                self.raise()?;
                table.insert(&some)?;
                some.clear();
            }
        }
        table.insert(&some)?;
        let entries = table.entries()?;
        anyhow::ensure!(entries as usize == self.entries, "{entries} entries instead of {}", self.entries);
        Ok(())
    }

    /// A job per removed address, as its network has a zone.
    pub fn jobs(&self, addresses: usize, peers: usize) -> Vec<Job> {
        let peers: Addresses = (0..peers).map(|at| IpAddr::from(Field::peer(at))).collect();
        let job = |at| {
            let pairs = Pairs {
                zone: Some(Field::zone(at)),
                removed: [IpAddr::from(Field::address(at))].into_iter().collect(),
                peers: Peers::Of(peers.clone()),
                service: None,
                began: Began::Either,
            };
            job(What::Pairs(pairs))
        };
        (0..addresses).map(job).collect()
    }

    /// Everything, by its tuples.
    pub fn known(&self) -> Vec<Job> {
        let mut jobs = Vec::new();
        for at in 0..ADDRESSES {
            let of_address = (0..self.peers()).flat_map(|peer| (0..FLOWS).map(move |flow| (peer, flow)));
            let tuples: Vec<Tuple> =
                of_address.map(|(peer, flow)| Field::connection(at, peer, flow).original).collect();
            let job =
                |some: &[Tuple]| job(What::Tuples(Tuples { zone: Field::zone(at), tuples: some.to_vec() }));
            jobs.extend(tuples.chunks(MAX_TUPLES).map(job));
        }
        jobs.truncate(20);
        jobs
    }

    pub fn floor(&self, addresses: usize, peers: usize) -> anyhow::Result<conntrack::Floor> {
        let mut pairs = conntrack::Pairs::default();
        for at in 0..addresses {
            let removed = u64::from(Field::address(at).to_bits()) << 32;
            pairs.extend((0..peers).map(|peer| removed | u64::from(Field::peer(peer).to_bits())));
        }
        netns::within(self.namespace(), || conntrack::purge(&pairs))?
    }
}

fn job(what: What) -> Job {
    Job { id: JobId(Uuid::new_v4()), reason: Reason::PortDeleted, place: Place::Host, what }
}

struct Everything;

impl Visit for Everything {
    fn judge(&mut self, _: &Found) -> bool {
        true
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        if let Err(error) = fs::write(MAX, self.allowed.trim()) {
            eprintln!("bench: {MAX} was {}, and stays changed: {error}", self.allowed.trim());
        }
        let Some(dir) = &self.dir else { return };
        if let Err(error) = netns::delete(dir.path(), NAME) {
            eprintln!("bench: the namespace {} stays: {error}", self.namespace.display());
        }
    }
}
