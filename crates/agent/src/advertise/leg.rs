//! One leg of a router that advertises: its socket, its pace and what it tells.

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use host::dhcp::RouterLeg;
use kernel::packet::PacketSocket;
use tokio::time::{Instant, sleep_until};

use super::{Key, Ready};
use crate::dhcp::{Pace, Place};
use crate::filter::SOLICITATIONS;

/// Frames looked at before other legs get their turn.
const TURN: usize = 32;
/// No solicitation is longer.
const FRAME_BYTES: usize = 2048;

pub(super) struct Leg {
    pub told: RouterLeg,
    pub place: Place,
    pub generation: u64,
    /// Unsolicited advertisements since it was last told anew.
    pub sent: u32,
    socket: Arc<PacketSocket>,
    pace: Pace,
}

impl Leg {
    pub fn open(told: RouterLeg, place: Place, generation: u64) -> io::Result<Leg> {
        let socket = Arc::new(PacketSocket::open(&place.netns, &place.device, SOLICITATIONS)?);
        Ok(Leg { told, place, generation, sent: 0, socket, pace: Pace::new(Instant::now()) })
    }

    /// Comes true when there may be frames and the pace allows to look.
    pub fn wait(&self, key: Key) -> BoxFuture<'static, Ready> {
        let (generation, socket) = (self.generation, self.socket.clone());
        let rest = self.pace.rest(Instant::now());
        Box::pin(async move {
            if let Some(until) = rest {
                sleep_until(until).await;
            }
            if let Err(error) = socket.readable().await {
                tracing::warn!(%error, router.id = %key.0, "router's socket cannot be waited for");
                std::future::pending::<()>().await;
            }
            (key, generation)
        })
    }

    /// Answers solicitations that are there.
    pub fn answer(&mut self) {
        let mut buffer = [0; FRAME_BYTES];
        for _ in 0..TURN {
            if !self.pace.take(Instant::now()) {
                return;
            }
            match self.socket.try_receive(&mut buffer) {
                Ok(Some(frame)) => {
                    if let Some(answer) = self.told.answer(frame) {
                        self.send(&answer);
                    }
                }
                Ok(None) => return,
                Err(error) => {
                    // The device went down or away; the run loop hears of it from the kernel.
                    tracing::debug!(%error, device = self.place.device, "no solicitation");
                    return;
                }
            }
        }
    }

    pub fn advertise(&mut self) {
        self.sent = self.sent.saturating_add(1);
        if let Some(frame) = self.told.advertisement() {
            self.send(&frame);
        }
    }

    /// Hosts give up a router that says so at once.
    pub fn farewell(&self) {
        if let Some(frame) = self.told.farewell() {
            self.send(&frame);
        }
    }

    fn send(&self, frame: &[u8]) {
        if let Err(error) = self.socket.send(frame) {
            tracing::debug!(%error, device = self.place.device, "advertisement not sent");
        }
    }
}
