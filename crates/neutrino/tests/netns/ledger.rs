//! What the API has answered: for each port, where it may be at the end.

use std::collections::{BTreeMap, BTreeSet};

/// `None` is "there is no such port", a host is "bound there".
pub type State = Option<String>;

/// Every port by name, and the states that its answers allow.
#[derive(Debug, Default)]
pub struct Ledger {
    allowed: BTreeMap<String, BTreeSet<State>>,
    pub acknowledged: usize,
    pub refused: usize,
    pub unanswered: usize,
    /// How often each status was answered.
    pub answers: BTreeMap<u16, usize>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Carried out, and said so.
    Acknowledged,
    /// Not carried out, and said so.
    Refused,
    /// Nobody knows.
    Unanswered,
}

impl Ledger {
    /// Notes how a request ended that was to bring a port into a state.
    pub fn note(&mut self, name: &str, wanted: State, end: End) {
        let allowed = self.allowed.entry(name.to_owned()).or_insert_with(|| BTreeSet::from([None]));
        match end {
            End::Acknowledged => {
                self.acknowledged += 1;
                *allowed = BTreeSet::from([wanted]);
            }
            End::Refused => self.refused += 1,
            End::Unanswered => {
                self.unanswered += 1;
                allowed.insert(wanted);
            }
        }
    }

    /// What is untrue of the ports that are there, each by name with its host.
    pub fn lies(&self, there: &[(String, String)]) -> Vec<String> {
        let mut lies = Vec::new();
        for (name, allowed) in &self.allowed {
            let found: Vec<&String> = there.iter().filter(|(n, _)| n == name).map(|(_, host)| host).collect();
            let state = found.first().map(|host| (*host).clone());
            if found.len() > 1 {
                lies.push(format!("{name} is there {} times", found.len()));
            } else if !allowed.contains(&state) {
                lies.push(format!("{name} is {state:?}; its answers allow {allowed:?}"));
            }
        }
        for (name, host) in there.iter().filter(|(name, _)| !self.allowed.contains_key(name)) {
            lies.push(format!("{name} on {host} was never asked for"));
        }
        lies
    }
}
