//! From an instance, or out of a tunnel: to a port, into a tunnel, or to all.

use wire::{Mac, Vni};

use crate::fast_path::FlowKey;
use crate::fdb::{Learned, NetworkNo, Placed, TunnelNo};
use crate::frame::Piece;
use crate::head::{Fields, finish_checksum};
use crate::inner::Inner;
use crate::neighbour::{NeighbourNo, Waiting};
use crate::segment::{self, Cut, Run};
use crate::switch::Switch;
use crate::tunnel::Path;
use crate::{Checksum, Frame, PortNo, Tick, Why, too_big};
use model::vswitch::Kind;

/// Segments in one outer packet, and bytes of it, at most: what the kernel cuts apart.
const MOST_SEGMENTS: usize = 64;
const MOST_BYTES: usize = 65_535 - 40 - 8;
/// A smaller size of segments is none that a TCP or UDP would choose; it would make thousands of frames of one.
const LEAST_SEGMENT: u16 = 48;

/// Where a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Port(PortNo),
    Tunnel(TunnelNo, Vni),
    Flood,
    Drop(Why),
}

impl Switch {
    pub(crate) fn handle_instance(&mut self, from: PortNo, network: NetworkNo, frame: Frame, now: Tick) {
        let inner = match Inner::of(frame.bytes()).and_then(|inner| sound(&frame).map(|()| inner)) {
            Ok(inner) => inner,
            Err(why) => return self.drop_frame(why, frame),
        };
        self.learn(network, &inner, Placed::Port(from), now);
        let (place, bytes) = (Placed::Port(from), frame.len());
        self.forward(place, network, frame, &inner, now);
        self.note(FlowKey { port: from, place, mac: Mac::ZERO, src: inner.src, dst: inner.dst }, bytes, now);
    }

    pub(crate) fn learn(&mut self, network: NetworkNo, inner: &Inner, place: Placed, now: Tick) {
        let Some(state) = self.networks.get_mut(usize::from(network)) else { return };
        if !state.learn {
            return;
        }
        match self.fdb.learn(network, inner.src, place, now) {
            Learned::Known | Learned::Added | Learned::Written => {}
            Learned::Moved => {
                state.moved += 1;
                self.fast.moved(inner.src);
            }
            Learned::NoRoom => state.not_learned += 1,
        }
    }

    /// Where a frame goes that came from a place.
    pub(crate) fn decide(&self, from: Placed, network: NetworkNo, inner: &Inner) -> Decision {
        let Some(state) = self.networks.get(usize::from(network)) else { return Decision::Drop(Why::NoPort) };
        if inner.dst.is_multicast() {
            return Decision::Flood;
        }
        if inner.dst == inner.src {
            return Decision::Drop(Why::SamePlace);
        }
        match self.fdb.find(network, inner.dst) {
            Some(place) if place == from => Decision::Drop(Why::SamePlace),
            Some(Placed::Port(port)) => Decision::Port(port),
            Some(Placed::Tunnel(..)) if matches!(from, Placed::Tunnel(..)) => {
                Decision::Drop(Why::FromTunnelToTunnel)
            }
            Some(Placed::Tunnel(tunnel, vni)) => Decision::Tunnel(tunnel, vni),
            None if state.flood_unknown => Decision::Flood,
            None => Decision::Drop(Why::UnknownMac),
        }
    }

    pub(crate) fn forward(
        &mut self,
        from: Placed,
        network: NetworkNo,
        frame: Frame,
        inner: &Inner,
        now: Tick,
    ) {
        match self.decide(from, network, inner) {
            Decision::Port(port) => match from {
                Placed::Tunnel(tunnel, vni) => self.deliver(port, (tunnel, vni), frame, inner),
                Placed::Port(_) => self.send(port, frame),
            },
            Decision::Tunnel(tunnel, vni) => {
                self.encapsulate((from, network), (tunnel, vni), frame, inner, now)
            }
            Decision::Flood => self.flood(from, network, frame, inner, now),
            Decision::Drop(why) => self.drop_frame(why, frame),
        }
    }

