//! What would happen to a frame, told stage by stage, by the same decisions that are made when it comes.

use std::fmt;

use crate::arrive::{self, Arrival, Outer};
use crate::fast_path::FlowKey;
use crate::fdb::{NetworkNo, Placed, TunnelNo};
use crate::forward::{Decision, longest};
use crate::inner::Inner;
use crate::neighbour::answer;
use crate::switch::{Inside, Switch};
use crate::{Frame, Offload, PortNo, Tick, Why, forward, receive};
use wire::{Mac, Vni};

/// The stages, in the order in which frames pass them. From an instance all but the first two; from the underlay
/// those that lead to a port. What takes the fast path goes where the stages behind it say.
pub const STAGES: &[&str] =
    &["arrive", "tunnel", "port", "frame", "fast path", "learn", "place", "path", "fit", "neighbour", "out"];

/// The stages that a frame passed, in order, and what each found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace(pub Vec<Step>);

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub stage: &'static str,
    pub found: String,
}

impl Trace {
    pub(crate) fn step(&mut self, stage: &'static str, found: impl fmt::Display) {
        debug_assert!(STAGES.contains(&stage));
        self.0.push(Step { stage, found: found.to_string() });
    }

    fn drop(&mut self, stage: &'static str, why: Why) {
        self.step(stage, format_args!("dropped: {}", why.word()));
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| writeln!(f, "{:<12} {}", step.stage, step.found))
    }
}

impl Switch {
    /// What would happen to a frame. Nothing changes.
    pub fn trace(&self, from: PortNo, frame: &Frame, now: Tick) -> Trace {
        let mut trace = Trace::default();
        let Some(port) = self.ports.get(usize::from(from.0)) else {
            trace.drop("port", Why::NoPort);
            return trace;
        };
        match port.inside {
            Inside::Network(network) => {
                trace.step("port", format_args!("{}: network {}", port.name, self.network_name(network)));
                let by = (from, Mac::ZERO);
                self.trace_inner(&mut trace, (by, Placed::Port(from)), network, frame, now);
            }
            Inside::Underlay(own) => self.trace_arrival(&mut trace, from, own, frame, now),
        }
        trace
    }

    fn network_name(&self, network: NetworkNo) -> &str {
        self.networks.get(usize::from(network)).map_or("?", |network| network.name.as_str())
    }

    fn trace_arrival(&self, trace: &mut Trace, from: PortNo, own: Option<Mac>, frame: &Frame, now: Tick) {
        let name = self.port_name(from).unwrap_or("?");
        let Some(own) = own else { return trace.step("arrive", format_args!("{name}: no such device")) };
        let said = match arrive::arrival(frame.bytes(), &frame.offload, own, &self.arrivals) {
            Ok(Arrival::Tunnel(outer)) => return self.trace_tunnel(trace, from, &outer, frame, now),
            Ok(Arrival::NotOurs) => return trace.step("arrive", format_args!("{name}: not for a tunnel")),
            Ok(Arrival::Arp { at }) => answer::arp(&frame.bytes()[at..]).map(Some),
            Ok(Arrival::Icmpv6 { at }) => answer::nd(&frame.bytes()[at..]),
            Err(why) => Err(why),
        };
        match said {
            Err(why) => trace.drop("arrive", why),
            Ok(None) => trace.step("arrive", format_args!("{name}: not for a tunnel")),
            Ok(Some(said)) => {
                let wanted = self.neighbours.find(from, said.ip).is_some();
                let verdict = if wanted { "taken" } else { "not asked for" };
                trace.step("arrive", format_args!("{name}: {} is at {}: {verdict}", said.ip, said.mac));
            }
        }
    }

