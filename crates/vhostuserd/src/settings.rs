//! What an operator says of vhostuserd.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::VhostuserdError;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where virtual machine monitors make their sockets. Whoever may write here may be any port of this host.
    pub socket_dir: PathBuf,
    /// The network namespace of the devices; the process's own when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<PathBuf>,
    /// The most instances at a time. Each takes a thread, some descriptors and 128 KiB.
    pub ports: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { socket_dir: "/var/lib/neutrino/vhostuser".into(), namespace: None, ports: 512 }
    }
}

impl Settings {
    pub fn check(&self) -> Result<(), VhostuserdError> {
        let refuse = |option, why| Err(VhostuserdError::Setting { option, why });
        if !self.socket_dir.is_absolute() {
            return refuse("socket_dir", "is an absolute path");
        }
        // An address of a socket has room for 107 bytes.
        if self.socket_dir.as_os_str().len() > 90 {
            return refuse("socket_dir", "is at most 90 bytes long, for a socket in it to have an address");
        }
        if !(1..=4096).contains(&self.ports) {
            return refuse("ports", "is from 1 to 4096");
        }
        Ok(())
    }

    pub(crate) fn namespace(&self) -> PathBuf {
        self.namespace.clone().unwrap_or_else(kernel::netns::own)
    }
}
