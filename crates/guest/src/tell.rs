//! Says what becomes of orders.

use std::cell::Cell;
use std::time::{Duration, Instant};

use model::SoftwareOrderId;
use model::software::Report;

use crate::http::{Broken, Gateway};
use crate::pause::Pause;
use crate::say;

/// Of reports on the way to the end of an order.
const BETWEEN: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(10);
/// Tries for the last report; then it is said again with the next answer of the gateway.
const TRIES: u32 = 4;
const MAX_ANSWER: usize = 4096;

pub struct Teller {
    last: Cell<Option<Instant>>,
}

impl Teller {
    pub fn new() -> Teller {
        Teller { last: Cell::new(None) }
    }

    /// How it stands: not too often, and nobody waits for it to be heard.
    pub fn progress(&self, gateway: &Gateway, order: SoftwareOrderId, report: &Report) {
        if self.last.get().is_none_or(|last| last.elapsed() >= BETWEEN) {
            let _ = post(gateway, order, report); // The next says all that this one does.
            self.last.set(Some(Instant::now()));
        }
    }

    /// A turn in its life.
    pub fn turn(&self, gateway: &Gateway, order: SoftwareOrderId, report: &Report) {
        self.last.set(None);
        self.progress(gateway, order, report);
    }

    /// How it ended.
    pub fn end(&self, gateway: &Gateway, order: SoftwareOrderId, report: &Report) -> bool {
        let mut pause = Pause::default();
        loop {
            match post(gateway, order, report) {
                Ok(()) => return true,
                // Nobody wants to know, or nobody can understand it.
                Err(Broken::Status(400 | 404, _)) => return false,
                Err(broken) if pause.failures() + 1 >= TRIES => {
                    say(&format!("order {order}: its end is not heard yet: {broken}"));
                    return false;
                }
                Err(_) => std::thread::park_timeout(pause.next()),
            }
        }
    }
}

fn post(gateway: &Gateway, order: SoftwareOrderId, report: &Report) -> Result<(), Broken> {
    let json = serde_json::to_vec(&report.clone().bounded())?;
    gateway.post(&format!("/orders/{order}"), &json, MOST)?.small(MAX_ANSWER).map(drop)
}
