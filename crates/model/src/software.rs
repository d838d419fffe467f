//! Install orders: what the instance behind a port is to install, and what it says of that.
//!
//! The same words go from server to host, from host to gateway, and to the guest program, which has them as
//! JSON: `GET /orders` answers [`Orders`], `POST /orders/ID` takes a [`Report`].

use serde::{Deserialize, Serialize};

use crate::SoftwareOrderId;

/// Orders of one port at a time.
pub const ORDERS: usize = 64;
/// Packages of one order.
pub const PACKAGES: usize = 64;
/// Characters of a reason at most.
pub const REASON: usize = 500;
/// Bytes of an installer's output that are kept, its last.
pub const OUTPUT_BYTES: usize = 4096;

/// All orders of a port.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Orders {
    /// Grows with every change.
    pub revision: i64,
    pub orders: Vec<Order>,
}

/// What one port's instance is to do. Orders that ended are not told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    pub id: SoftwareOrderId,
    /// Grows when it is to be tried again.
    #[serde(default)]
    pub attempt: u32,
    /// What was not begun shall not begin.
    #[serde(default)]
    pub cancelled: bool,
    /// In this order.
    pub packages: Vec<Ordered>,
}

/// A file, and where the repository has it: `/archive/NAME/VERSION/FILE`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ordered {
    /// `deb`, `rpm` or `archive`.
    pub format: String,
    pub name: String,
    pub version: String,
    #[serde(default)]
    pub architecture: String,
    pub file: String,
    /// In hexadecimal digits.
    pub sha256: String,
    pub size_bytes: u64,
}

/// What became of an order in one instance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    #[serde(default)]
    pub attempt: u32,
    pub state: State,
    /// Of the bytes to download, or of the packages to install.
    #[serde(default)]
    pub progress_percent: u8,
    /// Why it failed.
    #[serde(default)]
    pub reason: String,
    /// The last of what the installer said.
    #[serde(default)]
    pub output: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Pending,
    Downloading,
    Installing,
    Installed,
    Failed,
    Cancelled,
}

impl State {
    pub const ALL: [State; 6] = [
        State::Pending,
        State::Downloading,
        State::Installing,
        State::Installed,
        State::Failed,
        State::Cancelled,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Downloading => "downloading",
            State::Installing => "installing",
            State::Installed => "installed",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }

    /// Nothing more becomes of it.
    pub const fn has_ended(self) -> bool {
        matches!(self, State::Installed | State::Failed | State::Cancelled)
    }
}

impl Report {
    /// Holds what an instance says to what one may say.
    pub fn bounded(mut self) -> Report {
        for text in [&mut self.reason, &mut self.output] {
            // Not every database stores it.
            text.retain(|letter| letter != '\0');
        }
        if let Some((end, _)) = self.reason.char_indices().nth(REASON) {
            self.reason.truncate(end);
        }
        let too_many = self.output.len().saturating_sub(OUTPUT_BYTES);
        let from = (too_many..).find(|at| self.output.is_char_boundary(*at)).unwrap_or_default();
        self.output.drain(..from);
        self.progress_percent = self.progress_percent.min(100);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_instance_says_is_bounded() {
        let said = Report {
            attempt: 0,
            state: State::Failed,
            progress_percent: 200,
            reason: "é".repeat(REASON + 1) + "\0",
            output: "a\0".to_owned() + &"é".repeat(OUTPUT_BYTES / 2) + "b",
        };
        let kept = said.bounded();
        assert_eq!((kept.reason.chars().count(), kept.progress_percent), (REASON, 100));
        assert_eq!(kept.output.len(), OUTPUT_BYTES - 1, "a letter is not cut");
        assert!(kept.output.ends_with("éb"));
    }
}
