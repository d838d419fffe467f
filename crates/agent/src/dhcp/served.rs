//! One network that is answered: its sockets, its pace and its responder.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use kernel::packet::{PacketSocket, Sink};
use model::desired::{Dhcp, Lease};
use model::{NetworkId, PortId};
use tokio::time::{Instant, sleep_until};

use super::Place;
use super::pace::Pace;
use crate::filter::FILTER;

const DHCP_SERVER: u16 = 67;
const DHCPV6_SERVER: u16 = 547;

/// Frames looked at before other networks get their turn.
const TURN: usize = 32;
/// No frame that is answered is longer.
const FRAME_BYTES: usize = 4096;

pub(crate) struct Served {
    pub part: Dhcp,
    pub place: Place,
    pub network: host::dhcp::Network,
    pub generation: u64,
    gateways: bool,
    socket: Arc<PacketSocket>,
    pace: Pace,
    _sink: Sink,
}

impl Served {
    pub fn open(
        part: Dhcp,
        place: Place,
        leases: Option<&BTreeMap<PortId, Lease>>,
        gateways: bool,
        generation: u64,
    ) -> io::Result<Served> {
        let addresses = [
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, DHCP_SERVER)),
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, DHCPV6_SERVER)),
        ];
        let sink = Sink::open(&place.netns, &addresses)?;
        let socket = Arc::new(PacketSocket::open(&place.netns, &place.device, FILTER)?);
        let network = responder(&part, leases, gateways);
        let pace = Pace::new(Instant::now());
        Ok(Served { part, place, network, generation, gateways, socket, pace, _sink: sink })
    }

    /// Answers by other words from here on.
    pub fn change(&mut self, part: Dhcp, leases: Option<&BTreeMap<PortId, Lease>>) {
        self.network = responder(&part, leases, self.gateways);
        self.part = part;
    }

    /// Comes true when there may be frames and the pace allows to look.
    pub fn wait(&self) -> BoxFuture<'static, (NetworkId, u64)> {
        let (id, generation) = (self.part.network_id, self.generation);
        let socket = self.socket.clone();
        let rest = self.pace.rest(Instant::now());
        Box::pin(async move {
            if let Some(until) = rest {
                sleep_until(until).await;
            }
            if let Err(error) = socket.readable().await {
                tracing::warn!(%error, network.id = %id, "DHCP socket cannot be waited for");
                std::future::pending::<()>().await;
            }
            (id, generation)
        })
    }

    /// Answers frames that are there; how many were dropped unseen.
    pub fn answer(&mut self) -> u64 {
        let mut buffer = [0; FRAME_BYTES];
        for _ in 0..TURN {
            if !self.pace.take(Instant::now()) {
                break;
            }
            let frame = match self.socket.try_receive(&mut buffer) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    // The device went down or away; the run loop hears of it from the kernel.
                    tracing::debug!(%error, network.id = %self.part.network_id, "no DHCP frame");
                    break;
                }
            };
            if let Some(answer) = self.network.answer(frame) {
                self.send(&answer);
            }
        }
        // Counted from reading to reading.
        self.socket.dropped().unwrap_or(0)
    }

    /// Sends a router advertisement; false when the network has none.
    pub fn advertise(&self) -> bool {
        let Some(frame) = self.network.advertisement() else { return false };
        self.send(&frame);
        true
    }

    fn send(&self, frame: &[u8]) {
        if let Err(error) = self.socket.send(frame) {
            tracing::debug!(%error, network.id = %self.part.network_id, "DHCP answer not sent");
        }
    }
}

fn responder(part: &Dhcp, leases: Option<&BTreeMap<PortId, Lease>>, gateways: bool) -> host::dhcp::Network {
    let mut network = host::dhcp::Network::new(part);
    if gateways {
        network = network.leading_to_gateways();
    }
    for lease in leases.into_iter().flat_map(BTreeMap::values) {
        network.set_lease(lease);
    }
    network
}
