//! A mailbox for each port: orders that its instance waits for, and what it says of each.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::gateway::{Answer, REPORTS, Said, WAIT_MOST_S};
use model::software::{Orders, Report};
use model::{PortId, SoftwareOrderId};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Shared;
use super::link::Asked;
use super::out::Out;
use crate::head::Method;

#[derive(Default)]
pub(super) struct Mailboxes {
    all: Mutex<All>,
    /// The number of the newest report.
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct All {
    by_port: HashMap<PortId, Mailbox>,
    /// Reports in the order they came: only the newest of each order is there.
    came: BTreeMap<u64, (PortId, SoftwareOrderId)>,
    last: u64,
}

#[derive(Default)]
struct Mailbox {
    orders: watch::Sender<Orders>,
    reports: BTreeMap<SoftwareOrderId, (u64, Report)>,
}

impl Mailboxes {
    /// What these ports shall do. Who never had an order, nor asked for one, takes no room.
    pub fn give<'a>(&self, ports: impl Iterator<Item = (PortId, &'a Orders)>) {
        let mut all = self.all();
        let All { by_port, came, .. } = &mut *all;
        for (port, given) in ports {
            if !given.orders.is_empty() {
                by_port.entry(port).or_default().give(given, came);
            } else if let Some(mailbox) = by_port.get_mut(&port) {
                mailbox.give(given, came);
            }
        }
    }

    /// Only these ports are there.
    pub fn keep(&self, is_there: impl Fn(&PortId) -> bool) {
        let mut all = self.all();
        let All { by_port, came, .. } = &mut *all;
        by_port.retain(|port, mailbox| {
            let stays = is_there(port);
            if !stays {
                mailbox.reports.values().for_each(|(number, _)| {
                    came.remove(number);
                });
            }
            stays
        });
    }

    pub fn given(&self, port: PortId) -> Orders {
        self.all().by_port.get(&port).map(|mailbox| mailbox.orders.borrow().clone()).unwrap_or_default()
    }

    pub fn reports(&self, port: PortId) -> BTreeMap<SoftwareOrderId, Report> {
        let all = self.all();
        let reports = all.by_port.get(&port).into_iter().flat_map(|mailbox| &mailbox.reports);
        reports.map(|(order, (_, report))| (*order, report.clone())).collect()
    }

    /// What came after a report, when there is some.
    pub async fn came_after(&self, after: u64, wait_s: u64) -> Answer {
        let mut newest = self.newest.subscribe();
        let wait = Duration::from_secs(wait_s.min(WAIT_MOST_S));
        let _ = timeout(wait, newest.wait_for(|newest| *newest > after)).await;
        let all = self.all();
        let said = |(number, (port, order)): (&u64, &(PortId, SoftwareOrderId))| {
            let (_, report) = all.by_port.get(port)?.reports.get(order)?;
            Some((*number, Said { port: *port, order: *order, report: report.clone() }))
        };
        let came: Vec<(u64, Said)> =
            all.came.range(after.saturating_add(1)..).filter_map(said).take(REPORTS).collect();
        let last = came.last().map_or(all.last, |(number, _)| *number);
        Answer::Reports { reports: came.into_iter().map(|(_, said)| said).collect(), last }
    }

    /// Whether the port has such an order. What is said again, or of an earlier attempt, changes nothing.
    fn report(&self, port: PortId, id: SoftwareOrderId, said: Report) -> bool {
        let mut all = self.all();
        let All { by_port, came, last } = &mut *all;
        let Some(mailbox) = by_port.get_mut(&port) else { return false };
        let attempt = mailbox.orders.borrow().orders.iter().find(|order| order.id == id).map(|o| o.attempt);
        let Some(attempt) = attempt else { return false };
        let before = mailbox.reports.get(&id);
        if said.attempt < attempt || before.is_some_and(|(_, before)| *before == said) {
            return true;
        }
        if let Some((number, _)) = before {
            came.remove(number);
        }
        *last += 1;
        came.insert(*last, (port, id));
        mailbox.reports.insert(id, (*last, said));
        self.newest.send_replace(*last);
        true
    }

    fn follow(&self, port: PortId) -> watch::Receiver<Orders> {
        self.all().by_port.entry(port).or_default().orders.subscribe()
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    fn give(&mut self, given: &Orders, came: &mut BTreeMap<u64, (PortId, SoftwareOrderId)>) {
        let attempts: BTreeMap<_, _> = given.orders.iter().map(|order| (order.id, order.attempt)).collect();
        self.reports.retain(|id, (number, report)| {
            let stays = attempts.get(id).is_some_and(|attempt| report.attempt >= *attempt);
            if !stays {
                came.remove(number);
            }
            stays
        });
        // Who waits is woken by changes alone, and by each of them: whoever gives may begin to count anew.
        self.orders.send_if_modified(|orders| {
            let changes = orders.orders != given.orders;
            if changes {
                let revision = given.revision.max(orders.revision.saturating_add(1));
                *orders = Orders { revision, orders: given.orders.clone() };
            }
            changes
        });
    }
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
        let order = path.strip_prefix("/orders/").and_then(|id| id.parse().ok());
        let said = match serde_json::from_slice::<Report>(body) {
            Ok(said) => said.bounded(),
            Err(error) => return out.say(asked, 400, "", &format!("this is no report: {error}\n")).await,
        };
        return match order.is_some_and(|order| shared.mailboxes.report(port, order, said)) {
            true => out.say(asked, 200, "", "noted\n").await,
            false => out.say(asked, 404, "", "there is no such order\n").await,
        };
    }
    let after = number(query, "after");
    let wait = Duration::from_secs(number(query, "wait").unwrap_or(0).clamp(0, WAIT_MOST_S as i64) as u64);
    let mut orders = shared.mailboxes.follow(port);
    // After the time, or when the port goes, it is told what there is.
    let _ = timeout(wait, orders.wait_for(|all| after.is_none_or(|after| all.revision > after))).await;
    let text = serde_json::to_string(&*orders.borrow()).unwrap_or_default();
    out.json(asked, &text).await
}