    fn trace_tunnel(&self, trace: &mut Trace, from: PortNo, outer: &Outer, frame: &Frame, now: Tick) {
        let name = self.port_name(from).unwrap_or("?");
        let tunnel = self.tunnels.get(outer.tunnel as usize).map_or("?", |tunnel| tunnel.name.as_str());
        trace.step("arrive", format_args!("{name}: tunnel {tunnel}"));
        let end = outer.every.map_or(outer.end, |every| outer.end.min(outer.at + every));
        let packet = &frame.bytes()[outer.at..end];
        let several = outer.every.is_some_and(|every| outer.at + every < outer.end);
        let read = arrive::header(outer.kind, packet).and_then(|(vni, len)| {
            let network = arrive::network(&self.arrivals, outer.tunnel, vni)?;
            let offload =
                if several { Offload::default() } else { receive::behind(&frame.offload, outer, len)? };
            Ok((vni, len, network, offload))
        });
        match read {
            Err(why) => trace.drop("tunnel", why),
            Ok((vni, len, network, offload)) => {
                trace.step("tunnel", format_args!("number {vni}: network {}", self.network_name(network)));
                let mut inner = Frame::of(&packet[len..]);
                inner.offload = offload;
                let found =
                    Inner::of(inner.bytes()).and_then(|found| receive::admitted(outer, &mut inner, found));
                match found {
                    Err(why) => trace.drop("frame", why),
                    Ok(_) => {
                        let from = ((from, outer.from), Placed::Tunnel(outer.tunnel, vni));
                        self.trace_inner(trace, from, network, &inner, now);
                    }
                }
            }
        }
    }

    fn trace_inner(
        &self,
        trace: &mut Trace,
        ((port, mac), from): ((PortNo, Mac), Placed),
        network: NetworkNo,
        frame: &Frame,
        now: Tick,
    ) {
        let sound = if matches!(from, Placed::Port(_)) { forward::sound(frame) } else { Ok(()) };
        let inner = match Inner::of(frame.bytes()).and_then(|inner| sound.map(|()| inner)) {
            Ok(inner) => inner,
            Err(why) => return trace.drop("frame", why),
        };
        trace.step("frame", format_args!("{} to {}, {} bytes", inner.src, inner.dst, frame.len()));
        if self.fast.is_open(&FlowKey { port, place: from, mac, src: inner.src, dst: inner.dst }) {
            trace.step("fast path", "settled flow");
        }
        let Some(state) = self.networks.get(usize::from(network)) else { return };
        trace.step(
            "learn",
            if state.learn { self.known(network, inner.src) } else { "the network does not learn" },
        );
        match self.decide(from, network, &inner) {
            Decision::Drop(why) => trace.drop("place", why),
            Decision::Port(port) => {
                trace.step("place", "port");
                trace.step("out", format_args!("port {}", self.port_name(port).unwrap_or("?")));
            }
            Decision::Tunnel(tunnel, vni) => {
                trace.step("place", "tunnel");
                self.trace_way(trace, tunnel, vni, frame, &inner, now);
            }
            Decision::Flood => {
                trace.step("place", "everywhere");
                for port in state.ports.iter().filter(|port| Placed::Port(**port) != from) {
                    trace.step("out", format_args!("port {}", self.port_name(*port).unwrap_or("?")));
                }
                let tunnels = if matches!(from, Placed::Port(_)) { &state.flood[..] } else { &[] };
                for (tunnel, vni) in tunnels {
                    self.trace_way(trace, *tunnel, *vni, frame, &inner, now);
                }
            }
        }
    }

    fn known(&self, network: NetworkNo, mac: Mac) -> &'static str {
        if self.fdb.find(network, mac).is_some() { "known" } else { "would be learned" }
    }

    fn trace_way(
        &self,
        trace: &mut Trace,
        tunnel: TunnelNo,
        vni: Vni,
        frame: &Frame,
        inner: &Inner,
        now: Tick,
    ) {
        let name = self.tunnels.get(tunnel as usize).map_or("?", |tunnel| tunnel.name.as_str());
        let path = match self.way(tunnel, inner) {
            Ok(path) => path,
            Err(why) => return trace.drop("path", why),
        };
        let device = self.port_name(path.port).unwrap_or("?");
        trace.step("path", format_args!("tunnel {name}, number {vni}: next hop {} by {device}", path.next));
        match longest(frame, inner) {
            Err(why) => return trace.drop("fit", why),
            Ok(len) if len > path.room => return trace.drop("fit", Why::TooBig),
            Ok(len) => trace.step("fit", format_args!("{len} of {} bytes", path.room)),
        }
        let Some(neighbour) = self.neighbours.get(path.neighbour) else { return };
        let age = neighbour.age(now).map_or(0, |age| age.as_secs());
        match neighbour.mac {
            None => trace.step("neighbour", format_args!("{}: waits for its MAC", path.next)),
            Some(mac) => {
                trace.step(
                    "neighbour",
                    format_args!("{} is at {mac}: {}, {age} s old", path.next, neighbour.state()),
                );
                trace.step(
                    "out",
                    format_args!("underlay {device}, {} bytes before the frame", path.head.len()),
                );
            }
        }
    }
}
