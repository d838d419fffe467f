//! What the worker tells the house of neighbours: as much as the house can be behind, and if it was more, that it
//! was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use vswitch::Event;

/// Events that wait to be looked at.
const MOST: usize = 4096;

/// The worker's end.
pub(crate) struct Tell {
    events: SyncSender<Event>,
    overrun: Arc<AtomicBool>,
    wake: Box<dyn Fn() + Send>,
}

/// The house's end.
pub(crate) struct Happened {
    events: Receiver<Event>,
    overrun: Arc<AtomicBool>,
}

/// `wake`: there is something to take.
pub(crate) fn line(wake: Box<dyn Fn() + Send>) -> (Tell, Happened) {
    let (told, events) = sync_channel(MOST);
    let overrun = Arc::new(AtomicBool::new(false));
    (Tell { events: told, overrun: Arc::clone(&overrun), wake }, Happened { events, overrun })
}

impl Tell {
    /// Whoever moves frames waits for nobody: what finds no room is not told.
    pub fn tell(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.overrun.store(true, Ordering::Release);
        }
        (self.wake)();
    }

    /// Something else changed than neighbours: all is to be looked at again.
    pub fn all(&self) {
        self.overrun.store(true, Ordering::Release);
        (self.wake)();
    }
}

impl Happened {
    /// All that was told, and whether there was more: then what is known is to be asked for whole.
    pub fn take(&self) -> (Vec<Event>, bool) {
        let overrun = self.overrun.swap(false, Ordering::Acquire);
        (self.events.try_iter().take(MOST).collect(), overrun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_who_listens_costs_no_memory_and_an_overrun_is_told_once() {
        let (tell, happened) = line(Box::new(|| {}));
        let lost = |link| Event::Lost {
            link,
            ip: [192, 0, 2, 1].into(),
            mac: "02:00:00:00:00:02".parse().expect("a MAC"),
        };
        tell.tell(lost(7));
        assert_eq!(happened.take(), (vec![lost(7)], false));
        (0..3 * MOST as u32).for_each(|link| tell.tell(lost(link)));
        let (events, overrun) = happened.take();
        assert_eq!((events.len(), events.first(), overrun), (MOST, Some(&lost(0)), true));
        assert_eq!(happened.take(), (Vec::new(), false));
    }
}
