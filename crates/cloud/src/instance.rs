//! What Nova has to hear of a change of a port. An instance that boots waits for `network-vif-plugged`.

use model::api::port::Port;
use model::instance::{EventName, InstanceEvent};
use uuid::Uuid;

/// Owners of ports of instances: `compute:` and the availability zone.
const OWNER: &str = "compute:";

/// The instance that a port is of.
fn server(port: &Port) -> Option<Uuid> {
    port.device_owner.starts_with(OWNER).then(|| port.device_id.parse().ok()).flatten()
}

fn event(port: &Port, name: EventName, failed: bool) -> Option<InstanceEvent> {
    server(port).map(|server| InstanceEvent { port: port.id, name, server, failed })
}

/// A port changed; without one of the two it came, or went.
pub fn events(before: Option<&Port>, after: Option<&Port>) -> Vec<InstanceEvent> {
    let told = match (before, after) {
        (_, None) => [before.and_then(|before| event(before, EventName::VifDeleted, false)), None],
        (None, Some(_)) => [None, None],
        (Some(before), Some(after)) => {
            let name = match (before.status.as_str(), after.status.as_str()) {
                (was, is) if was == is => None,
                (_, "ACTIVE" | "ERROR") => Some(EventName::VifPlugged),
                ("ACTIVE", "DOWN") => Some(EventName::VifUnplugged),
                _ => None,
            };
            let wired = name.and_then(|name| event(after, name, after.status == "ERROR"));
            let changed = differs(before, after).then_some(EventName::Changed);
            [wired, changed.and_then(|name| event(after, name, false))]
        }
    };
    told.into_iter().flatten().collect()
}

/// What Nova keeps of a port. Who binds one anew is Nova, which knows.
fn differs(before: &Port, after: &Port) -> bool {
    before.fixed_ips != after.fixed_ips
        || before.mac_address != after.mac_address
        || before.vnic_type != after.vnic_type
        || before.profile != after.profile
        || before.vif_details != after.vif_details
        || before.vif_type != after.vif_type
}

#[cfg(test)]
mod tests {
    use model::{NetworkId, PortId};

    use super::*;
    use crate::port::test_port;

    const INSTANCE: &str = "5f1c3a52-6d0b-4f3c-9d56-1f3f0c6b2a11";

    fn of_instance(status: &str) -> Port {
        Port {
            device_id: INSTANCE.into(),
            device_owner: "compute:nova".into(),
            status: status.into(),
            ..test_port(PortId(Uuid::from_u128(1)), NetworkId(Uuid::from_u128(2)), vec![])
        }
    }

    #[test]
    fn nova_hears_what_it_waits_for() {
        use EventName::{VifPlugged, VifUnplugged};
        for (before, after, expected) in [
            ("DOWN", "ACTIVE", Some((VifPlugged, false))),
            ("BUILD", "ACTIVE", Some((VifPlugged, false))),
            ("DOWN", "ERROR", Some((VifPlugged, true))),
            ("ERROR", "ACTIVE", Some((VifPlugged, false))),
            ("ACTIVE", "DOWN", Some((VifUnplugged, false))),
            ("DOWN", "BUILD", None),
            ("ERROR", "DOWN", None),
            ("ACTIVE", "ACTIVE", None),
        ] {
            let found = events(Some(&of_instance(before)), Some(&of_instance(after)));
            let found: Vec<_> = found.iter().map(|event| (event.name, event.failed)).collect();
            assert_eq!(found, Vec::from_iter(expected), "{before} to {after}");
        }
    }

    #[test]
    fn only_ports_of_instances_are_told_of() {
        let gone = events(Some(&of_instance("DOWN")), None);
        assert_eq!(gone.iter().map(|event| event.name).collect::<Vec<_>>(), [EventName::VifDeleted]);
        assert_eq!(gone[0].server.to_string(), INSTANCE);
        for (owner, device) in [
            ("compute:nova", "web-1"),
            ("compute:nova", ""),
            ("network:dhcp", INSTANCE),
            ("baremetal:x", INSTANCE),
        ] {
            let port = Port { device_id: device.into(), device_owner: owner.into(), ..of_instance("ACTIVE") };
            assert_eq!(events(Some(&port), None), [], "{owner} {device}");
        }
        assert_eq!(events(None, Some(&of_instance("DOWN"))), [], "Nova made it");
    }

    #[test]
    fn what_nova_shows_is_read_again() {
        let before = of_instance("ACTIVE");
        let named = Port { dns_name: "web".into(), ..before.clone() };
        assert_eq!(events(Some(&before), Some(&named)), []);
        let moved = Port { fixed_ips: vec![], vif_type: "tap".into(), ..before.clone() };
        let told = events(Some(&before), Some(&moved));
        assert_eq!(told.iter().map(|event| event.name).collect::<Vec<_>>(), [EventName::Changed]);
    }
}
