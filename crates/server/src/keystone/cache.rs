//! What was heard of tokens, for a short time.
//!
//! Tokens that are good and tokens that are not are kept apart, so that a flood of made-up ones
//! pushes out no good one. Requests that come with the same unknown token wait for one answer.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache as Moka;
use ring::digest;
use time::OffsetDateTime;

use super::client::Client;
use super::token::Token;

/// Memory that good tokens may take, about.
const MAX_BYTES: u64 = 32 << 20;
/// Bad tokens remembered, of 32 bytes each.
const MAX_BAD: u64 = 100_000;
/// A bad token is asked about again after this: it may have been bad by an error that was mended.
const BAD_TTL: Duration = Duration::from_secs(10);

/// Why there is no token.
#[derive(Debug, Clone, Copy)]
pub enum Miss {
    /// Keystone does not know it, or it is over.
    Unknown,
    /// Keystone did not say.
    Trouble,
}

type Key = [u8; digest::SHA256_OUTPUT_LEN];

/// Answers of Keystone, by the hash of the token.
#[derive(Debug)]
pub struct Cache {
    client: Client,
    good: Moka<Key, Arc<Token>>,
    bad: Moka<Key, ()>,
}

impl Cache {
    pub fn new(client: Client, ttl_s: u64) -> Cache {
        let ttl = Duration::from_secs(ttl_s);
        let weigh = |_: &Key, token: &Arc<Token>| u32::try_from(token.weight()).unwrap_or(u32::MAX);
        let good = Moka::builder().max_capacity(MAX_BYTES).weigher(weigh).time_to_live(ttl);
        let bad = Moka::builder().max_capacity(MAX_BAD).time_to_live(BAD_TTL.min(ttl));
        Cache { client, good: good.build(), bad: bad.build() }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What a token stands for. One that is over is told only to those who may have it.
    pub async fn token(&self, text: &str, may_have_expired: bool) -> Result<Arc<Token>, Miss> {
        let key = key(text, false);
        let key = match may_have_expired {
            false => key,
            true => match self.good.get(&key).await {
                Some(token) if !over(&token) => return Ok(token),
                _ => self::key(text, true),
            },
        };
        if self.bad.contains_key(&key) {
            return Err(Miss::Unknown);
        }
        // Kept for its time even if it is over before: what is over is told from what is not at every use.
        let heard = self.good.try_get_with(key, self.ask(text, may_have_expired)).await;
        match heard {
            Ok(token) if may_have_expired || !over(&token) => Ok(token),
            Ok(_) => Err(Miss::Unknown),
            Err(miss) => {
                if let Miss::Unknown = *miss {
                    self.bad.insert(key, ()).await;
                }
                Err(*miss)
            }
        }
    }

    async fn ask(&self, text: &str, may_have_expired: bool) -> Result<Arc<Token>, Miss> {
        match self.client.validate(text, may_have_expired).await {
            Ok(Some(token)) => Ok(Arc::new(token)),
            Ok(None) => Err(Miss::Unknown),
            Err(_) => Err(Miss::Trouble),
        }
    }
}

fn over(token: &Token) -> bool {
    token.expires_at <= OffsetDateTime::now_utc()
}

/// Answers about tokens that may be over are for services only, and are kept under keys of their own.
fn key(text: &str, may_have_expired: bool) -> Key {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[u8::from(may_have_expired)]);
    context.update(text.as_bytes());
    let mut key = Key::default();
    key.copy_from_slice(context.finish().as_ref());
    key
}