    /// To a port out of a tunnel: joined with what came before it, if it goes on from there.
    fn deliver(&mut self, port: PortNo, from: (TunnelNo, Vni), frame: Frame, inner: &Inner) {
        if let Some(run) = &mut self.run {
            if frame.offload.segments.is_none()
                && frame.offload.checksum == Checksum::Unknown
                && run.extend(port, frame.bytes(), inner, false, None, &mut self.pool)
            {
                return self.pool.recycle(frame);
            }
            self.end_run();
        }
        match Run::begin(port, from, frame, inner) {
            Ok(run) => self.run = Some(run),
            Err(frame) => self.send(port, frame),
        }
    }

    fn flood(&mut self, from: Placed, network: NetworkNo, frame: Frame, inner: &Inner, now: Tick) {
        let Some(state) = self.networks.get_mut(usize::from(network)) else { return };
        state.flooded += 1;
        let (ports, tunnels) = (state.ports.len(), state.flood.len());
        let mut targets = 0;
        for at in 0..ports {
            let to = self.networks.get(usize::from(network)).and_then(|state| state.ports.get(at)).copied();
            if let Some(to) = to.filter(|to| Placed::Port(*to) != from) {
                targets += 1;
                if let Some(copy) = self.copy(&frame) {
                    self.send(to, copy);
                }
            }
        }
        // What came out of a tunnel has been sent to all other machines by its sender.
        if matches!(from, Placed::Port(_)) {
            for at in 0..tunnels {
                let to =
                    self.networks.get(usize::from(network)).and_then(|state| state.flood.get(at)).copied();
                if let Some((tunnel, vni)) = to {
                    targets += 1;
                    if let Some(copy) = self.copy(&frame) {
                        self.encapsulate((from, network), (tunnel, vni), copy, inner, now);
                    }
                }
            }
        }
        if targets == 0 { self.drop_frame(Why::Alone, frame) } else { self.pool.recycle(frame) }
    }

    /// A copy, if there is room for one more.
    fn copy(&mut self, frame: &Frame) -> Option<Frame> {
        if self.has_room(0) { Some(self.pool.copy(frame)) } else { None }
    }

    /// Whether a copy or a piece of a frame may be made, with some bytes that are about to leave; if not, it is
    /// counted as lost.
    pub(crate) fn has_room(&mut self, coming: usize) -> bool {
        let has_room = self.out.has_room(coming);
        if !has_room {
            self.drops.add(Why::Crowded, 1);
        }
        has_room
    }

    /// Into a tunnel: by its way, if it fits, at once or when the neighbour has answered.
    fn encapsulate(
        &mut self,
        (from, network): (Placed, NetworkNo),
        (tunnel, vni): (TunnelNo, Vni),
        frame: Frame,
        inner: &Inner,
        now: Tick,
    ) {
        let (neighbour, room) = match self.way(tunnel, inner) {
            Ok(path) => (path.neighbour, path.room),
            Err(why) => return self.drop_frame(why, frame),
        };
        match longest(&frame, inner) {
            Err(why) => return self.drop_frame(why, frame),
            Ok(longest) if longest > room => {
                self.answer_too_big(from, &frame, inner, room, now);
                return self.drop_frame(Why::TooBig, frame);
            }
            Ok(_) => {}
        }
        match self.neighbours.mac_for_sending(neighbour, now) {
            Some(mac) => self.send_outer(tunnel, vni, mac, frame, inner),
            None => self.wait(neighbour, Waiting { tunnel, network, frame, since: now }, now),
        }
    }

    fn wait(&mut self, neighbour: NeighbourNo, waiting: Waiting, now: Tick) {
        self.neighbours.wait(neighbour, waiting, &mut self.pool, &mut self.drops);
        // A question that is due by this frame goes out with it.
        if self.neighbours.next_due().is_some_and(|due| due <= now) {
            self.handle_timeout(now);
        }
    }

