//! What others write: messages of a socket as ctpurge reads them, and what the kernel shows of connections.
//! A job that passes its check is planned and asked about an entry; the answer is that of the definition.
#![no_main]

use host::purge::{Matcher, Numbers, Plan, asks};
use kernel::conntrack;
use model::purge::{Job, Request, What, decode, frame_len};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let found = conntrack::parse(bytes).ok();
    if let Some(head) = bytes.first_chunk::<4>() {
        let _ = frame_len(*head);
    }
    // A message, and behind a zero byte an entry.
    let (message, entry) = match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &bytes[..0]),
    };
    let entry = conntrack::parse(entry).ok().or(found);
    let jobs = match decode::<Request>(message) {
        Ok(Request::Submit { jobs }) => jobs,
        _ => decode::<Job>(message).into_iter().collect(),
    };
    let good: Vec<&What> = jobs.iter().filter(|job| job.check().is_ok()).map(|job| &job.what).collect();
    let Some(entry) = entry.filter(|_| !good.is_empty()) else { return };
    let numbered: Vec<(u32, &What)> = (0..).zip(good.iter().copied()).collect();
    let plan = Plan::new(&numbered, Numbers { first: 2, second: 2 });
    let mut hits = Vec::new();
    let goes = plan.batches().take(100).any(|batch| Matcher::new(&batch, 7).judge(&entry.connection, &mut hits));
    if plan.count() <= 100 {
        assert_eq!(goes, good.iter().any(|what| asks(what, &entry.connection)));
    }
});
