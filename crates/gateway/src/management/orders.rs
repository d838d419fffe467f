//! A mailbox for each port: orders that the platform gave, which the instance waits for, and what it says of
//! each.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::PortId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Shared;
use super::link::Asked;
use super::out::Out;
use crate::head::Method;

/// Who waits for orders is answered after so long at the latest.
const WAIT_MOST_S: u64 = 50;
pub(super) const MAX_ORDERS: usize = 64;

/// All orders of a port, as the platform wants them.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Mailbox {
    /// Grows with every change.
    pub revision: u64,
    /// Each has an `id`.
    pub orders: Vec<Value>,
}

#[derive(Default)]
pub(super) struct Orders {
    by_port: Mutex<HashMap<PortId, Slot>>,
}

#[derive(Default)]
struct Slot {
    orders: watch::Sender<Mailbox>,
    /// The newest of each order.
    reports: BTreeMap<String, Value>,
}

/// Why orders were not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("a newer revision is there")]
    Older,
    #[error("each order has an id of letters, digits and -, of its own; a port has at most 64 of them")]
    Wrong,
}

impl Orders {
    /// Only these ports have orders.
    pub fn keep(&self, known: impl Fn(&PortId) -> bool) {
        self.by_port().retain(|port, _| known(port));
    }

    pub fn give(&self, port: PortId, given: Mailbox) -> Result<(), Refused> {
        let ids: std::collections::BTreeSet<&str> = given.orders.iter().filter_map(id_of).collect();
        if given.orders.len() > MAX_ORDERS || ids.len() != given.orders.len() {
            return Err(Refused::Wrong);
        }
        let mut all = self.by_port();
        let slot = all.entry(port).or_default();
        if given.revision < slot.orders.borrow().revision {
            return Err(Refused::Older);
        }
        slot.reports.retain(|id, _| ids.contains(id.as_str()));
        slot.orders.send_replace(given);
        Ok(())
    }

    pub fn given(&self, port: PortId) -> Mailbox {
        self.by_port().get(&port).map(|slot| slot.orders.borrow().clone()).unwrap_or_default()
    }

    pub fn reports(&self, port: PortId) -> BTreeMap<String, Value> {
        self.by_port().get(&port).map(|slot| slot.reports.clone()).unwrap_or_default()
    }

    fn report(&self, port: PortId, order: &str, said: Value) -> bool {
        let mut all = self.by_port();
        let Some(slot) = all.get_mut(&port) else { return false };
        let known = slot.orders.borrow().orders.iter().any(|one| id_of(one) == Some(order));
        if known {
            slot.reports.insert(order.to_owned(), said);
        }
        known
    }

    fn follow(&self, port: PortId) -> watch::Receiver<Mailbox> {
        self.by_port().entry(port).or_default().orders.subscribe()
    }

    fn by_port(&self) -> MutexGuard<'_, HashMap<PortId, Slot>> {
        self.by_port.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id_of(order: &Value) -> Option<&str> {
    let id = order.get("id")?.as_str()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (plain && (1..=64).contains(&id.len())).then_some(id)
}

/// What an instance asks of its own orders, or says of one.
pub(super) async fn answer(
    asked: &Asked,
    path: &str,
    query: &str,
    body: &[u8],
    out: &mut Out,
    shared: &Shared,
) -> (u16, bool, bool) {
    let port = asked.who.port;
    if !shared.told().ports.contains_key(&port) {
        return out
            .say(asked, 503, "Retry-After: 5\r\n", "the gateway was not told of this port yet\n")
            .await;
    }
    if asked.method == Method::Post {
        let order = path.strip_prefix("/orders/").unwrap_or_default();
        let Ok(said) = serde_json::from_slice(body) else {
            return out.say(asked, 400, "", "say it in JSON\n").await;
        };
        return match shared.orders.report(port, order, said) {
            true => out.say(asked, 200, "", "noted\n").await,
            false => out.say(asked, 404, "", "there is no such order\n").await,
        };
    }
    let after = number(query, "after");
    let wait = Duration::from_secs(number(query, "wait").unwrap_or(0).min(WAIT_MOST_S));
    let mut orders = shared.orders.follow(port);
    // After the time, or when the port goes, it is told what there is.
    let _ = timeout(wait, orders.wait_for(|all| after.is_none_or(|after| all.revision > after))).await;
    let text = serde_json::to_string(&*orders.borrow()).unwrap_or_default();
    out.json(asked, &text).await
}

fn number(query: &str, name: &str) -> Option<u64> {
    let mut all = query.split('&').filter_map(|pair| pair.split_once('='));
    all.find(|(key, _)| *key == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn orders_are_as_given_and_reports_are_of_orders() {
        let (orders, port) = (Orders::default(), PortId(uuid::Uuid::from_u128(1)));
        assert!(!orders.report(port, "a", json!({})));
        let give = |revision, ids: &[&str]| {
            let given = ids.iter().map(|id| json!({ "id": id })).collect();
            orders.give(port, Mailbox { revision, orders: given })
        };
        assert_eq!(give(2, &["a", "b"]), Ok(()));
        assert_eq!(give(1, &["c"]), Err(Refused::Older));
        for ids in [&["a", "a"] as &[&str], &["a/b"], &[""]] {
            assert_eq!(give(3, ids), Err(Refused::Wrong), "{ids:?}");
        }
        assert!(
            orders.report(port, "a", json!({ "state": "installed" })) && !orders.report(port, "c", json!(1))
        );
        assert_eq!(give(3, &["b"]), Ok(()));
        assert!(orders.reports(port).is_empty());
        assert_eq!(orders.given(port).revision, 3);
    }

    #[test]
    fn numbers_of_a_query() {
        assert_eq!((number("after=3&wait=5", "wait"), number("after=x", "after")), (Some(5), None));
    }
}
