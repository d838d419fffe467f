//! Keys that are trusted, and lists of sums that they signed.

use repo::Sha256;
use repo::index::sums::sum_of;
use repo::sign::{Keyring, NoKeys};
use std::fs;
use std::io;

use crate::http::{Broken, Gateway};
use crate::kept::replace;
use crate::{Settings, say};

const MAX_KEYS: usize = 256 << 10;
const MAX_LIST: usize = 1 << 20;
const MAX_SIGNATURE: usize = 64 << 10;
/// A list and its signature are two answers; between them, the list may change.
const TRIES: u32 = 3;

#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    #[error("no key is trusted: {0} is not there. Write it by user data, or run with --trust-first")]
    NoKey(String),
    #[error("{file}: {why}")]
    BadKey { file: String, why: NoKeys },
    #[error("cannot read or keep {0}: {1}")]
    Io(String, #[source] io::Error),
    #[error("the list of sums is not signed by a trusted key ({0})")]
    Unsigned(#[from] repo::sign::Unsigned),
    #[error("the list of sums is no text")]
    NoText,
    #[error("the signed list of sums does not have {0}: it was taken back, or is not for this project")]
    NotListed(String),
    #[error("the signed list of sums has another sum for {0} than the order")]
    OtherSum(String),
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// The keys: from the file, else those that were trusted first.
pub fn keys(settings: &Settings, gateway: &Gateway) -> Result<Keyring, Untrusted> {
    let first = settings.state.join("key.asc");
    for file in [&settings.key, &first] {
        let shown = file.display().to_string();
        match fs::read_to_string(file) {
            Ok(text) => return Keyring::read(&text).map_err(|why| Untrusted::BadKey { file: shown, why }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Untrusted::Io(shown, error)),
        }
        if !settings.trust_first {
            return Err(Untrusted::NoKey(shown));
        }
    }
    let bytes = gateway.get("/key.asc", &[])?.small(MAX_KEYS)?;
    let text = String::from_utf8(bytes).map_err(|_| Untrusted::NoText)?;
    let file = first.display().to_string();
    let ring = Keyring::read(&text).map_err(|why| Untrusted::BadKey { file: file.clone(), why })?;
    replace(&first, text.as_bytes()).map_err(|error| Untrusted::Io(file, error))?;
    let ids: Vec<String> = ring.ids().map(ToString::to_string).collect();
    say(&format!("trusts the keys that came first: {}", ids.join(", ")));
    Ok(ring)
}

/// Whether a trusted key signed that the file of this folder has this sum.
pub fn check(
    ring: &Keyring,
    gateway: &Gateway,
    folder: &str,
    file: &str,
    sum: &Sha256,
) -> Result<(), Untrusted> {
    let mut why = None;
    for _ in 0..TRIES {
        let get = |name: &str, most| {
            let answer = gateway.get(&format!("{folder}/{name}"), &[])?.small(most)?;
            String::from_utf8(answer).map_err(|_| Untrusted::NoText)
        };
        let list = get("SHA256SUMS", MAX_LIST)?;
        let signature = get("SHA256SUMS.asc", MAX_SIGNATURE)?;
        match ring.check(list.as_bytes(), &signature) {
            Ok(()) => {
                return match sum_of(&list, file) {
                    Some(listed) if listed == *sum => Ok(()),
                    Some(_) => Err(Untrusted::OtherSum(file.to_owned())),
                    None => Err(Untrusted::NotListed(file.to_owned())),
                };
            }
            Err(unsigned) => why = Some(unsigned),
        }
    }
    Err(why.map_or(Untrusted::NoText, Untrusted::Unsigned))
}
