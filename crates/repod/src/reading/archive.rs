//! Files of any format by name and version, with their signed sums: what the guest program installs.

use repo::Sha256;
use repo::index::sums::sums;

use super::Reading;
use crate::error::Refusal;
use crate::http::Answer;
use crate::publish::{Card, Entry};

const TEXT: &str = "text/plain; charset=utf-8";

pub async fn answer(reading: &Reading<'_>, path: &[&str]) -> Result<Answer, Refusal> {
    let [name, version, file] = path else { return Err(Refusal::NotFound) };
    let mut all: Vec<(&Card, &Entry)> = reading
        .published
        .of_name(name, version)
        .filter(|entry| entry.version.is_seen_by(&reading.project))
        .filter_map(|entry| Some((entry.card.as_ref()?, entry)))
        .collect();
    // Of files of one name: one's own, then what everybody sees, then what some other shares, who does not take
    // over a name by that; never one yanked before one that is not.
    all.sort_by_key(|(card, entry)| {
        let version = &entry.version;
        let rank = match version {
            own if own.project == reading.project => 0,
            public if public.is_public() => 1,
            _ => 2,
        };
        (&card.file, version.yanked, rank, &version.id)
    });
    all.dedup_by_key(|(card, _)| &card.file);
    if all.is_empty() {
        return Err(Refusal::NotFound);
    }
    let at = all.iter().map(|(card, _)| card.since).max().unwrap_or_default();
    let listed = all.iter().filter(|(_, entry)| !entry.version.yanked);
    let text = sums(listed.map(|(card, entry)| (card.file.as_str(), entry.version.sha256)));
    match *file {
        "SHA256SUMS" => reading.made(text, at, TEXT).await,
        "SHA256SUMS.asc" => {
            let signature = reading.detached(text.as_bytes(), at);
            reading.made(signature, at, "application/pgp-signature").await
        }
        file => {
            let found = all.iter().find(|(card, _)| card.file == file).ok_or(Refusal::NotFound)?;
            let sum: Sha256 = found.1.version.sha256;
            reading.send(&sum, found.0).await
        }
    }
}