fn number(query: &str, name: &str) -> Option<i64> {
    let mut all = query.split('&').filter_map(|pair| pair.split_once('='));
    all.find(|(key, _)| *key == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use model::software::{Order, State};
    use uuid::Uuid;

    use super::*;

    const PORT: PortId = PortId(Uuid::from_u128(1));

    fn id(n: u128) -> SoftwareOrderId {
        SoftwareOrderId(Uuid::from_u128(n))
    }

    fn orders(revision: i64, all: &[(u128, u32)]) -> Orders {
        let order = |(n, attempt): &(u128, u32)| {
            let (id, attempt) = (id(*n), *attempt);
            Order { id, attempt, cancelled: false, packages: Vec::new() }
        };
        Orders { revision, orders: all.iter().map(order).collect() }
    }

    fn report(attempt: u32, state: State) -> Report {
        Report { attempt, state, progress_percent: 0, reason: String::new(), output: String::new() }
    }

    async fn came(mailboxes: &Mailboxes, after: u64) -> (Vec<(SoftwareOrderId, State)>, u64) {
        let Answer::Reports { reports, last } = mailboxes.came_after(after, 0).await else { panic!() };
        (reports.into_iter().map(|said| (said.order, said.report.state)).collect(), last)
    }

    #[tokio::test]
    async fn what_is_said_of_an_order_is_told_once_and_the_newest_alone() {
        let mailboxes = Mailboxes::default();
        assert!(!mailboxes.report(PORT, id(1), report(0, State::Pending)), "no such port");
        mailboxes.give([(PORT, &orders(2, &[(1, 0), (2, 0)]))].into_iter());
        assert!(!mailboxes.report(PORT, id(3), report(0, State::Pending)), "no such order");
        for state in [State::Downloading, State::Installed, State::Installed] {
            assert!(mailboxes.report(PORT, id(1), report(0, state)));
        }
        assert!(mailboxes.report(PORT, id(2), report(0, State::Pending)));
        let (all, last) = came(&mailboxes, 0).await;
        assert_eq!(all, [(id(1), State::Installed), (id(2), State::Pending)]);
        assert_eq!(came(&mailboxes, last).await, (vec![], last));
        assert!(mailboxes.report(PORT, id(1), report(0, State::Installed)), "said again");
        assert_eq!(came(&mailboxes, last).await, (vec![], last));
        // The next attempt is another matter, and the earlier one is over.
        mailboxes.give([(PORT, &orders(3, &[(1, 1), (2, 0)]))].into_iter());
        assert_eq!(came(&mailboxes, 0).await.0, [(id(2), State::Pending)]);
        assert!(mailboxes.report(PORT, id(1), report(0, State::Failed)));
        assert_eq!(came(&mailboxes, 0).await.0, [(id(2), State::Pending)]);
        assert!(mailboxes.report(PORT, id(1), report(1, State::Downloading)));
        mailboxes.give([(PORT, &orders(4, &[(1, 1)]))].into_iter());
        assert_eq!(came(&mailboxes, 0).await.0, [(id(1), State::Downloading)]);
        mailboxes.keep(|port| *port != PORT);
        assert!(came(&mailboxes, 0).await.0.is_empty() && mailboxes.all().came.is_empty());
        assert!(mailboxes.all().by_port.is_empty());
    }

    #[tokio::test]
    async fn who_has_no_orders_takes_no_room_until_it_asks() {
        let mailboxes = Mailboxes::default();
        mailboxes.give([(PORT, &orders(3, &[]))].into_iter());
        assert!(mailboxes.all().by_port.is_empty());
        let mut waits = mailboxes.follow(PORT);
        mailboxes.keep(|_| true);
        mailboxes.give([(PORT, &orders(4, &[(1, 0)]))].into_iter());
        assert!(waits.has_changed().expect("is there"));
        assert_eq!(waits.borrow_and_update().revision, 4);
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_changes_alone() {
        let mailboxes = Mailboxes::default();
        mailboxes.give([(PORT, &orders(5, &[(1, 0)]))].into_iter());
        let mut waits = mailboxes.follow(PORT);
        assert_eq!(waits.borrow_and_update().revision, 5);
        mailboxes.give([(PORT, &orders(9, &[(1, 0)]))].into_iter());
        assert!(!waits.has_changed().expect("is there"), "nothing changed");
        // A server whose database was restored counts from where it was.
        mailboxes.give([(PORT, &orders(2, &[]))].into_iter());
        assert!(waits.has_changed().expect("is there"));
        assert_eq!(waits.borrow_and_update().revision, 6);
    }

    #[test]
    fn numbers_of_a_query() {
        assert_eq!((number("after=3&wait=5", "wait"), number("after=x", "after")), (Some(5), None));
    }
}
