//! What there is to do, and what was done.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use model::software::{Order, Orders, Report, State};

use super::order::{Ended, progress};
use super::plan::folder_of;
use crate::http::Gateway;
use crate::kept::Kept;
use crate::mailbox::{self, Mailbox};
use crate::tell::Teller;
use crate::{GuestError, Settings, say};

pub struct Worker {
    pub(super) settings: Settings,
    pub(super) gateway: Arc<Gateway>,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) kept: Kept,
    pub(super) teller: Teller,
    /// Held as long as it works: one at a time on a folder.
    _lock: File,
}

impl Worker {
    pub fn open(settings: Settings, mailbox: Arc<Mailbox>) -> Result<Worker, GuestError> {
        let state = &settings.state;
        let files = state.join("files");
        fs::create_dir_all(&files).map_err(GuestError::io("make", &files))?;
        // apt reads files as a user of its own.
        for folder in [state, &files] {
            let open = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
            open.map_err(GuestError::io("open", folder))?;
        }
        let path = state.join("lock");
        let lock = File::create(&path).map_err(GuestError::io("write", &path))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => GuestError::Busy(state.clone()),
            TryLockError::Error(error) => GuestError::io("lock", &path)(error),
        })?;
        let kept = Kept::open(state)?;
        let gateway = Arc::new(Gateway::new(&settings.gateway));
        Ok(Worker { settings, gateway, mailbox, kept, teller: Teller::new(), _lock: lock })
    }

    /// Follows orders until the process ends.
    pub fn run(mut self) -> Result<ExitCode, GuestError> {
        let (gateway, mailbox) = (Arc::clone(&self.gateway), Arc::clone(&self.mailbox));
        let wait_s = self.settings.wait_s;
        let asking = thread::Builder::new().spawn(move || mailbox::follow(&gateway, wait_s, &mailbox));
        asking.map_err(GuestError::io("start a thread in", &self.settings.state))?;
        say("follows orders");
        let mut seen = 0;
        loop {
            let (count, orders) = self.mailbox.after(seen);
            seen = count;
            self.all(&orders)?;
        }
    }

    /// Does what is ordered at this moment.
    pub fn once(mut self) -> Result<ExitCode, GuestError> {
        let orders = mailbox::ask(&self.gateway, None)?;
        self.mailbox.put(orders.clone());
        self.all(&orders)?;
        let ended = |order: &Order| self.kept.get(order.id).map(|kept| kept.state);
        let failed = orders.orders.iter().any(|order| ended(order) == Some(State::Failed));
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn all(&mut self, orders: &Orders) -> Result<(), GuestError> {
        self.kept.retain(|id| orders.orders.iter().any(|order| order.id == *id))?;
        for order in &orders.orders {
            match self.kept.get(order.id) {
                // Of a try that is over, or that this list does not know.
                Some(kept) if kept.attempt > order.attempt => {}
                // It is still told, so its end was not heard.
                Some(kept) if kept.attempt == order.attempt && kept.state.has_ended() => {
                    self.teller.end(&self.gateway, order.id, kept);
                }
                kept => {
                    let begun = kept
                        .is_some_and(|kept| kept.attempt == order.attempt && kept.state == State::Installing);
                    self.one(order, begun)?;
                }
            }
        }
        self.sweep(orders);
        Ok(())
    }

    fn one(&mut self, order: &Order, begun: bool) -> Result<(), GuestError> {
        let ended = if order.cancelled && !begun {
            Some(Ended { state: State::Cancelled, reason: String::new(), output: String::new() })
        } else {
            if !begun {
                let report = progress(order, State::Downloading, 0, String::new());
                self.kept.put(order.id, report.clone())?;
                self.teller.turn(&self.gateway, order.id, &report);
            }
            self.carry_out(order)
        };
        let Some(Ended { state, reason, output }) = ended else { return Ok(()) };
        let more = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        say(&format!("order {}: {}{more}", order.id, state.as_str()));
        let progress_percent = if state == State::Installed { 100 } else { 0 };
        let report = Report { attempt: order.attempt, state, progress_percent, reason, output }.bounded();
        self.kept.put(order.id, report.clone())?;
        self.teller.end(&self.gateway, order.id, &report);
        Ok(())
    }

    pub(super) fn files(&self) -> PathBuf {
        self.settings.state.join("files")
    }

    /// Removes files that no order still needs.
    fn sweep(&self, orders: &Orders) {
        let files = self.files();
        let open = |order: &&Order| self.kept.get(order.id).is_none_or(|kept| !kept.state.has_ended());
        let needed: Vec<PathBuf> = orders
            .orders
            .iter()
            .filter(open)
            .flat_map(|order| &order.packages)
            .filter_map(|ordered| ordered.sha256.parse().ok().map(|sum| folder_of(&files, &sum)))
            .collect();
        for entry in fs::read_dir(&files).into_iter().flatten().flatten() {
            if !needed.contains(&entry.path()) {
                let _ = fs::remove_dir_all(entry.path()); // The next sweep tries again.
            }
        }
    }
}
