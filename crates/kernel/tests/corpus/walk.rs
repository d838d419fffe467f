//! What arbitrary bytes go through: the reader of messages, the check of jobs, the parser of entries; and
//! a job that passes is planned and asked about the entry, where the answer is that of the definition.

use host::purge::{Matcher, Numbers, Plan, asks};
use kernel::conntrack;
use model::purge::{Job, Request, What};

/// A message, and behind a zero byte what the kernel might show; true when both could be read.
pub fn bytes(bytes: &[u8]) -> bool {
    let found = conntrack::parse(bytes).ok();
    let (message, entry) = match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &bytes[..0]),
    };
    let jobs = match serde_json::from_slice(message) {
        Ok(Request::Submit { jobs }) => jobs,
        _ => serde_json::from_slice::<Job>(message).into_iter().collect(),
    };
    let good: Vec<&What> = jobs.iter().filter(|job| job.check().is_ok()).map(|job| &job.what).collect();
    let Some(entry) = conntrack::parse(entry).ok().or(found).filter(|_| !good.is_empty()) else {
        return false;
    };
    let numbered: Vec<(u32, &What)> = (0..).zip(good.iter().copied()).collect();
    let plan = Plan::new(&numbered, Numbers { first: 2, second: 2 });
    let mut hits = Vec::new();
    let mut batches = plan.batches().take(100);
    let goes = batches.any(|batch| Matcher::new(&batch, 7).judge(&entry.connection, &mut hits));
    if plan.count() <= 100 {
        assert_eq!(goes, good.iter().any(|what| asks(what, &entry.connection)));
    }
    true
}
