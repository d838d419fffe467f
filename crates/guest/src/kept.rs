//! What became of orders, in a file that is old or new whatever happens.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use model::SoftwareOrderId;
use model::software::Report;
use serde::{Deserialize, Serialize};

use crate::GuestError;

const FILE: &str = "state.json";

/// The newest of each order, as it was or is to be told.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Orders {
    #[serde(default)]
    pub orders: BTreeMap<SoftwareOrderId, Report>,
}

#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    all: Orders,
}

impl Kept {
    pub fn open(folder: &Path) -> Result<Kept, GuestError> {
        Ok(Kept { folder: folder.to_owned(), all: read(folder)? })
    }

    pub fn get(&self, order: SoftwareOrderId) -> Option<&Report> {
        self.all.orders.get(&order)
    }

    /// Keeps it before anything else happens.
    pub fn put(&mut self, order: SoftwareOrderId, report: Report) -> Result<(), GuestError> {
        self.all.orders.insert(order, report);
        self.write()
    }

    /// Forgets all but some.
    pub fn retain(&mut self, known: impl Fn(&SoftwareOrderId) -> bool) -> Result<(), GuestError> {
        let before = self.all.orders.len();
        self.all.orders.retain(|order, _| known(order));
        if self.all.orders.len() == before { Ok(()) } else { self.write() }
    }

    fn write(&self) -> Result<(), GuestError> {
        let path = self.folder.join(FILE);
        let text = serde_json::to_vec_pretty(&self.all).expect("ids and texts are JSON");
        replace(&path, &text).map_err(GuestError::io("write", path))
    }
}

/// What is kept in a folder. A file that is damaged is as none: orders are looked at again.
pub fn read(folder: &Path) -> Result<Orders, GuestError> {
    let path = folder.join(FILE);
    match fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Orders::default()),
        Err(error) => Err(GuestError::io("read", path)(error)),
    }
}

/// Puts bytes in the place of a file, through a power cut.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    settle(path.parent().unwrap_or(Path::new("/")))
}

/// What was renamed in a folder stays so through a power cut.
pub fn settle(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use model::software::State;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_kept_is_there_again_and_damage_is_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let order = |number| SoftwareOrderId(Uuid::from_u128(number));
        let report = |state| Report {
            attempt: 1,
            state,
            progress_percent: 5,
            reason: String::new(),
            output: String::new(),
        };
        let mut kept = Kept::open(folder.path()).unwrap();
        kept.put(order(1), report(State::Installing)).unwrap();
        kept.put(order(2), report(State::Failed)).unwrap();
        kept.retain(|id| *id == order(1)).unwrap();
        let again = Kept::open(folder.path()).unwrap();
        assert_eq!((again.get(order(1)), again.get(order(2))), (Some(&report(State::Installing)), None));
        fs::write(folder.path().join(FILE), "{\"orders\": {").unwrap();
        assert!(Kept::open(folder.path()).unwrap().get(order(1)).is_none());
    }
}
