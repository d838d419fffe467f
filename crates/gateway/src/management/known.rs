//! What is kept of a network that was told: ten thousand ports take little, and most have nothing to tell of
//! themselves.

use std::net::IpAddr;
use std::sync::Arc;

use model::PortId;
use model::gateway::{About, Limits, Network, Port};

#[derive(Debug)]
pub(super) struct Known {
    pub limits: Limits,
    ports: Box<[KnownPort]>,
}

#[derive(Debug)]
struct KnownPort {
    id: PortId,
    /// Mostly one for all of a network.
    project: Arc<str>,
    instance: Box<str>,
    addresses: Box<[IpAddr]>,
    about: Option<Box<About>>,
}

impl Known {
    /// Copies: what is kept lies together while all that was read is still there, which then goes as a whole.
    pub fn of(network: &Network) -> Known {
        let mut project: Arc<str> = Arc::default();
        let ports = network.ports.iter().map(|port| {
            if *project != *port.project {
                project = port.project.as_str().into();
            }
            KnownPort {
                id: port.id,
                project: Arc::clone(&project),
                instance: port.instance.as_str().into(),
                addresses: port.addresses.as_slice().into(),
                about: (port.about != About::default()).then(|| Box::new(port.about.clone())),
            }
        });
        Known { limits: network.limits, ports: ports.collect() }
    }

    pub fn ids(&self) -> impl Iterator<Item = PortId> {
        self.ports.iter().map(|port| port.id)
    }

    /// A port as it was told, without its orders: they are in its mailbox.
    pub fn port(&self, id: PortId) -> Option<Port> {
        let port = self.ports.iter().find(|port| port.id == id)?;
        Some(Port {
            id,
            project: port.project.to_string(),
            instance: port.instance.to_string(),
            addresses: port.addresses.to_vec(),
            about: port.about.as_deref().cloned().unwrap_or_default(),
            orders: Default::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_as_it_was_told() {
        let network: Network = serde_json::from_str(
            r#"{"id": "00000000-0000-0000-0000-000000000001", "namespace": "n", "listen": [], "ports": [
                {"id": "00000000-0000-0000-0000-000000000002", "project": "p", "instance": "i",
                 "addresses": ["10.0.0.2", "2001:db8::2"]},
                {"id": "00000000-0000-0000-0000-000000000003", "project": "p", "instance": "j",
                 "addresses": [], "about": {"hostname": "web"}},
                {"id": "00000000-0000-0000-0000-000000000004", "project": "q", "instance": "k",
                 "addresses": []}]}"#,
        )
        .expect("reads");
        let known = Known::of(&network);
        assert_eq!(
            known.ids().collect::<Vec<_>>(),
            network.ports.iter().map(|port| port.id).collect::<Vec<_>>()
        );
        for port in &network.ports {
            assert_eq!(known.port(port.id).as_ref(), Some(port));
        }
        assert_eq!(known.port(PortId(uuid::Uuid::from_u128(9))), None);
    }
}
