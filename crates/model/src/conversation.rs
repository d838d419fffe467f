//! What conversations between programs of one host have in common: a greeting, questions of one kind, their
//! answers, and refusals.

use std::fmt::Debug;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The questions of a language; the language is known by them.
pub trait Question: Serialize + DeserializeOwned + Send + Sync + 'static {
    type Answer: Serialize + DeserializeOwned + Debug + From<Refused> + Send + Sync;
    /// Who answers, as sentences call it.
    const SERVER: &'static str;
    /// What starts it.
    const COMMAND: &'static str;
    /// The setting that names users who are heard besides root.
    const USERS: &'static str;
    /// A server answers only those that speak its own.
    const VERSION: u32;
    /// Bytes of a message.
    const MOST: usize;
    /// For an answer to come.
    const PATIENCE: Duration;

    /// An answer that is no refusal.
    fn heard(answer: Self::Answer) -> Result<Self::Answer, Refused>;

    /// Whether what is asked for may be long in coming: who goes meanwhile leaves its place to others.
    fn is_news(&self) -> bool {
        false
    }
}

/// The first message of each side.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Greeting {
    Hello {
        version: u32,
    },
    /// By who answers, and the last.
    Refused(Refused),
}

/// A "no": a word for programs, and what to change for people.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refused {
    pub why: Why,
    pub message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The message is not of this language.
    Unreadable,
    /// Another version is spoken here.
    Version,
    /// Only root, and who the configuration names, is heard.
    NotAllowed,
    /// What is asked for contradicts itself or is too much; asking again does not change it.
    Wrong,
    /// Something else has this id.
    Taken,
    /// As many are heard, or wait, as may: come again.
    Busy,
    /// It cannot be written down: come again.
    NoSpace,
    /// It went wrong here.
    Failed,
    /// Of a later release.
    #[serde(other)]
    Other,
}

impl Refused {
    pub fn new(why: Why, message: impl Into<String>) -> Refused {
        Refused { why, message: message.into() }
    }

    /// Asking again, later, may be answered otherwise.
    pub fn is_for_now(&self) -> bool {
        matches!(self.why, Why::Busy | Why::NoSpace)
    }
}
