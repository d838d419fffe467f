//! Logs: which there may be, and what a port's host is told of them.

use model::api::log::{Event, Log, LogCreate, TYPES};
use model::api::port::Port;
use model::{LogId, PortId, SecurityGroupId, Touch, desired};

use crate::Stamp;
use crate::standard::begin;

/// Logs of one project at most: each is looked at for each port of it.
pub const MAX_OF_PROJECT: usize = 64;

/// Devices that the kernel's bridges carry, whose filters tell.
const KIND: &str = "normal";

/// Why there is no log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogRefusal {
    #[error("Nothing of the type {0} is logged; of security_group is.")]
    NoType(String),
    #[error("Security group {0} could not be found.")]
    NoGroup(SecurityGroupId),
    #[error("Port {0} could not be found.")]
    NoPort(PortId),
    #[error("Port {0} is not filtered here: only ports of the kind normal are.")]
    NotOfKind(PortId),
    #[error("Port {port} does not have the security group {group}.")]
    OtherGroup { port: PortId, group: SecurityGroupId },
    #[error("Project {0} has {MAX_OF_PROJECT} logs, which is as many as a project may have.")]
    TooMany(String),
}

/// What a log is made of besides the request.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The group is there, where one is asked for.
    pub has_group: bool,
    /// `None` where the caller does not find it, or asks for none.
    pub target: Option<&'a Port>,
    /// How many the project has.
    pub others: usize,
}

/// What can be logged at all.
pub fn check_type(asked: &str) -> Result<(), LogRefusal> {
    match TYPES.contains(&asked) {
        true => Ok(()),
        false => Err(LogRefusal::NoType(asked.to_owned())),
    }
}

/// Makes a log of a checked request.
pub fn create(new: LogCreate, facts: Facts<'_>, stamp: &mut Stamp) -> Result<Log, LogRefusal> {
    check_type(&new.resource_type)?;
    if let Some(group) = new.resource_id.filter(|_| !facts.has_group) {
        return Err(LogRefusal::NoGroup(group));
    }
    if let Some(id) = new.target_id {
        let port = facts.target.ok_or(LogRefusal::NoPort(id))?;
        if port.vnic_type != KIND {
            return Err(LogRefusal::NotOfKind(id));
        }
        let has = |group: &SecurityGroupId| port.group_ids.as_ref().is_some_and(|all| all.contains(group));
        if let Some(group) = new.resource_id.filter(|group| !has(group)) {
            return Err(LogRefusal::OtherGroup { port: id, group });
        }
    }
    if facts.others >= MAX_OF_PROJECT {
        return Err(LogRefusal::TooMany(new.project_id));
    }
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    Ok(Log {
        id: LogId(stamp.uuid()),
        project_id: new.project_id,
        resource_type: new.resource_type,
        resource_id: new.resource_id,
        target_id: new.target_id,
        event: new.event,
        enabled: new.enabled,
        rest,
    })
}

/// Whose hosts hear of a log that comes, goes, or is switched.
pub fn touch(log: &Log) -> Touch {
    match (log.target_id, log.resource_id) {
        (Some(port), _) => Touch::Logged { port: Some(port), group: None, project: None },
        (None, Some(group)) => Touch::Logged { port: None, group: Some(group), project: None },
        (None, None) => Touch::Logged { port: None, group: None, project: Some(log.project_id.clone()) },
    }
}

/// What a port's host is told of a log.
pub fn view(id: LogId, project_id: &str, event: Event) -> desired::Log {
    let is = |one| [one, Event::All].contains(&event);
    desired::Log { id, project_id: project_id.to_owned(), accept: is(Event::Accept), drop: is(Event::Drop) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::fixture::id;
    use model::NetworkId;

    #[test]
    fn a_log_is_of_what_is_there_and_filtered() {
        use LogRefusal as R;
        let (group, other) = (SecurityGroupId(id(1)), SecurityGroupId(id(2)));
        let mut port = crate::port::test_port(PortId(id(7)), NetworkId(id(3)), vec![]);
        port.group_ids = Some([group].into());
        let direct = Port { vnic_type: "direct".into(), ..port.clone() };
        let of = Some(port.id);
        let (some, none) = (Some(&port), None);
        let mut stamp = Stamp::new(0, String::new(), 7);
        for (kind, resource, target, has_group, found, others, wanted) in [
            ("security_group", None, None, false, none, 0, Ok(())),
            ("security_group", Some(group), None, true, none, MAX_OF_PROJECT - 1, Ok(())),
            ("security_group", Some(group), of, true, some, 0, Ok(())),
            ("security_group", None, of, false, some, 0, Ok(())),
            ("snat", None, None, false, none, 0, Err(R::NoType("snat".into()))),
            ("security_group", Some(group), None, false, none, 0, Err(R::NoGroup(group))),
            ("security_group", None, of, false, none, 0, Err(R::NoPort(port.id))),
            ("security_group", None, of, false, Some(&direct), 0, Err(R::NotOfKind(port.id))),
            (
                "security_group",
                Some(other),
                of,
                true,
                some,
                0,
                Err(R::OtherGroup { port: port.id, group: other }),
            ),
            ("security_group", None, None, false, none, MAX_OF_PROJECT, Err(R::TooMany("p".into()))),
        ] {
            let new = LogCreate {
                project_id: "p".into(),
                resource_type: kind.into(),
                resource_id: resource,
                target_id: target,
                event: Event::All,
                enabled: true,
                rest: Default::default(),
            };
            let made = create(new, Facts { has_group, target: found, others }, &mut stamp).map(drop);
            assert_eq!(made, wanted, "{kind} {resource:?} {target:?}");
        }
    }
}
