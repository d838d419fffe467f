//! One order, from its words to what became of it.

use std::cell::Cell;
use std::fs::{self, File};

use model::software::{Order, Report, State};
use repo::{Facts, Format};

use super::failure::Failure;
use super::plan::{folder_in_repository, plan, spelt};
use super::worker::Worker;
use crate::fetch::{Wanted, fetch};
use crate::install::{self, Item, Output};
use crate::mailbox::Standing;
use crate::pause::Pause;
use crate::{GuestError, say, trust};

/// How an order ended.
pub struct Ended {
    pub state: State,
    pub reason: String,
    pub output: String,
}

impl Worker {
    /// Does an order to its end. `None`: it is not told any more.
    pub fn carry_out(&mut self, order: &Order) -> Option<Ended> {
        let begun = self.kept.get(order.id).is_some_and(|kept| kept.state == State::Installing);
        let ended = |state, reason: String, output: String| Some(Ended { state, reason, output });
        let result = self.steps(order, begun);
        let output = || Output::of(&self.settings.state).tail();
        match result {
            Ok(output) => ended(State::Installed, String::new(), output),
            Err(failure) if failure.is_stopped() => match self.mailbox.standing(order.id, order.attempt) {
                Standing::Gone => None,
                _ => ended(State::Cancelled, String::new(), String::new()),
            },
            Err(failure @ Failure::Install(_)) => ended(State::Failed, failure.to_string(), output()),
            Err(failure) => ended(State::Failed, failure.to_string(), String::new()),
        }
    }

    fn steps(&mut self, order: &Order, begun: bool) -> Result<String, Failure> {
        let files = self.files();
        let mut items = plan(order, &files)?;
        if begun {
            // The power went, or we were killed: what is there whole needs no second time.
            install::wait_for_earlier(&self.settings)?;
            items.retain(|item| !install::is_installed(&self.settings, item));
        }
        self.download(order, &items)?;
        self.install(order, &items)?;
        let output = if items.is_empty() { String::new() } else { Output::of(&self.settings.state).tail() };
        let archives = items.iter().all(|item| item.format == Format::Archive);
        Ok(if archives { String::new() } else { output })
    }

    /// All files, before the first is installed.
    fn download(&mut self, order: &Order, items: &[Item]) -> Result<(), Failure> {
        let mut pause = Pause::default();
        let all: u64 = items.iter().map(|item| item.ordered.size_bytes).sum();
        let (mut at, mut before) = (0, 0);
        let there = Cell::new(0);
        while let Some(item) = items.get(at) {
            let came = there.get();
            let brought = self.bring(order, item, before, all, &there);
            // A way that breaks again and again, but carries something, is not given up.
            if there.get() > came {
                pause.restart();
            }
            match brought {
                Ok(()) => {
                    (at, before) = (at + 1, before + item.ordered.size_bytes);
                    pause.restart();
                    there.set(0);
                }
                Err(failure) if failure.may_pass(pause.failures()) => {
                    let time = pause.next();
                    let reason = format!("{failure}; tried again in {:.0} s", time.as_secs_f32().ceil());
                    say(&format!("order {}: {reason}", order.id));
                    let report = progress(order, State::Downloading, percent(before, all), reason);
                    self.teller.turn(&self.gateway, order.id, &report);
                    self.mailbox.pause(time, order.id, order.attempt);
                    self.is_wanted(order, &item.ordered.name)?;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// One file: listed and signed, whole, and what it is said to be.
    fn bring(
        &self,
        order: &Order,
        item: &Item,
        before: u64,
        all: u64,
        came: &Cell<u64>,
    ) -> Result<(), Failure> {
        let name = || item.ordered.name.clone();
        self.is_wanted(order, &item.ordered.name)?;
        let folder = folder_in_repository(&item.ordered);
        let untrusted = |why| Failure::Untrusted { name: name(), why };
        let ring = trust::keys(&self.settings, &self.gateway).map_err(untrusted)?;
        trust::check(&ring, &self.gateway, &folder, &item.ordered.file, &item.sum).map_err(untrusted)?;
        let failed = |why| Failure::Fetch { name: name(), why };
        let parent = item.file.parent().unwrap_or(&self.settings.state);
        fs::create_dir_all(parent).map_err(|error| failed(crate::fetch::Failed::Disk(error)))?;
        let wanted = Wanted {
            path: format!("{folder}/{}", spelt(&item.ordered.file)),
            sum: item.sum,
            size: item.ordered.size_bytes,
            file: &item.file,
        };
        let goes_on = |there| {
            came.set(there);
            let report = progress(order, State::Downloading, percent(before + there, all), String::new());
            self.teller.progress(&self.gateway, order.id, &report);
            self.mailbox.standing(order.id, order.attempt) == Standing::Wanted
        };
        fetch(&self.gateway, &wanted, goes_on).map_err(failed)?;
        is_what_it_says(item)
    }

    fn install(&mut self, order: &Order, items: &[Item]) -> Result<(), Failure> {
        if let Some(first) = items.first() {
            self.is_wanted(order, &first.ordered.name)?;
        }
        let of = |done: usize| percent(done as u64, items.len() as u64);
        self.turn(order, progress(order, State::Installing, of(0), String::new()))?;
        let mut done = 0;
        // Neighbours of one format together: they may need each other.
        for group in items.chunk_by(|one, next| one.format == next.format) {
            let (teller, gateway) = (&self.teller, &self.gateway);
            let mut watch = |output: &Output| {
                let mut report = progress(order, State::Installing, of(done), String::new());
                report.output = output.tail();
                teller.progress(gateway, order.id, &report);
            };
            install::install(&self.settings, group, &mut watch)?;
            done += group.len();
        }
        Ok(())
    }

    /// Keeps a turn of an order, then tells it.
    fn turn(&mut self, order: &Order, report: Report) -> Result<(), GuestError> {
        self.kept.put(order.id, report.clone())?;
        self.teller.turn(&self.gateway, order.id, &report);
        Ok(())
    }

    fn is_wanted(&self, order: &Order, name: &str) -> Result<(), Failure> {
        match self.mailbox.standing(order.id, order.attempt) {
            Standing::Wanted => Ok(()),
            _ => Err(Failure::Fetch { name: name.to_owned(), why: crate::fetch::Failed::Stopped }),
        }
    }
}

/// What a file says of itself is what was ordered. Archives say nothing.
fn is_what_it_says(item: &Item) -> Result<(), Failure> {
    let ordered = &item.ordered;
    let malformed = |why: String| Failure::Malformed { name: ordered.name.clone(), why };
    let file = File::open(&item.file).map_err(|error| malformed(error.to_string()))?;
    let facts = repo::read(file, ordered.size_bytes).map_err(|why| malformed(why.to_string()))?;
    let Facts { format, name, version, architecture, .. } = &facts;
    let same = match format {
        Format::Archive => item.format == Format::Archive,
        _ => {
            *format == item.format
                && *name == ordered.name
                && *version == ordered.version
                && (ordered.architecture.is_empty() || *architecture == ordered.architecture)
        }
    };
    let found = format!("{name} {version} {architecture}");
    if same { Ok(()) } else { Err(Failure::OtherPackage { name: ordered.name.clone(), found }) }
}

pub fn progress(order: &Order, state: State, percent: u8, reason: String) -> Report {
    Report { attempt: order.attempt, state, progress_percent: percent, reason, output: String::new() }
}

fn percent(done: u64, all: u64) -> u8 {
    u128::from(done).saturating_mul(100).checked_div(u128::from(all)).map_or(0, |share| share.min(100) as u8)
}
