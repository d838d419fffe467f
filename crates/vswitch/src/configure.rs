//! Becoming what is wanted: what stays keeps its state, what goes takes its state along.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::vswitch::{Facts, Place, Tunnel, Wanted};

use crate::fdb::{NetworkNo, Placed, TunnelNo};
use crate::head::{self, Head};
use crate::neighbour::{Waiting, ask};
use crate::routes::Routes;
use crate::switch::{Inside, NetworkState, PortState, Switch};
use crate::tunnel::{Path, Traffic, TunnelState};
use crate::{Event, PortNo, Tick, Why, Wrong, check};

/// Numbers that mean something else than before.
#[derive(Default)]
struct Fresh {
    ports: BTreeSet<usize>,
    networks: BTreeSet<usize>,
    /// Numbers of networks that are gone, which others may have.
    gone: BTreeSet<usize>,
    tunnels: BTreeSet<usize>,
}

impl Switch {
    /// Becomes what is wanted. What stays keeps its state; what is wrong changes nothing.
    pub fn configure(&mut self, wanted: &Wanted, now: Tick) -> Result<(), Wrong> {
        if *wanted == self.wanted {
            return Ok(());
        }
        check::check(wanted, &self.limits)?;
        self.wanted = wanted.clone();
        self.end_run();
        let mut fresh = Fresh::default();
        self.put_networks(wanted, &mut fresh);
        self.put_ports(wanted, &mut fresh);
        self.put_tunnels(wanted, &mut fresh, now);
        self.attach(wanted);
        self.write_entries(wanted, &fresh);
        self.fast.orphan(&fresh.ports, &fresh.tunnels);
        self.find_paths(now);
        self.handle_timeout(now);
        Ok(())
    }

    /// Takes what the kernel tells of links, addresses, routes and neighbours, whole.
    pub fn underlay(&mut self, facts: &Facts, now: Tick) {
        let same = self.facts.links == facts.links
            && self.facts.addresses == facts.addresses
            && self.facts.routes == facts.routes;
        if !same {
            self.routes = Routes::of(facts);
            self.facts = Facts { neighbours: Vec::new(), ..facts.clone() };
            self.find_paths(now);
        }
        for known in &facts.neighbours {
            let name = self.routes.link(known.link).map(|link| link.name.as_str());
            let Some(port) = name.and_then(|name| self.ports.find(name)) else { continue };
            let port = PortNo(port as u16);
            let took = self.neighbours.told_by_kernel(port, known.ip, known.mac, known.permanent, now);
            if let Some(no) = took {
                self.release(no, now);
            }
        }
        self.fast.all_changed();
        self.handle_timeout(now);
    }

    fn put_networks(&mut self, wanted: &Wanted, fresh: &mut Fresh) {
        fresh.gone.extend(self.networks.keep(|name, _| wanted.networks.contains_key(name)));
        for (name, network) in &wanted.networks {
            let (no, made) = self.networks.put(name, || NetworkState::named(name));
            if made {
                fresh.networks.insert(no);
            }
            if let Some(state) = self.networks.get_mut(no) {
                (state.learn, state.flood_unknown) = (network.learn, network.flood_unknown);
            }
        }
    }

    fn put_ports(&mut self, wanted: &Wanted, fresh: &mut Fresh) {
        let gone = self.ports.keep(|name, port| match port.inside {
            Inside::Network(_) => wanted.ports.contains_key(name),
            Inside::Underlay(_) => wanted.underlays.contains_key(name),
        });
        // What was on its way to one that is gone must not leave by the next that gets its number.
        self.out.retain(|port| !gone.contains(&usize::from(port.0)));
        for (name, port) in &wanted.ports {
            let Some(network) = self.networks.find(&port.network) else { continue };
            let inside = Inside::Network(network as NetworkNo);
            let (no, made) = self.ports.put(name, || PortState::new(name, inside));
            let Some(state) = self.ports.get_mut(no) else { continue };
            if made || state.inside != inside || fresh.networks.contains(&network) {
                fresh.ports.insert(no);
            }
            state.inside = inside;
        }
        for name in wanted.underlays.keys() {
            let (no, made) = self.ports.put(name, || PortState::new(name, Inside::Underlay(None)));
            if made {
                fresh.ports.insert(no);
            }
        }
    }

