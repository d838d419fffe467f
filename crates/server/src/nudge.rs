//! How a task is told what to look at before its time: one thing, or all. What it is about is in the
//! database; a nudge that is lost with the process costs until the next sweep.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Interval, MissedTickBehavior};

/// What a task is asked to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nudge<Id> {
    One(Id),
    All,
}

/// The end that asks.
pub struct Nudger<Id>(UnboundedSender<Nudge<Id>>);

/// The task's own end.
pub struct Nudges<Id>(UnboundedReceiver<Nudge<Id>>);

pub fn channel<Id>() -> (Nudger<Id>, Nudges<Id>) {
    let (asks, asked) = unbounded_channel();
    (Nudger(asks), Nudges(asked))
}

impl<Id> Nudger<Id> {
    pub fn one(&self, id: Id) {
        // Nobody listens once the server stops.
        let _ = self.0.send(Nudge::One(id));
    }

    pub fn all(&self) {
        let _ = self.0.send(Nudge::All);
    }
}

impl<Id: Ord> Nudges<Id> {
    /// All that was asked since the last turn, each once; everything when it is time for that. `None`:
    /// nobody is left who could ask.
    pub async fn next(&mut self, sweep: &mut Interval) -> Option<BTreeSet<Nudge<Id>>> {
        let first = tokio::select! {
            nudge = self.0.recv() => nudge?,
            _ = sweep.tick() => Nudge::All,
        };
        let mut due = BTreeSet::from([first]);
        while let Ok(nudge) = self.0.try_recv() {
            due.insert(nudge);
        }
        Some(due)
    }
}

/// Time for everything, at once and then this often.
pub fn sweep(every: Duration) -> Interval {
    let mut sweep = tokio::time::interval(every);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    sweep
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_asked_often_is_looked_at_once() {
        let (asks, mut asked) = channel();
        let mut sweep = sweep(Duration::from_secs(3600));
        assert_eq!(asked.next(&mut sweep).await, Some([Nudge::All].into()), "everything at first");
        for id in [2, 1, 2] {
            asks.one(id);
        }
        asks.all();
        let all = [Nudge::One(1), Nudge::One(2), Nudge::All];
        assert_eq!(asked.next(&mut sweep).await, Some(all.into()));
        drop(asks);
        assert_eq!(asked.next(&mut sweep).await, None);
    }
}
