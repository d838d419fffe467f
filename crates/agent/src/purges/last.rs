//! Ports and routers as they were here last, on disk: what changes while no agent runs is told by nobody,
//! and what it makes due is due all the same.
//!
//! A file that only grows, and is written anew when it has grown long. Nobody waits for the disk: a machine
//! that loses what was not on it yet has lost its connections as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Write as _};
use std::path::PathBuf;

use host::{Scope, Wanted};
use model::desired::{Key, Kind, Part};
use serde::{Deserialize, Serialize};

/// Shorter files are not written anew.
const ANEW_FROM: u64 = 1 << 20;

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Said<'a> {
    Is(&'a Part),
    Gone(Key),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Read {
    Is(Box<Part>),
    Gone(Key),
}

pub(super) struct Last {
    path: PathBuf,
    /// `None` until all was written once by this agent, and after a failure.
    file: Option<File>,
    bytes: u64,
    anew_at: u64,
    /// Of what each was when it was written.
    hashes: BTreeMap<Key, u64>,
}

impl Last {
    /// What an earlier agent left comes back.
    pub fn open(path: PathBuf) -> (Last, Vec<Part>) {
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "what was here before cannot be read");
                Vec::new()
            }
        };
        let mut parts: BTreeMap<Key, Part> = BTreeMap::new();
        // One that is torn was being written when the agent died: nothing of it was done.
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Read::Is(part)) => drop(parts.insert(part.key(), *part)),
                Ok(Read::Gone(key)) => drop(parts.remove(&key)),
                Err(error) => tracing::debug!(%error, path = %path.display(), "a line that cannot be read"),
            }
        }
        let last = Last { path, file: None, bytes: 0, anew_at: ANEW_FROM, hashes: BTreeMap::new() };
        (last, parts.into_values().collect())
    }

    /// Notes what parts of a scope are. To be done before anything is made of them, and after what their
    /// change makes due was noted.
    pub fn note(&mut self, want: &Wanted, scope: &Scope) {
        let outcome = match scope {
            _ if self.file.is_none() || self.bytes > self.anew_at => self.write_anew(want),
            Scope::All => {
                let all = keys(want).chain(self.hashes.keys().copied()).collect();
                self.add(want, &all)
            }
            Scope::Some { keys, .. } => self.add(want, keys),
        };
        if let Err(error) = outcome {
            tracing::error!(%error, path = %self.path.display(), "ports and routers are not noted on disk");
            self.file = None;
        }
    }

    fn add(&mut self, want: &Wanted, keys: &BTreeSet<Key>) -> io::Result<()> {
        let mut text = Vec::new();
        for key in keys.iter().filter(|key| is_noted(**key)) {
            match want.get(*key) {
                Some(part) => {
                    let line = line(&Said::Is(part));
                    let hash = hash(&line);
                    if self.hashes.insert(*key, hash) != Some(hash) {
                        text.extend(line);
                    }
                }
                None if self.hashes.remove(key).is_some() => text.extend(line(&Said::Gone(*key))),
                None => {}
            }
        }
        if let Some(file) = self.file.as_mut().filter(|_| !text.is_empty()) {
            // At once, so that a line is torn only by what kills the machine.
            file.write_all(&text)?;
            self.bytes += text.len() as u64;
        }
        Ok(())
    }

    fn write_anew(&mut self, want: &Wanted) -> io::Result<()> {
        self.hashes.clear();
        let mut text = Vec::new();
        for key in keys(want) {
            let line = want.get(key).map(|part| line(&Said::Is(part))).unwrap_or_default();
            self.hashes.insert(key, hash(&line));
            text.extend(line);
        }
        fs::create_dir_all(self.path.parent().unwrap_or(&self.path))?;
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, &text)?;
        fs::rename(&fresh, &self.path)?;
        self.file = Some(OpenOptions::new().append(true).open(&self.path)?);
        self.bytes = text.len() as u64;
        self.anew_at = ANEW_FROM.max(self.bytes * 2);
        Ok(())
    }
}

/// Whose connections nobody else tells of: those let in by groups are found by what the kernel has.
const fn is_noted(key: Key) -> bool {
    matches!(key.kind, Kind::Port | Kind::Router)
}

fn keys(want: &Wanted) -> impl Iterator<Item = Key> {
    want.keys().filter(|key| is_noted(*key))
}

fn line(said: &Said) -> Vec<u8> {
    let mut line = serde_json::to_vec(said).expect("parts have only text as keys");
    line.push(b'\n');
    line
}

fn hash(line: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::Settings;
    use model::desired::Port;
    use model::{NetworkId, PortId};
    use uuid::Uuid;
    use wire::Mac;

    fn port(n: u128, ip: u8) -> Part {
        Part::Port(Port {
            id: PortId(Uuid::from_u128(n)),
            network_id: NetworkId(Uuid::from_u128(1)),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            fixed_ips: vec![[10, 0, 0, ip].into()],
            admin_state_up: true,
            allowed: None,
            trusted: false,
            groups: None,
            qos: None,
            trunk: None,
            local_ips: Default::default(),
            logs: Default::default(),
        })
    }

    #[test]
    fn the_next_agent_knows_what_was_here() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("state/last");
        let mut want = Wanted::new(Settings::default());
        let (mut last, before) = Last::open(path.clone());
        assert!(before.is_empty());
        want.put(port(1, 1));
        want.put(port(2, 2));
        last.note(&want, &Scope::All);
        want.put(port(2, 3));
        want.put(port(3, 4));
        let (one, two, three) = (port(1, 1).key(), port(2, 3).key(), port(3, 4).key());
        last.note(&want, &want.scope(&[two, three].into(), &[]));
        want.remove(one);
        last.note(&want, &want.scope(&[one].into(), &[]));
        let len = fs::metadata(&path).expect("is there").len();
        last.note(&want, &Scope::All);
        assert_eq!(fs::metadata(&path).expect("is there").len(), len, "what did not change is not written");
        // Torn, as by a crash.
        let mut file = OpenOptions::new().append(true).open(&path).expect("opens");
        file.write_all(b"{\"gone\":{\"kind\":\"po").expect("writes");
        let (mut last, before) = Last::open(path.clone());
        assert_eq!(before, [port(2, 3), port(3, 4)]);
        last.anew_at = 0;
        last.note(&want, &Scope::All);
        want.remove(two);
        last.note(&want, &Scope::All);
        assert_eq!(Last::open(path).1, [port(3, 4)]);
    }
}
