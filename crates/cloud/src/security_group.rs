//! Security groups: create, update, delete, and which of them a port may have.

use std::collections::BTreeSet;

use model::api::default_rule::{DefaultRule, PARENT};
use model::api::security_group::{DEFAULT, SecurityGroup, SecurityGroupCreate, SecurityGroupUpdate};
use model::api::security_group_rule::SecurityGroupRule;
use model::{PortId, SecurityGroupId, SecurityGroupRuleId};
use serde_json::{Map, json};

use crate::security_group_rule::{begin_rule, canonical};
use crate::standard::begin;
use crate::{Refusal, Stamp};

/// Makes a group of a checked request.
pub fn create(new: SecurityGroupCreate, stamp: &mut Stamp) -> SecurityGroup {
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    SecurityGroup {
        id: SecurityGroupId(stamp.uuid()),
        project_id: new.project_id,
        name: new.name,
        stateful: new.stateful,
        is_default: false,
        rest,
    }
}

/// Makes the group that ports of a project get if they name none.
pub fn create_default(project_id: &str, stamp: &mut Stamp) -> SecurityGroup {
    let mut rest = Map::new();
    rest.insert("description".into(), json!("Default security group"));
    let new =
        SecurityGroupCreate { project_id: project_id.to_owned(), name: DEFAULT.into(), stateful: true, rest };
    SecurityGroup { is_default: true, ..create(new, stamp) }
}

/// The rules that a group begins with.
pub fn first_rules(
    group: &SecurityGroup,
    templates: Vec<DefaultRule>,
    stamp: &mut Stamp,
) -> Vec<SecurityGroupRule> {
    let for_it = |template: &DefaultRule| match group.is_default {
        true => template.used_in_default_sg,
        false => template.used_in_non_default_sg,
    };
    let mut rules: Vec<SecurityGroupRule> = Vec::new();
    for template in templates.into_iter().filter(for_it) {
        let mut allowed = template.allowed;
        if allowed.remote_group_id.as_deref() == Some(PARENT) {
            allowed.remote_group_id = Some(group.id.to_string());
        }
        // Two templates may come to the same once the group is known.
        let same = canonical(&allowed);
        if rules.iter().any(|rule| rule.canonical == same) {
            continue;
        }
        stamp.now_us += 1;
        let id = SecurityGroupRuleId(stamp.uuid());
        rules.extend(begin_rule(id, &group.project_id, group.id, allowed, None, stamp));
    }
    rules
}

/// Applies a checked change; `in_use`: ports have the group.
pub fn update(
    before: &SecurityGroup,
    change: SecurityGroupUpdate,
    in_use: bool,
) -> Result<SecurityGroup, Refusal> {
    let mut after = before.clone();
    if let Some(stateful) = change.stateful.filter(|stateful| *stateful != before.stateful) {
        if in_use {
            return Err(Refusal::SecurityGroupInUse(before.id));
        }
        after.stateful = stateful;
    }
    if let Some(name) = change.name {
        if before.is_default {
            return Err(Refusal::DefaultGroupKeepsName(before.id));
        }
        after.name = name;
    }
    after.rest.extend(change.rest);
    Ok(after)
}

/// May a group go?
pub fn delete(group: &SecurityGroup, in_use: bool, by_admin: bool) -> Result<(), Refusal> {
    match (in_use, group.is_default && !by_admin) {
        (true, _) => Err(Refusal::SecurityGroupInUse(group.id)),
        (_, true) => Err(Refusal::DefaultGroupStays(group.id)),
        _ => Ok(()),
    }
}

/// A group that a port asks for: is it stateful?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub id: SecurityGroupId,
    pub stateful: bool,
}

/// All groups that a port asks for are there, and of one kind.
pub fn check_of_port(asked: &BTreeSet<SecurityGroupId>, found: &[Found]) -> Result<(), Refusal> {
    let missing: Vec<String> = asked
        .iter()
        .filter(|id| found.iter().all(|group| group.id != **id))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        return Err(Refusal::SecurityGroupNotFound(missing.join(", ")));
    }
    if found.iter().any(|group| group.stateful) && found.iter().any(|group| !group.stateful) {
        return Err(Refusal::StatefulAndStateless);
    }
    Ok(())
}

/// The groups that a port has after a change.
pub fn of_changed_port(
    port: PortId,
    had: Option<&BTreeSet<SecurityGroupId>>,
    asked: Option<&BTreeSet<SecurityGroupId>>,
    secure: bool,
) -> Result<Option<BTreeSet<SecurityGroupId>>, Refusal> {
    match asked {
        Some(asked) if !asked.is_empty() && !secure => Err(Refusal::GroupsNeedPortSecurity),
        Some(asked) => Ok(Some(asked.clone())),
        None if !secure && had.is_some_and(|had| !had.is_empty()) => Err(Refusal::PortHasGroups(port)),
        None => Ok(had.cloned()),
    }
}
