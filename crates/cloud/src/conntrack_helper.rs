//! Conntrack helpers of routers: which there are, and that a router has none of them twice.

use model::api::conntrack_helper::{ConntrackHelper, ConntrackHelperCreate, ConntrackHelperUpdate};

use crate::{Refusal, Rules, Stamp};

/// Helpers of one router at most: each is a rule that the router's packets pass.
const MAX_HELPERS: usize = 64;

/// Makes a helper of a checked request; `others` are the router's.
pub fn create(
    new: ConntrackHelperCreate,
    others: &[ConntrackHelper],
    rules: &Rules,
    stamp: &mut Stamp,
) -> Result<ConntrackHelper, Refusal> {
    if others.len() >= MAX_HELPERS {
        return Err(Refusal::Request(format!("A router has at most {MAX_HELPERS} conntrack helpers.")));
    }
    let made = ConntrackHelper {
        id: stamp.uuid().to_string(),
        project_id: new.project_id,
        router_id: new.router_id,
        protocol: new.protocol,
        port: new.port,
        helper: new.helper,
        created_us: stamp.now_us,
    };
    check(made, others, rules)
}

/// Applies a checked change.
pub fn update(
    before: &ConntrackHelper,
    change: ConntrackHelperUpdate,
    others: &[ConntrackHelper],
    rules: &Rules,
) -> Result<ConntrackHelper, Refusal> {
    let mut after = before.clone();
    after.protocol = change.protocol.unwrap_or(after.protocol);
    after.port = change.port.unwrap_or(after.port);
    after.helper = change.helper.unwrap_or(after.helper);
    check(after, others, rules)
}

fn check(
    wanted: ConntrackHelper,
    others: &[ConntrackHelper],
    rules: &Rules,
) -> Result<ConntrackHelper, Refusal> {
    let Some(protocols) = rules.allowed_conntrack_helpers.get(&wanted.helper) else {
        return Err(Refusal::HelperNotAllowed(wanted.helper));
    };
    if !protocols.contains(&wanted.protocol) {
        let ConntrackHelper { helper, protocol, .. } = wanted;
        return Err(Refusal::HelperNotOfProtocol { helper, protocol, protocols: protocols.clone() });
    }
    let seen = |of: &ConntrackHelper| (of.protocol.clone(), of.port, of.helper.clone());
    let same = others.iter().find(|other| other.id != wanted.id && seen(other) == seen(&wanted));
    match same {
        Some(other) => Err(Refusal::HelperExists(other.id.clone())),
        None => Ok(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(protocol: &str, port: u16, helper: &str) -> ConntrackHelperCreate {
        ConntrackHelperCreate {
            project_id: "p".into(),
            router_id: uuid::Uuid::nil().into(),
            protocol: protocol.into(),
            port,
            helper: helper.into(),
        }
    }

    #[test]
    fn a_router_has_what_is_allowed_and_each_once() {
        let rules = Rules::default();
        let mut stamp = Stamp::new(0, String::new(), 7);
        let first = create(asked("tcp", 21, "ftp"), &[], &rules, &mut stamp).expect("the first");
        for (protocol, port, helper, good) in [
            ("tcp", 21, "ftp", false),
            ("tcp", 2121, "ftp", true),
            ("tcp", 21, "irc", true),
            ("udp", 21, "ftp", false),
            ("tcp", 21, "FTP", false),
            ("udp", 69, "tftp", true),
        ] {
            let others = std::slice::from_ref(&first);
            let made = create(asked(protocol, port, helper), others, &rules, &mut stamp);
            assert_eq!(made.is_ok(), good, "{protocol} {port} {helper}");
        }
        let many = vec![first.clone(); MAX_HELPERS];
        let refused = create(asked("tcp", 2121, "ftp"), &many, &rules, &mut stamp);
        assert!(matches!(refused, Err(Refusal::Request(_))), "{refused:?}");
        let change = ConntrackHelperUpdate { protocol: None, port: Some(21), helper: None };
        assert!(
            update(&first, change, std::slice::from_ref(&first), &rules).is_ok(),
            "it is not in its own way"
        );
    }
}