    fn put_tunnels(&mut self, wanted: &Wanted, fresh: &mut Fresh, now: Tick) {
        let same = |tunnel: &Tunnel, other: &Tunnel| {
            tunnel.kind == other.kind && check::ends(tunnel) == check::ends(other)
        };
        let gone = self
            .tunnels
            .keep(|name, state| wanted.tunnels.get(name).is_some_and(|tunnel| same(tunnel, &state.wanted)));
        if !gone.is_empty() || !fresh.gone.is_empty() {
            self.forget_waiting(&gone, &fresh.gone);
        }
        for (name, tunnel) in &wanted.tunnels {
            let (no, made) = self.tunnels.put(name, || TunnelState {
                name: name.clone(),
                wanted: tunnel.clone(),
                path: Err(Why::NoRoute),
                traffic: Traffic::default(),
                received: Traffic::default(),
                id: now.0 as u16,
            });
            if made {
                fresh.tunnels.insert(no);
            }
            if let Some(state) = self.tunnels.get_mut(no) {
                state.wanted = tunnel.clone();
            }
        }
    }

    /// Drops what waits for tunnels that are gone, or is of networks that are: their numbers may soon be others'.
    fn forget_waiting(&mut self, tunnels: &[usize], networks: &BTreeSet<usize>) {
        let is_homeless = |waiting: &Waiting| networks.contains(&usize::from(waiting.network));
        let whose = |waiting: &Waiting| {
            let path = self.tunnels.get(waiting.tunnel as usize)?.path.as_ref().ok()?;
            (!is_homeless(waiting)).then_some(path.neighbour)
        };
        for waiting in self.neighbours.misplaced(whose) {
            let is_cut_off = tunnels.contains(&(waiting.tunnel as usize));
            let why = if is_cut_off { Why::TunnelGone } else { Why::NetworkGone };
            self.drop_frame(why, waiting.frame);
        }
    }

    /// Says which ports and tunnels each network has, and what arrives where.
    fn attach(&mut self, wanted: &Wanted) {
        let mut arrivals = self.arrivals.emptied();
        for (no, tunnel) in self.tunnels.iter() {
            arrivals.insert(check::ends(&tunnel.wanted), no as TunnelNo);
            arrivals.locals.push(tunnel.wanted.local);
            if let Some(port) = head::udp_port(&tunnel.wanted) {
                arrivals.ports.push((port, tunnel.wanted.kind));
            }
        }
        arrivals.locals.sort_unstable();
        arrivals.locals.dedup();
        arrivals.ports.sort_unstable();
        arrivals.ports.dedup();
        for (name, network) in &wanted.networks {
            let Some(no) = self.networks.find(name) else { continue };
            let attached: Vec<_> = network
                .tunnels
                .iter()
                .filter_map(|(tunnel, attached)| Some((self.tunnels.find(tunnel)? as TunnelNo, attached)))
                .collect();
            for (tunnel, attached) in &attached {
                arrivals.attach(*tunnel, attached.vni, no as NetworkNo);
            }
            let Some(state) = self.networks.get_mut(no) else { continue };
            state.tunnels = attached.iter().map(|(tunnel, attached)| (*tunnel, attached.vni)).collect();
            state.tunnels.sort_unstable();
            let floods = attached.iter().filter(|(_, attached)| attached.flood);
            state.flood = floods.map(|(tunnel, attached)| (*tunnel, attached.vni)).collect();
            state.ports.clear();
        }
        for no in self.ports.numbers() {
            if let Some(Inside::Network(network)) = self.ports.get(no).map(|port| port.inside)
                && let Some(state) = self.networks.get_mut(usize::from(network))
            {
                state.ports.push(PortNo(no as u16));
            }
        }
        for no in self.networks.numbers() {
            if let Some(state) = self.networks.get_mut(no) {
                state.ports.sort_unstable();
            }
        }
        self.arrivals = arrivals;
    }

