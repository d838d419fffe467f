//! Reading messages of other releases: elements of a list that cannot be read are left out by
//! themselves, and said.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::desired::{Key, Kind, Revision};
use crate::report::{Outcome, Report};
use crate::sync::{Change, SyncAnswer, first_kinds};

/// An element that was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The word of its kind, as far as it could be read.
    pub kind: String,
    pub why: String,
}

/// A list without the elements that cannot be read.
pub fn readable<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let elements: Vec<Box<RawValue>> = Vec::deserialize(deserializer)?;
    Ok(elements.iter().filter_map(|element| serde_json::from_str(element.get()).ok()).collect())
}

/// A value, or the default of its type where it cannot be read.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The longest word or reason that is repeated of a message.
const WORDS: usize = 200;

/// As much of an element as a release of any time has.
#[derive(Deserialize)]
struct Named {
    key: LooseKey,
}

#[derive(Deserialize)]
struct LooseKey {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    id: String,
}

impl LooseKey {
    fn key(&self) -> Option<Key> {
        Some(Key::new(Kind::parse(&self.kind)?, Uuid::parse_str(&self.id).ok()?))
    }
}

/// Reads what can be read; of the rest, the keys that are known.
fn read<T: DeserializeOwned>(elements: &[Box<RawValue>]) -> (Vec<T>, Vec<Key>, Vec<Skipped>) {
    let (mut read, mut keys, mut skipped) = (Vec::with_capacity(elements.len()), Vec::new(), Vec::new());
    for element in elements {
        match serde_json::from_str(element.get()) {
            Ok(element) => read.push(element),
            Err(error) => {
                let named: Option<Named> = serde_json::from_str(element.get()).ok();
                keys.extend(named.as_ref().and_then(|named| named.key.key()));
                let kind = named.map(|named| named.key.kind).unwrap_or_default();
                skipped.push(Skipped { kind: short(&kind), why: short(&error.to_string()) });
            }
        }
    }
    (read, keys, skipped)
}

fn short(text: &str) -> String {
    text.chars().take(WORDS).collect()
}

/// A [`SyncAnswer`] as it is sent.
#[derive(Deserialize)]
pub struct AnswerSent {
    revision: Revision,
    #[serde(default)]
    epoch: String,
    full: bool,
    parts: Vec<Box<RawValue>>,
    #[serde(default, deserialize_with = "readable")]
    untold: Vec<Key>,
    #[serde(default)]
    next: Option<Key>,
    #[serde(default = "first_kinds")]
    kinds: Vec<String>,
}

impl From<AnswerSent> for SyncAnswer {
    fn from(sent: AnswerSent) -> SyncAnswer {
        let AnswerSent { revision, epoch, full, parts, mut untold, next, kinds } = sent;
        let (parts, unread, skipped) = read::<Change>(&parts);
        untold.extend(unread);
        SyncAnswer { revision, epoch, full, parts, untold, next, kinds, skipped }
    }
}

/// A [`Report`] as it is sent.
#[derive(Deserialize)]
pub struct ReportSent {
    host: String,
    #[serde(default)]
    epoch: String,
    outcomes: Vec<Box<RawValue>>,
}

impl From<ReportSent> for Report {
    fn from(sent: ReportSent) -> Report {
        let ReportSent { host, epoch, outcomes } = sent;
        let (outcomes, _, skipped) = read::<Outcome>(&outcomes);
        Report { host, epoch, outcomes, skipped }
    }
}
