//! A port that a request says to be an interface of a router: whose router may that be?

use model::api::Given;
use model::api::port::Port;
use model::api::router::Router;
use serde_json::Value;

use crate::{ROUTER_INTERFACE_OWNERS, Refusal};

/// What a request makes of a port: an interface of the router `device`, in `project`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub device: String,
    project: String,
}

/// The request says something of whose device the port is.
pub fn is_said(given: &Given) -> bool {
    text(given, "device_id").or(text(given, "device_owner")).is_some()
}

/// What the request claims, together with the port as it is stored; `None`: nothing of routers.
pub fn claim(given: &Given, stored: Option<&Port>) -> Option<Claim> {
    let said = |name, of: fn(&Port) -> &str| text(given, name).or(stored.map(of)).unwrap_or_default();
    let owner = said("device_owner", |port| &port.device_owner);
    let device = said("device_id", |port| &port.device_id);
    let project = said("project_id", |port| &port.project_id);
    let claims = is_said(given) && ROUTER_INTERFACE_OWNERS.contains(&owner);
    claims.then(|| Claim { device: device.to_owned(), project: project.to_owned() })
}

/// An interface belongs to its router's project; `router` is what there is under the claimed id.
pub fn check(claim: Claim, router: Option<&Router>) -> Result<(), Refusal> {
    match router {
        Some(router) if router.project_id != claim.project => {
            Err(Refusal::DeviceNotOwned { device: claim.device })
        }
        _ => Ok(()),
    }
}

fn text<'a>(given: &'a Given, name: &str) -> Option<&'a str> {
    given.0.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::fixture::{a_router, id};
    use model::{NetworkId, PortId};

    const INSIDE: &str = "network:router_interface";

    #[test]
    fn a_router_of_another_project_is_not_to_be_claimed() {
        let router = a_router();
        let mine = router.id.to_string();
        let port = |owner: &str, device: &str, project: &str| {
            let mut port = crate::port::test_port(PortId(id(2)), NetworkId(id(3)), vec![]);
            (port.device_owner, port.device_id, port.project_id) =
                (owner.into(), device.into(), project.into());
            Some(port)
        };
        let (device, owner, project) = ("device_id", "device_owner", "project_id");
        type Said<'a> = &'a [(&'static str, &'a str)];
        let table: [(&str, Said<'_>, Option<Port>, bool); 10] = [
            ("all said, of the project", &[(device, &mine), (owner, INSIDE), (project, "p")], None, true),
            ("all said, of another", &[(device, &mine), (owner, INSIDE), (project, "q")], None, false),
            ("no owner", &[(device, &mine), (project, "q")], None, true),
            ("an instance's", &[(device, &mine), (owner, "compute:nova"), (project, "q")], None, true),
            ("an unknown router", &[(device, "other"), (owner, INSIDE), (project, "q")], None, true),
            ("the device of one that is owned so", &[(device, &mine)], port(INSIDE, "", "q"), false),
            ("the owner of one with the device", &[(owner, INSIDE)], port("", &mine, "q"), false),
            ("both stored, of the project", &[(owner, INSIDE)], port("", &mine, "p"), true),
            ("another owner", &[(owner, "")], port(INSIDE, &mine, "q"), true),
            ("nothing of devices", &[("name", "x")], port(INSIDE, &mine, "q"), true),
        ];
        for (what, said, stored, allowed) in table {
            let given = Given(said.iter().map(|(name, text)| (*name, Value::from(*text))).collect());
            let claim = claim(&given, stored.as_ref());
            let found = claim.as_ref().and_then(|claim| (claim.device == mine).then_some(&router));
            let verdict = claim.clone().map_or(Ok(()), |claim| check(claim, found));
            assert_eq!(verdict.is_ok(), allowed, "{what}: {claim:?}");
        }
    }
}
