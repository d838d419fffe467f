//! From a file that is right to software that is installed.
//!
//! ```text
//! deb      apt-get, or dpkg where there is none    command  a program of the system, through a kill of ours
//! rpm      dnf, or rpm where there is none         output   the last of what it says
//! archive  a folder in one step                    unpack   entries of a tar file that stay below it
//! ```

mod archive;
mod command;
mod deb;
mod output;
mod rpm;
mod unpack;

use std::path::PathBuf;

use model::software::Ordered;
use repo::Format;

use crate::Settings;

pub use command::Unable;
pub use output::Output;

/// A file of an order, downloaded and right.
#[derive(Clone, Debug)]
pub struct Item {
    pub format: Format,
    pub ordered: Ordered,
    pub sum: repo::Sha256,
    pub file: PathBuf,
}

/// Installs files of one format. `watch` is called while it takes its time.
pub fn install(settings: &Settings, items: &[Item], watch: &mut dyn FnMut(&Output)) -> Result<(), Unable> {
    let Some(first) = items.first() else { return Ok(()) };
    match first.format {
        Format::Deb => deb::install(settings, items, watch),
        Format::Rpm => rpm::install(settings, items, watch),
        Format::Archive => items.iter().try_for_each(|item| archive::install(settings, item)),
    }
}

/// Whether this very version is there, whole.
pub fn is_installed(settings: &Settings, item: &Item) -> bool {
    match item.format {
        Format::Deb => deb::is_installed(&item.ordered),
        Format::Rpm => rpm::is_installed(&item.ordered),
        Format::Archive => archive::is_installed(settings, item),
    }
}

/// Waits for an installer that an earlier run of this program began, and that outlived it.
pub fn wait_for_earlier(settings: &Settings) -> Result<(), Unable> {
    command::lock(settings).map(drop)
}

/// Where an archive goes.
pub fn archive_folder(settings: &Settings, item: &Item) -> PathBuf {
    settings.folder.join(&item.ordered.name).join(&item.ordered.version)
}
