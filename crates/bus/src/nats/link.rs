//! Connecting to NATS and staying connected: forever, with waits that grow and differ from host to
//! host. What goes wrong is said once, until it went well again.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::{Client, Event};
use tokio::sync::watch;

use super::inbox::Inbox;
use super::options::NatsOptions;

const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(8);

/// The state of a connection.
#[derive(Default)]
pub(super) struct Link {
    /// There once it was connected for the first time; it reconnects by itself.
    client: watch::Sender<Option<Client>>,
    connected: watch::Sender<bool>,
    said: Mutex<String>,
}

impl Link {
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    /// The client while it is connected.
    pub fn live(&self) -> Option<Client> {
        if *self.connected.borrow() { self.client.borrow().clone() } else { None }
    }

    /// The client once there is one.
    pub async fn client(&self) -> Client {
        let mut client = self.client.subscribe();
        loop {
            if let Some(client) = client.borrow_and_update().clone() {
                return client;
            }
            if client.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// What was said last of why it is not connected; empty while it is.
    pub fn trouble(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn happened(&self, event: Event, inbox: &Inbox) {
        match event {
            // The first time, there is no client yet to work with.
            Event::Connected if self.client.borrow().is_some() => self.up(),
            Event::Disconnected | Event::Closed => {
                if self.connected.send_replace(false) {
                    tracing::warn!("the bus is gone; trying to reach it until it is back");
                }
            }
            Event::ServerError(error) => {
                let text = error.to_string();
                inbox.refuse(&text);
                self.say(&format!("the bus refuses: {text}"));
            }
            Event::ClientError(error) => self.say(&format!("the bus cannot be reached: {error}")),
            Event::SlowConsumer(_) => tracing::debug!("more arrived over the bus than was read in time"),
            Event::Connected | Event::LameDuckMode | Event::Draining => {}
        }
    }

    fn up(&self) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = String::new();
        if !self.connected.send_replace(true) {
            tracing::info!("the bus is connected");
        }
    }

    fn say(&self, text: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != text {
            tracing::warn!("{text}; trying again");
            text.clone_into(&mut said);
        }
    }
}

/// Connects for the first time; the client does so by itself from there on.
pub(super) async fn connect(
    options: NatsOptions,
    name: String,
    prefix: String,
    link: Arc<Link>,
    inbox: Arc<Inbox>,
) {
    options.warn_of_plain_text();
    let mut tries = 0;
    loop {
        // The client keeps its callback: what the callback kept would keep the client.
        let (state, waiting) = (Arc::downgrade(&link), Arc::downgrade(&inbox));
        let connected = async {
            let connect = options.connect_options().await.map_err(|error| error.to_string())?;
            let connect = connect
                .name(&name)
                .custom_inbox_prefix(&prefix)
                .subscription_capacity(super::BACKLOG)
                .reconnect_delay_callback(delay)
                .event_callback(move |event| {
                    if let (Some(state), Some(waiting)) = (state.upgrade(), waiting.upgrade()) {
                        state.happened(event, &waiting);
                    }
                    std::future::ready(())
                });
            let connected = connect.connect(options.servers().map_err(|error| error.to_string())?);
            connected.await.map_err(|error| options.explain(&error))
        };
        match connected.await {
            Ok(client) => {
                link.client.send_replace(Some(client));
                link.up();
                return;
            }
            Err(text) => link.say(&format!("the bus cannot be reached: {text}")),
        }
        tries += 1;
        tokio::time::sleep(delay(tries + 1)).await;
    }
}

/// Before the first try after a loss hosts wait up to a second, so that they do not all come back
/// at once; then twice as long from try to try. Half of it is certain, half by chance.
fn delay(tries: usize) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    let longest = FIRST_RETRY.saturating_mul(1 << doublings).clamp(Duration::from_secs(1), LONGEST_RETRY);
    match tries {
        0 | 1 => longest.mul_f64(chance()),
        _ => longest / 2 + (longest / 2).mul_f64(chance()),
    }
}

/// A number from 0 up to 1.
fn chance() -> f64 {
    // Each RandomState has keys of its own: enough to spread retries.
    let random = RandomState::new().hash_one(0u8) >> 11;
    random as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_limit() {
        for tries in 0..40 {
            let wait = delay(tries);
            assert!(wait <= LONGEST_RETRY, "{tries}: {wait:?}");
            assert!(tries < 10 || wait >= LONGEST_RETRY / 2, "{tries}: {wait:?}");
        }
    }
}