    fn write_entries(&mut self, wanted: &Wanted, fresh: &Fresh) {
        let mut written = Vec::new();
        for (name, network) in &wanted.networks {
            let Some(no) = self.networks.find(name) else { continue };
            for (mac, place) in &network.entries {
                let placed = match place {
                    Place::Port(port) => self.ports.find(port).map(|port| Placed::Port(PortNo(port as u16))),
                    Place::Tunnel(tunnel) => {
                        let vni = network.tunnels.get(tunnel).map(|attached| attached.vni);
                        let tunnel = self.tunnels.find(tunnel);
                        tunnel.zip(vni).map(|(tunnel, vni)| Placed::Tunnel(tunnel as TunnelNo, vni))
                    }
                };
                written.extend(placed.map(|placed| (no as NetworkNo, *mac, placed)));
            }
        }
        let stays = |network: NetworkNo, place: Placed| {
            let Some(state) = self.networks.get(usize::from(network)) else { return false };
            let still = match place {
                Placed::Port(port) => {
                    !fresh.ports.contains(&usize::from(port.0)) && state.ports.binary_search(&port).is_ok()
                }
                Placed::Tunnel(tunnel, vni) => {
                    !fresh.tunnels.contains(&(tunnel as usize))
                        && state.tunnels.binary_search(&(tunnel, vni)).is_ok()
                }
            };
            state.learn && still && !fresh.networks.contains(&usize::from(network))
        };
        self.fdb.rewrite(written.into_iter(), stays);
    }

    /// Finds the way of each tunnel, and has frames that wait go the new one.
    fn find_paths(&mut self, now: Tick) {
        for no in self.ports.numbers() {
            let Some(port) = self.ports.get_mut(no) else { continue };
            if let Inside::Underlay(mac) = &mut port.inside {
                *mac = self.routes.link_named(&port.name).map(|link| link.mac);
            }
        }
        self.neighbours.unwant();
        for no in self.tunnels.numbers() {
            let Some(tunnel) = self.tunnels.get(no) else { continue };
            let path = self.path(&tunnel.wanted.clone(), now);
            if let Some(tunnel) = self.tunnels.get_mut(no) {
                tunnel.path = path;
            }
        }
        let whose = |waiting: &Waiting| {
            self.tunnels.get(waiting.tunnel as usize)?.path.as_ref().ok().map(|path| path.neighbour)
        };
        let moved = self.neighbours.misplaced(whose);
        for gone in self.neighbours.sweep() {
            if let Some(mac) = gone.mac.filter(|_| !gone.permanent) {
                self.tell(Event::Lost { link: gone.from.link, ip: gone.ip, mac });
            }
        }
        for waiting in moved {
            self.resume(waiting, now);
        }
    }

    fn path(&mut self, tunnel: &Tunnel, now: Tick) -> Result<Path, Why> {
        if !self.routes.is_ours(tunnel.local) {
            return Err(Why::NotOurAddress);
        }
        if self.routes.is_ours(tunnel.remote) {
            return Err(Why::Ourselves);
        }
        let hop = self.routes.towards(tunnel.remote)?;
        let link = self.routes.link(hop.link).ok_or(Why::LinkDown)?;
        let port = self.ports.find(&link.name).ok_or(Why::NotUnderlay)?;
        if !self.ports.get(port).is_some_and(|port| matches!(port.inside, Inside::Underlay(_))) {
            return Err(Why::NotUnderlay);
        }
        let own = || Some(tunnel.local).filter(|ip: &IpAddr| ip.is_ipv4() == hop.next.is_ipv4());
        let ip =
            self.routes.source_on(hop.link, tunnel.local, hop.next).or_else(own).ok_or(Why::NotOurAddress)?;
        let head = Head::of(tunnel, link.mac).map_err(|_| Why::NoRoute)?;
        let from = ask::From { link: hop.link, mac: link.mac, ip };
        let room = (hop.mtu_bytes as usize).saturating_sub(head.overhead());
        let port = PortNo(port as u16);
        let neighbour = self.neighbours.want(port, hop.next, from, now);
        Ok(Path { head, port, next: hop.next, neighbour, room })
    }
}
