//! Answers of the software repository, and of whoever else is asked as it is.

use super::Shared;
use super::body::{Broken, Pace, chunked};
use super::link::Asked;
use super::origin::{Failed, Origin};
use super::out::Out;
use crate::head::Method;
use crate::head::answer::Body;

/// Passes an answer on. Says its status, whether it went to its end, and whether another may follow.
pub(super) async fn answer(
    asked: &Asked,
    origin: &Origin,
    request: &[u8],
    out: &mut Out,
    shared: &Shared,
) -> (u16, bool, bool) {
    let Some(_place) = shared.place(asked.who.network).await else {
        let sentence = "too many downloads of this network are under way: try again\n";
        return out.say(asked, 503, "Retry-After: 5\r\n", sentence).await;
    };
    let (mut from, answer) = match origin.ask(request, asked.method).await {
        Ok(answered) => answered,
        Err(failed) => return say(asked, origin, &failed, out).await,
    };
    let stall = std::time::Duration::from_secs(shared.settings.stall_s);
    let pace = Pace { bucket: shared.bucket(asked.who.network), stall };
    // Who knows no chunks learns the end by the end of the connection.
    let ends = matches!((answer.body, asked.old), (Body::UntilEnd, _) | (Body::Chunked, true));
    let stays = asked.stays && !ends;
    let mut head = Vec::with_capacity(1024 + from.buffer.len());
    answer.write(&mut head, asked.method, !asked.old, stays, asked.old);
    let body = async {
        match answer.body {
            Body::Bytes(length) => {
                let there = length.min(from.buffer.len() as u64) as usize;
                head.extend(from.buffer.drain(..there));
                pace.wait(head.len()).await;
                out.send(&head).await?;
                shared.pipes.bytes(&mut from, out, length - there as u64, &pace).await?;
                // What a copy read is all used.
                if length > there as u64 {
                    from.buffer.clear();
                }
            }
            Body::Chunked => {
                out.send(&head).await?;
                chunked(&mut from, out, asked.old, &pace).await?;
            }
            Body::UntilEnd => {
                head.append(&mut from.buffer);
                out.send(&head).await?;
                shared.pipes.until_end(&mut from, out, &pace).await?;
            }
        }
        Ok::<(), Broken>(())
    };
    let whole = body.await;
    // Bytes beyond the answer's end are of nobody's answer.
    if whole.is_ok() && answer.stays && from.buffer.is_empty() {
        origin.keep(from);
    }
    if let Err(Broken::Origin) = whole {
        tracing::warn!(of = origin.name, "an answer broke off");
    }
    (answer.status, whole.is_ok(), stays)
}

async fn say(asked: &Asked, origin: &Origin, failed: &Failed, out: &mut Out) -> (u16, bool, bool) {
    tracing::warn!(of = origin.name, %failed, "no answer");
    let (status, rest) = match failed {
        Failed::Slow => (504, "took too long: try again"),
        Failed::Malformed(_) => (502, "answers what cannot be understood"),
        Failed::Unreached(_) | Failed::Ended(_) => (502, "is not reached at this moment: try again"),
    };
    debug_assert!(asked.method != Method::Post, "only reads are passed on");
    out.say(asked, status, "Retry-After: 5\r\n", &format!("{} {rest}\n", origin.name)).await
}
