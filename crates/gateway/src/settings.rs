//! What an operator says of the gateways.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::GatewayError;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where the two meet; the management gateway listens.
    pub socket: PathBuf,
    /// Users besides root as which the other gateway and those who tell may run, by number.
    pub users: Vec<u32>,
    pub tenant: Tenant,
    pub management: Management,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tenant {
    /// Where it is told which networks there are.
    pub control: PathBuf,
    /// Where namespaces are kept by name.
    pub netns_dir: PathBuf,
    /// Connections at a time: in all, of a network, of a port.
    pub connections: u32,
    pub connections_of_network: u32,
    pub connections_of_port: u32,
    /// Seconds for a request to arrive whole, and for the next to begin.
    pub head_s: u64,
    pub idle_s: u64,
    /// Requests of a network that are logged in a second, at most.
    pub log_per_s: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Management {
    /// Where it is told who is in the networks.
    pub control: PathBuf,
    /// The namespace that reaches the repository; the process's own when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<PathBuf>,
    /// HOST:PORT of the repository.
    pub repository: String,
    /// The file with what the repository must hear of its gateways; nothing when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_secret_file: Option<PathBuf>,
    /// Where the platform reaches towards instances, with the secret in the file; nowhere when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// HOST:PORT of a metadata service such as Nova's, and the file with the secret shared with it; what is asked
    /// of metadata is answered here when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_secret_file: Option<PathBuf>,
    /// Seconds for the repository to take a connection, to begin an answer, and for either side to stand still.
    pub connect_s: u64,
    pub answer_s: u64,
    pub stall_s: u64,
    /// Answers of the repository to one network at a time; others wait for their turn.
    pub answers_of_network: u32,
    /// Who reads less than this in a second, over the time to stand still, is standing still; 0: who reads nothing.
    pub least_bytes_per_s: u64,
    /// Of all answers of a network together, if nothing else is said of it; 0 stands for any number.
    pub bytes_per_s: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            socket: "/run/neutrino/gateway.sock".into(),
            users: Vec::new(),
            tenant: Tenant::default(),
            management: Management::default(),
        }
    }
}

impl Default for Tenant {
    fn default() -> Tenant {
        Tenant {
            control: "/run/neutrino/gateway-tenant.sock".into(),
            netns_dir: "/run/netns".into(),
            connections: 16384,
            connections_of_network: 1024,
            connections_of_port: 128,
            head_s: 10,
            idle_s: 60,
            log_per_s: 100,
        }
    }
}

impl Default for Management {
    fn default() -> Management {
        Management {
            control: "/run/neutrino/gateway-management.sock".into(),
            namespace: None,
            repository: "127.0.0.1:9798".to_owned(),
            repository_secret_file: None,
            bind: None,
            secret_file: None,
            metadata: None,
            metadata_secret_file: None,
            connect_s: 3,
            answer_s: 60,
            stall_s: 60,
            answers_of_network: 64,
            least_bytes_per_s: 1024,
            bytes_per_s: 0,
        }
    }
}

impl Settings {
    pub fn check(&self) -> Result<(), GatewayError> {
        let within = |option, number: u64, from: u64, to: u64, why| match (from..=to).contains(&number) {
            true => Ok(()),
            false => Err(GatewayError::Setting { option, why }),
        };
        let tenant = &self.tenant;
        within("tenant.connections", tenant.connections.into(), 1, 400_000, "is from 1 to 400000")?;
        for (option, seconds) in [
            ("tenant.head_s", tenant.head_s),
            ("tenant.idle_s", tenant.idle_s),
            ("management.connect_s", self.management.connect_s),
            ("management.answer_s", self.management.answer_s),
            ("management.stall_s", self.management.stall_s),
        ] {
            within(option, seconds, 1, 3600, "is from 1 to 3600")?;
        }
        let answers = self.management.answers_of_network.into();
        within("management.answers_of_network", answers, 1, 1024, "is from 1 to 1024")?;
        let both = |option, one: bool, other: bool| match one == other {
            true => Ok(()),
            false => {
                Err(GatewayError::Setting { option, why: "is given together with its secret, or not at all" })
            }
        };
        let management = &self.management;
        both("management.bind", management.bind.is_some(), management.secret_file.is_some())?;
        both("management.metadata", management.metadata.is_some(), management.metadata_secret_file.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_without_a_secret_is_refused() {
        assert!(Settings::default().check().is_ok());
        let mut open = Settings::default();
        open.management.bind = Some(([192, 0, 2, 1], 8081).into());
        assert!(open.check().expect_err("refused").to_string().contains("management.bind"));
    }
}