    /// The way of a tunnel, for a frame that it may carry.
    pub(crate) fn way(&self, tunnel: TunnelNo, inner: &Inner) -> Result<&Path, Why> {
        let state = self.tunnels.get(tunnel as usize).ok_or(Why::TunnelGone)?;
        if inner.is_tagged() && state.wanted.kind == Kind::Nvgre {
            return Err(Why::Tagged);
        }
        state.path.as_ref().map_err(|why| *why)
    }

    /// A frame that has waited goes on, by the way that there is.
    pub(crate) fn resume(&mut self, waiting: Waiting, now: Tick) {
        let Waiting { tunnel, network, frame, since } = waiting;
        let inner = match Inner::of(frame.bytes()) {
            Ok(inner) => inner,
            Err(why) => return self.drop_frame(why, frame),
        };
        let Some(vni) = self.networks.get(usize::from(network)).and_then(|state| state.vni(tunnel)) else {
            return self.drop_frame(Why::NetworkGone, frame);
        };
        let path = match self.way(tunnel, &inner) {
            Ok(path) if longest(&frame, &inner).is_ok_and(|longest| longest <= path.room) => path,
            Ok(_) => return self.drop_frame(Why::TooBig, frame),
            Err(why) => return self.drop_frame(why, frame),
        };
        let neighbour = path.neighbour;
        match self.neighbours.mac_for_sending(neighbour, now) {
            Some(mac) => self.send_outer(tunnel, vni, mac, frame, &inner),
            None => self.wait(neighbour, Waiting { tunnel, network, frame, since }, now),
        }
    }

    /// Sends what waited for a neighbour.
    pub(crate) fn release(&mut self, neighbour: NeighbourNo, now: Tick) {
        for waiting in self.neighbours.release(neighbour, now, &mut self.pool, &mut self.drops) {
            self.resume(waiting, now);
        }
    }

    fn answer_too_big(&mut self, from: Placed, frame: &Frame, inner: &Inner, room: usize, now: Tick) {
        let Placed::Port(port) = from else { return };
        let allowed = self.ports.get_mut(usize::from(port.0)).is_some_and(|port| port.pace.allows(now));
        if allowed && let Some(answer) = too_big::answer(frame.bytes(), inner, room) {
            let mut out = self.pool.take(answer.len());
            out.append(&answer);
            self.send(port, out);
        }
    }

    fn send_outer(&mut self, tunnel: TunnelNo, vni: Vni, to: wire::Mac, mut frame: Frame, inner: &Inner) {
        if frame.offload.segments.is_some() {
            return self.send_cut(tunnel, vni, to, frame, inner);
        }
        let (class, flow) = (inner.class(frame.bytes()), inner.flow(frame.bytes(), &self.keyed));
        if !finish_checksum(&mut frame) {
            return self.drop_frame(Why::BadOffload, frame);
        }
        let fields = Fields { to, vni, class, flow, id: 0, segments: None };
        self.put(tunnel, frame, fields);
    }

    /// Puts the outer header on, and sends.
    fn put(&mut self, tunnel: TunnelNo, mut frame: Frame, mut fields: Fields) {
        let Some(state) = self.tunnels.get_mut(tunnel as usize) else { return };
        let Ok(path) = &state.path else { return };
        let bytes = frame.len();
        fields.id = state.id;
        let port = path.port;
        if !path.head.put(&mut frame, &fields) {
            return self.drop_frame(Why::BadOffload, frame);
        }
        // Of several, the first has its tunnel header before it, which is not counted in.
        let frames = fields.segments.map_or(1, |size| bytes / usize::from(size) + 1);
        state.id = state.id.wrapping_add(frames as u16);
        state.traffic.add(frames, bytes);
        self.send(port, frame);
    }

