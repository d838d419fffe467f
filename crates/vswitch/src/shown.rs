//! What a switch shows of itself.

use model::vswitch::{Count, FdbEntry, NeighbourShown, NetworkShown, Place, PortShown, Shown, TunnelShown};

use crate::fdb::{self, Placed};
use crate::neighbour::{Neighbour, NeighbourNo};
use crate::switch::{Inside, NetworkState, PortState, Switch};
use crate::tunnel::TunnelState;
use crate::{Event, PortNo, Tick};
use wire::Ethernet;

impl Switch {
    /// The state of everything but its MACs, in order of name.
    pub fn shown(&self, now: Tick) -> Shown {
        let room = self.neighbours.waiting();
        let drops = self.drops.iter().filter(|(_, times)| *times > 0);
        Shown {
            ports: self.ports.iter().map(|(_, port)| self.port_shown(port)).collect(),
            networks: self.networks.iter().map(|(no, network)| self.network_shown(no, network)).collect(),
            tunnels: self.tunnels.iter().map(|(_, tunnel)| self.tunnel_shown(tunnel)).collect(),
            neighbours: self
                .neighbours
                .iter()
                .map(|(no, found)| self.neighbour_shown(no, found, now))
                .collect(),
            drops: drops.map(|(why, times)| Count { what: why.word().to_owned(), times }).collect(),
            waiting_frames: room.frames_in_all() as u64,
            waiting_bytes: room.bytes() as u64,
            fast_flows: self.fast.count() as u64,
            fast_frames: self.fast.frames,
        }
    }

    /// The neighbours that are known and worth being in the kernel's table: all that [`Event::Resolved`] told.
    pub fn resolved(&self) -> Vec<Event> {
        let of = |neighbour: &Neighbour| {
            let mac = neighbour.mac.filter(|_| !neighbour.permanent)?;
            Some(Event::Resolved { link: neighbour.from.link, ip: neighbour.ip, mac })
        };
        self.neighbours.iter().filter_map(|(_, neighbour)| of(neighbour)).collect()
    }

    /// The first MACs of all networks, or of one, in order; and how many there are besides. Frames wait meanwhile.
    pub fn fdb(&self, network: Option<&str>, most: usize, now: Tick) -> (Vec<FdbEntry>, usize) {
        let asked = match network.map(|name| self.networks.find(name)) {
            Some(None) => return (Vec::new(), 0),
            Some(Some(no)) => Some(no as u16),
            None => None,
        };
        let shown = |(no, mac, place, seen): fdb::Shown| {
            let name = &self.networks.get(usize::from(no))?.name;
            let age_ms = seen.map(|seen| now.since(seen).as_millis() as u64);
            Some(FdbEntry { network: name.clone(), mac, place: self.place(place)?, age_ms })
        };
        let (entries, more) = self.fdb.entries(asked, most);
        (entries.into_iter().filter_map(shown).collect(), more)
    }

    fn place(&self, place: Placed) -> Option<Place> {
        Some(match place {
            Placed::Port(port) => Place::Port(self.port_name(port)?.to_owned()),
            Placed::Tunnel(tunnel, _) => Place::Tunnel(self.tunnels.get(tunnel as usize)?.name.clone()),
        })
    }

    fn port_shown(&self, port: &PortState) -> PortShown {
        let network = match port.inside {
            Inside::Network(network) => {
                self.networks.get(usize::from(network)).map(|network| network.name.clone())
            }
            Inside::Underlay(_) => None,
        };
        PortShown {
            name: port.name.clone(),
            network,
            received_frames: port.received.frames,
            received_bytes: port.received.bytes,
            sent_frames: port.sent.frames,
            sent_bytes: port.sent.bytes,
        }
    }

    fn network_shown(&self, no: usize, network: &NetworkState) -> NetworkShown {
        let no = no as u16;
        let name = |port: &PortNo| self.port_name(*port).map(str::to_owned);
        let tunnel =
            |(tunnel, vni): &(u32, _)| Some((self.tunnels.get(*tunnel as usize)?.name.clone(), *vni));
        NetworkShown {
            name: network.name.clone(),
            ports: network.ports.iter().filter_map(name).collect(),
            tunnels: network.tunnels.iter().filter_map(tunnel).collect(),
            entries: self.fdb.written(no) as u64,
            learned: self.fdb.learned(no) as u64,
            not_learned: network.not_learned,
            moved: network.moved,
            flooded_frames: network.flooded,
        }
    }

    fn tunnel_shown(&self, tunnel: &TunnelState) -> TunnelShown {
        let path = tunnel.path.as_ref().ok();
        TunnelShown {
            name: tunnel.name.clone(),
            kind: tunnel.wanted.kind,
            local: tunnel.wanted.local,
            remote: tunnel.wanted.remote,
            next_hop: path.map(|path| path.next),
            device: path.and_then(|path| self.port_name(path.port)).map(str::to_owned),
            inner_mtu_bytes: path.map(|path| path.room.saturating_sub(Ethernet::LEN) as u32),
            why: tunnel.path.as_ref().err().map(|why| why.word().to_owned()),
            sent_frames: tunnel.traffic.frames,
            sent_bytes: tunnel.traffic.bytes,
            received_frames: tunnel.received.frames,
            received_bytes: tunnel.received.bytes,
        }
    }

    fn neighbour_shown(&self, no: NeighbourNo, neighbour: &Neighbour, now: Tick) -> NeighbourShown {
        let (room, counts) = (self.neighbours.waiting(), neighbour.counts);
        NeighbourShown {
            device: self.port_name(neighbour.port).unwrap_or_default().to_owned(),
            ip: neighbour.ip,
            mac: neighbour.mac,
            state: neighbour.state().to_owned(),
            age_ms: neighbour.age(now).map(|age| age.as_millis() as u64),
            hits: counts.hits,
            misses: counts.misses,
            waiting_frames: room.frames(no) as u64,
            waiting_bytes: room.bytes_of(no) as u64,
            released: counts.released,
            expired: counts.expired,
            pushed_out: counts.pushed_out,
            questions: counts.questions,
            answers: counts.answers,
            moved: counts.moved,
            tunnels: neighbour.tunnels,
        }
    }
}
