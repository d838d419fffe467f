//! What an underlay received: answers of neighbours, and tunnel packets, which are taken apart.

use wire::{Mac, Vni};

use crate::arrive::{self, Arrival, Outer};
use crate::fast_path::FlowKey;
use crate::fdb::{NetworkNo, Placed};
use crate::inner::{self, Inner};
use crate::neighbour::answer::{self, Said};
use crate::switch::Switch;
use crate::{Checksum, Event, Frame, Offload, PortNo, SegmentKind, Tick, Why};
use model::vswitch::Kind;

impl Switch {
    pub(crate) fn handle_underlay(&mut self, from: PortNo, own: Option<Mac>, frame: Frame, now: Tick) {
        // A device that the kernel has not told of yet has no traffic of ours.
        let Some(own) = own else { return self.pool.recycle(frame) };
        match arrive::arrival(frame.bytes(), &frame.offload, own, &self.arrivals) {
            Ok(Arrival::Tunnel(outer)) => self.take_apart(from, &outer, frame, now),
            Ok(Arrival::Arp { at }) => {
                let said = answer::arp(&frame.bytes()[at..]).map(Some);
                self.answered(from, own, said, frame, now);
            }
            Ok(Arrival::Icmpv6 { at }) => {
                let said = answer::nd(&frame.bytes()[at..]);
                self.answered(from, own, said, frame, now);
            }
            Ok(Arrival::NotOurs) => self.pool.recycle(frame),
            Err(why) => self.drop_frame(why, frame),
        }
    }

    fn answered(&mut self, port: PortNo, own: Mac, said: Result<Option<Said>, Why>, frame: Frame, now: Tick) {
        match said {
            Err(why) => return self.drop_frame(why, frame),
            Ok(Some(said)) if said.mac != own => self.believe(port, said, now),
            Ok(_) => {}
        }
        self.pool.recycle(frame);
    }

    /// Takes what a neighbour of ours says, tells of it, and sends what waited for it.
    fn believe(&mut self, port: PortNo, said: Said, now: Tick) {
        let Some(news) = self.neighbours.answered(port, said, now) else { return };
        let (link, ip) = (news.link, said.ip);
        let mac = self.neighbours.get(news.no).and_then(|neighbour| neighbour.mac);
        if let (Some(from), Some(to)) = (news.before, mac)
            && from != to
        {
            self.tell(Event::Moved { link, ip, from, to });
            self.fast.next_hop_changed(news.no);
        }
        if let Some(mac) = mac.filter(|_| news.tell) {
            self.tell(Event::Resolved { link, ip, mac });
        }
        self.release(news.no, now);
        // An answer that does not override is a reason to ask at once.
        if self.neighbours.next_due().is_some_and(|due| due <= now) {
            self.handle_timeout(now);
        }
    }

    fn take_apart(&mut self, from: PortNo, outer: &Outer, mut frame: Frame, now: Tick) {
        if let Some(every) = outer.every.filter(|every| outer.at + every < outer.end) {
            return self.take_several(from, outer, every, frame, now);
        }
        frame.truncate(outer.end);
        let read = arrive::header(outer.kind, &frame.bytes()[outer.at..]).and_then(|(vni, len)| {
            let network = arrive::network(&self.arrivals, outer.tunnel, vni)?;
            let offload = behind(&frame.offload, outer, len)?;
            Ok((vni, len, network, offload))
        });
        match read {
            Ok((vni, len, network, offload)) => {
                frame.strip(outer.at + len);
                frame.offload = offload;
                self.inside(from, (outer, vni), network, frame, now);
            }
            Err(why) => self.drop_frame(why, frame),
        }
    }

