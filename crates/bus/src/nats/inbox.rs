//! Answers to requests: one subscription for all of them, and a place for each that is waited for.
//! A place goes when its asker does, so that answers that never come are not waited for forever.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_nats::{Client, Message, Subscriber};
use futures_util::StreamExt;
use tokio::sync::{OnceCell, oneshot};

use crate::BusError;

#[derive(Default)]
pub(super) struct Inbox {
    /// Answers arrive on subjects below this one.
    prefix: OnceCell<String>,
    places: Arc<Mutex<Places>>,
    next: AtomicU64,
}

type Places = BTreeMap<u64, Place>;

struct Place {
    subject: String,
    answer: oneshot::Sender<Result<Message, BusError>>,
}

/// A request that is waited for; dropping it gives up.
pub(super) struct Waiting {
    pub reply: String,
    number: u64,
    answer: Option<oneshot::Receiver<Result<Message, BusError>>>,
    places: Arc<Mutex<Places>>,
}

fn lock(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    /// Makes a place for the answer to a request; subscribes before the first.
    pub async fn expect(
        &self,
        client: &Client,
        subject: &str,
        spawn: impl FnOnce(std::pin::Pin<Box<dyn Future<Output = ()> + Send>>),
    ) -> Result<Waiting, BusError> {
        let subscribe = || async {
            let prefix = client.new_inbox();
            let answers =
                client.subscribe(format!("{prefix}.*")).await.map_err(|_| BusError::Disconnected)?;
            spawn(Box::pin(hand_out(answers, self.places.clone())));
            Ok(prefix)
        };
        let prefix = self.prefix.get_or_try_init(subscribe).await?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (to, answer) = oneshot::channel();
        lock(&self.places).insert(number, Place { subject: subject.to_owned(), answer: to });
        let reply = format!("{prefix}.{number}");
        Ok(Waiting { reply, number, answer: Some(answer), places: self.places.clone() })
    }

    /// Ends the requests that nats-server says it did not pass on.
    pub fn refuse(&self, error: &str) {
        let Some(denied) = denied(error) else { return };
        let mut places = lock(&self.places);
        let numbers: Vec<u64> =
            places.iter().filter(|(_, place)| place.subject == denied).map(|(number, _)| *number).collect();
        for place in numbers.iter().filter_map(|number| places.remove(number)) {
            let _ = place.answer.send(Err(BusError::NotAllowed(denied.to_owned())));
        }
    }
}

/// The subject that a client may not publish to, of nats-server's words on it.
fn denied(error: &str) -> Option<&str> {
    let (_, rest) = error.split_once("Permissions Violation for Publish to \"")?;
    rest.split_once('"').map(|(subject, _)| subject)
}

async fn hand_out(mut answers: Subscriber, places: Arc<Mutex<Places>>) {
    while let Some(message) = answers.next().await {
        let number = message.subject.rsplit('.').next().and_then(|token| token.parse::<u64>().ok());
        let place = number.and_then(|number| lock(&places).remove(&number));
        if let Some(place) = place {
            let _ = place.answer.send(Ok(message));
        }
    }
}

impl Waiting {
    pub async fn answer(mut self) -> Result<Message, BusError> {
        match self.answer.take() {
            Some(answer) => answer.await.map_err(|_| BusError::Disconnected)?,
            None => Err(BusError::Disconnected),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.places).remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_nats_server_are_understood() {
        let said = "nats: Permissions Violation for Publish to \"agent.b.sync\"";
        assert_eq!(denied(said), Some("agent.b.sync"));
        assert_eq!(denied("nats: Permissions Violation for Subscription to \"agent.b.wake\""), None);
    }
}