    /// One frame that is several: over UDP in outer packets that are several too, over GRE one by one.
    fn send_cut(&mut self, tunnel: TunnelNo, vni: Vni, to: wire::Mac, frame: Frame, inner: &Inner) {
        let Some(Ok(path)) = self.tunnels.get(tunnel as usize).map(|state| state.path.as_ref()) else {
            return self.drop_frame(Why::TunnelGone, frame);
        };
        let mut header = path.head.tunnel_header().to_vec();
        header[4..7].copy_from_slice(&vni.number().to_be_bytes()[1..]);
        let is_udp = path.head.is_udp();
        let Some(segments) = frame.offload.segments else { return };
        let (class, flow) = (inner.class(frame.bytes()), inner.flow(frame.bytes(), &self.keyed));
        let mut cut = match segment::cut(frame.bytes(), inner, &segments) {
            Ok(cut) => cut,
            Err(why) => {
                self.drops.add(why, 1);
                return self.pool.recycle(frame);
            }
        };
        let unit = header.len() + cut.longest();
        let per_packet = if is_udp { (MOST_BYTES / unit).clamp(1, MOST_SEGMENTS) } else { 1 };
        let (outs, mut pieces) = self.packets_of(&mut cut, &header, per_packet);
        let mut frame = Some(frame);
        for (mut out, count) in outs {
            if !pieces.is_empty()
                && let Some(body) = frame.take()
            {
                out.lay_between(body, std::mem::take(&mut pieces));
            }
            let segments = (count > 1).then_some(unit as u16);
            self.put(tunnel, out, Fields { to, vni, class, flow, id: 0, segments });
        }
        if let Some(frame) = frame {
            self.pool.recycle(frame);
        }
    }

    /// Packets behind one outer header each, with how many segments are in them. The first takes the frame over, and
    /// lays headers of its own between pieces of it; the others are copies.
    fn packets_of(
        &mut self,
        cut: &mut Cut<'_>,
        header: &[u8],
        per_packet: usize,
    ) -> (Vec<(Frame, usize)>, Vec<Piece>) {
        let head_len = cut.head_len();
        let mut outs = Vec::with_capacity(1);
        let mut pieces = Vec::new();
        if per_packet > 1 {
            pieces.reserve_exact(per_packet);
            let mut out = self.pool.take(per_packet * (header.len() + head_len));
            while pieces.len() < per_packet && cut.next_len().is_some() {
                // The tunnel header of the first is the outer header's end.
                let before = if pieces.is_empty() { 0 } else { header.len() };
                out.append(&header[..before]);
                let Some(room) = out.extend(head_len) else { break };
                let payload = cut.next_head_into(room);
                let own = (before + head_len) as u32;
                pieces.push(Piece { own, from: payload.start as u32, to: payload.end as u32 });
            }
            outs.push((out, pieces.len()));
        }
        let mut made = 0;
        while cut.next_len().is_some() && (outs.is_empty() || self.has_room(made)) {
            let mut out =
                self.pool.take(if per_packet == 1 { header.len() + cut.longest() } else { Frame::MAX_LEN });
            let mut count = 0;
            while let Some(len) = cut.next_len().filter(|_| count < per_packet) {
                if count > 0 {
                    out.append(header);
                }
                let Some(room) = out.extend(len) else { break };
                cut.next_into(room);
                count += 1;
            }
            if count == 0 {
                self.pool.recycle(out);
                break;
            }
            made += out.footprint();
            outs.push((out, count));
        }
        (outs, pieces)
    }
}

/// Offloads that lie within the frame.
pub fn sound(frame: &Frame) -> Result<(), Why> {
    let partial = match frame.offload.checksum {
        Checksum::Partial { start, offset } => usize::from(start) + usize::from(offset) + 2,
        Checksum::Unknown | Checksum::Good => 0,
    };
    let size = frame.offload.segments.map_or(LEAST_SEGMENT, |segments| segments.size);
    if partial > frame.len() || size < LEAST_SEGMENT { Err(Why::BadOffload) } else { Ok(()) }
}

/// The longest frame that this frame stands for.
pub fn longest(frame: &Frame, inner: &Inner) -> Result<usize, Why> {
    match &frame.offload.segments {
        None => Ok(frame.len()),
        Some(segments) => Ok(segment::cut(frame.bytes(), inner, segments)?.longest()),
    }
}
