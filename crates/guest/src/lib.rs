//! Follows install orders inside an instance: takes them from the gateway, downloads, checks, installs, tells.
//!
//! ```text
//! options  what an operator says            http/     requests to the gateway, one connection each
//! mailbox  the newest orders; a thread      kept      what became of each, through kills and power cuts
//! work     one order after another          trust     keys, and lists of sums that they signed
//! fetch    a file, whole and right          install/  dpkg and apt, rpm and dnf, archives
//! tell     what became of it, to the gateway
//! ```
//! Who may order what is decided far from here. Nothing that comes is believed: sums are those of the order and
//! of a list that a trusted key signed. It needs no name service and no runtime, so it links statically.

mod error;
mod fetch;
pub mod http;
mod install;
mod kept;
mod mailbox;
mod options;
mod pause;
mod status;
mod tell;
mod trust;
mod unit;
mod work;

use std::process::ExitCode;
use std::sync::Arc;

pub use error::GuestError;
pub use options::{Command, Settings};

/// Does what is asked on the command line.
pub fn run(command: Command) -> Result<ExitCode, GuestError> {
    match command {
        Command::Run(settings) => {
            let worker = work::Worker::open(settings, Arc::default())?;
            worker.run()
        }
        Command::Once(settings) => work::Worker::open(settings, Arc::default())?.once(),
        Command::Status { state, json } => status::print(&state, json),
        Command::Unit { rc } => {
            print!("{}", unit::text(rc));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A line for people: in the journal, or wherever the standard error goes.
fn say(line: &str) {
    eprintln!("neutrino-guest: {line}");
}
