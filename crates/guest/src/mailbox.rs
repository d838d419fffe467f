//! The newest orders, between the thread that asks for them and the one that does them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::SoftwareOrderId;
use model::software::{Order, Orders};

use crate::http::{Broken, Gateway};
use crate::pause::Pause;
use crate::say;

/// 64 orders of 64 packages.
const MAX_ANSWER: usize = 4 << 20;
/// For an answer to begin, after the time that it was to wait.
const BEGIN: Duration = Duration::from_secs(15);
/// Between two answers with nothing else in them, if the gateway does not wait.
const LEAST: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Mailbox {
    latest: Mutex<Latest>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Latest {
    /// How many answers there were.
    count: u64,
    orders: Orders,
}

/// Whether an order is still to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    Wanted,
    Cancelled,
    /// It is not told, or is to be tried anew.
    Gone,
}

impl Mailbox {
    pub fn put(&self, orders: Orders) {
        let mut latest = self.latest();
        *latest = Latest { count: latest.count + 1, orders };
        self.changed.notify_all();
    }

    /// Waits for an answer after so many.
    pub fn after(&self, seen: u64) -> (u64, Orders) {
        let latest = self.latest();
        let latest = self.changed.wait_while(latest, |latest| latest.count <= seen);
        let latest = latest.unwrap_or_else(PoisonError::into_inner);
        (latest.count, latest.orders.clone())
    }

    pub fn standing(&self, order: SoftwareOrderId, attempt: u32) -> Standing {
        standing(&self.latest().orders.orders, order, attempt)
    }

    /// Waits for a time, or until an order is not wanted any more.
    pub fn pause(&self, time: Duration, order: SoftwareOrderId, attempt: u32) {
        let latest = self.latest();
        let wanted =
            |latest: &mut Latest| standing(&latest.orders.orders, order, attempt) == Standing::Wanted;
        drop(self.changed.wait_timeout_while(latest, time, wanted));
    }

    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn standing(orders: &[Order], order: SoftwareOrderId, attempt: u32) -> Standing {
    match orders.iter().find(|one| one.id == order) {
        Some(one) if one.attempt != attempt => Standing::Gone,
        Some(one) if one.cancelled => Standing::Cancelled,
        Some(_) => Standing::Wanted,
        None => Standing::Gone,
    }
}

/// Asks for orders, once. `after`: waits for others than those of this revision.
pub fn ask(gateway: &Gateway, after: Option<(i64, u64)>) -> Result<Orders, Broken> {
    let (path, wait) = match after {
        Some((after, wait)) => (format!("/orders?after={after}&wait={wait}"), Duration::from_secs(wait)),
        None => ("/orders".to_owned(), Duration::ZERO),
    };
    let answer = gateway.get_within(&path, wait + BEGIN)?;
    let mut orders: Orders = serde_json::from_slice(&answer.small(MAX_ANSWER)?)?;
    orders.orders.truncate(model::software::ORDERS);
    Ok(orders)
}

/// Asks for orders until the program ends.
pub fn follow(gateway: &Gateway, wait_s: u64, mailbox: &Arc<Mailbox>) {
    let (mut revision, mut pause) = (-1, Pause::default());
    loop {
        let asked = Instant::now();
        // A gateway takes numbers from 0 on.
        let after = (revision >= 0).then_some((revision, wait_s));
        match ask(gateway, after) {
            Ok(orders) => {
                pause.restart();
                // One that answers at once, again and again, is not asked at once.
                let same = orders.revision == revision;
                revision = orders.revision;
                mailbox.put(orders);
                if same {
                    std::thread::park_timeout(LEAST.saturating_sub(asked.elapsed()));
                }
            }
            Err(broken) => {
                let time = pause.next();
                say(&format!("{broken}; asks again in {} s", time.as_secs_f32()));
                std::thread::park_timeout(time);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn orders_stand_as_they_were_told_last() {
        let id = SoftwareOrderId(Uuid::from_u128(1));
        let order = |attempt, cancelled| Order { id, attempt, cancelled, packages: Vec::new() };
        let mailbox = Mailbox::default();
        for (orders, standing) in [
            (vec![order(1, false)], Standing::Wanted),
            (vec![order(1, true)], Standing::Cancelled),
            (vec![order(2, false)], Standing::Gone),
            (vec![], Standing::Gone),
        ] {
            mailbox.put(Orders { revision: 1, orders });
            assert_eq!(mailbox.standing(id, 1), standing);
        }
        // It does not wait for what is not wanted, nor for an answer that is there.
        mailbox.pause(Duration::from_secs(1000), id, 1);
        assert_eq!(mailbox.after(3).0, 4);
    }
}