    /// Tunnel packets laid one after another behind one outer header. While they are segments of one run, their
    /// payload stays where it is.
    fn take_several(&mut self, from: PortNo, outer: &Outer, every: usize, frame: Frame, now: Tick) {
        let whole = &frame.bytes()[..outer.end];
        let mut before: &[u8] = &[];
        let (mut begun, mut rest, mut made) = (false, Vec::new(), 0);
        for (nth, packet) in whole[outer.at..].chunks(every).enumerate() {
            let read = arrive::header(outer.kind, packet)
                .and_then(|(vni, len)| Ok((vni, len, arrive::network(&self.arrivals, outer.tunnel, vni)?)));
            let (vni, len, network) = match read {
                Ok(read) => read,
                Err(why) => {
                    self.drops.add(why, 1);
                    continue;
                }
            };
            let (header, bytes) = packet.split_at(len);
            let lies_at = outer.at + nth * every + len;
            // Behind the same tunnel header, what goes on from the last one goes where it went.
            if rest.is_empty() && header == before && self.goes_on(outer, vni, bytes, lies_at) {
                continue;
            }
            before = header;
            if !self.has_room(made) {
                break;
            }
            let mut one = self.pool.take(bytes.len());
            one.append(bytes);
            if begun {
                made += one.footprint();
                rest.push((vni, network, one));
            } else {
                begun = true;
                self.inside(from, (outer, vni), network, one, now);
            }
        }
        let back = match &mut self.run {
            Some(run) => run.lay(frame),
            None => Some(frame),
        };
        if let Some(frame) = back {
            self.pool.recycle(frame);
        }
        for (vni, network, one) in rest {
            self.inside(from, (outer, vni), network, one, now);
        }
    }

    fn goes_on(&mut self, outer: &Outer, vni: Vni, bytes: &[u8], lies_at: usize) -> bool {
        let (Some(run), Ok(inner)) = (&mut self.run, Inner::of(bytes)) else { return false };
        let congestion = inner.class(bytes).map_or(Ok(None), |class| arrive::congestion(class, outer.ecn));
        if run.from != (outer.tunnel, vni) || congestion != Ok(None) {
            return false;
        }
        let taken = run.extend(run.port, bytes, &inner, outer.is_local, Some(lies_at), &mut self.pool);
        if taken && let Some(tunnel) = self.tunnels.get_mut(outer.tunnel as usize) {
            tunnel.received.add(1, bytes.len());
        }
        taken
    }

    /// A frame out of a tunnel, to its network.
    fn inside(
        &mut self,
        from: PortNo,
        (outer, vni): (&Outer, Vni),
        network: NetworkNo,
        mut frame: Frame,
        now: Tick,
    ) {
        let inner = match Inner::of(frame.bytes()).and_then(|inner| admitted(outer, &mut frame, inner)) {
            Ok(inner) => inner,
            Err(why) => return self.drop_frame(why, frame),
        };
        if let Some(tunnel) = self.tunnels.get_mut(outer.tunnel as usize) {
            tunnel.received.add(1, frame.len());
            if let Ok(path) = &tunnel.path {
                self.neighbours.heard(path.neighbour, outer.from, now);
            }
        }
        let place = Placed::Tunnel(outer.tunnel, vni);
        self.learn(network, &inner, place, now);
        let bytes = frame.len();
        self.forward(place, network, frame, &inner, now);
        self.note(FlowKey { port: from, place, mac: outer.from, src: inner.src, dst: inner.dst }, bytes, now);
    }
}

/// Takes the outer's congestion over into the inner packet.
pub fn admitted(outer: &Outer, frame: &mut Frame, inner: Inner) -> Result<Inner, Why> {
    if outer.kind == Kind::Nvgre && inner.is_tagged() {
        return Err(Why::Tagged);
    }
    if let Some(class) = inner.class(frame.bytes())
        && let Some(ecn) = arrive::congestion(class, outer.ecn)?
    {
        inner::set_class(frame.bytes_mut(), &inner, class & !3 | ecn);
    }
    Ok(inner)
}

/// What of the offload is about the inner frame. A checksum that is left to be finished may be the outer's, which
/// nobody needs any longer, or the inner's; segments are whose it is.
pub fn behind(offload: &Offload, outer: &Outer, header_len: usize) -> Result<Offload, Why> {
    let off = outer.at + header_len;
    let mut inner = Offload::default();
    if let Checksum::Partial { start, offset } = offload.checksum
        && let Some(start) = usize::from(start).checked_sub(off)
    {
        if start + usize::from(offset) + 2 > outer.end - off.min(outer.end) {
            return Err(Why::BadOffload);
        }
        inner.checksum = Checksum::Partial { start: start as u16, offset };
    }
    if let Some(mut segments) = offload.segments {
        if matches!(inner.checksum, Checksum::Partial { .. }) && segments.size > 0 {
            segments.header_len = segments.header_len.saturating_sub(off as u16);
            inner.segments = Some(segments);
        } else if segments.kind != SegmentKind::Udp {
            return Err(Why::BadOffload);
        }
    }
    Ok(inner)
}
