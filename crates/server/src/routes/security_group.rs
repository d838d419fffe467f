//! Security groups: facts in, decision, rows out; and the groups of ports.

use std::collections::BTreeSet;

use cloud::port::GroupsWanted;
use cloud::security_group::{self, Found};
use cloud::view::group as view;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::SecurityGroupId;
use model::api::Given;
use model::api::query::Filter;
use model::api::security_group::{SECURITY_GROUP, SecurityGroup, SecurityGroupCreate, SecurityGroupUpdate};
use model::api::security_group_rule::SECURITY_GROUP_RULE;
use model::api::table::Resource;
use serde_json::Value;

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;
use crate::retry;
use crate::routes::quota;

/// Whoever lists groups or rules finds the default group of the project he lists them of.
pub async fn look(
    app: &App,
    guard: &Guard<'_>,
    table: &'static Resource,
    filters: &[Filter],
) -> Result<(), Fault> {
    if ![SECURITY_GROUP.singular, SECURITY_GROUP_RULE.singular].contains(&table.singular) {
        return Ok(());
    }
    let asked = filters.iter().find_map(|filter| match filter {
        Filter::In { attr: "project_id" | "tenant_id", values } => values.first().and_then(Value::as_str),
        _ => None,
    });
    let project = asked.unwrap_or(guard.caller_project());
    if project.is_empty() || guard.may("create_default_security_group", project).is_err() {
        return Ok(());
    }
    if app.db().read().await?.default_group(project).await?.is_some() {
        return Ok(());
    }
    retry::whole(async || {
        let mut tx = app.db().begin().await?;
        let mut stamp = app.stamp();
        default_of(&mut tx, &mut stamp, project).await?;
        Ok(app.commit(tx).await?)
    })
    .await
}

/// A project's default group, made if it is not there yet. Of two that make it at the same time one
/// loses, and finds it when it runs again.
pub async fn default_of(tx: &mut Tx<'_>, stamp: &mut Stamp, project: &str) -> Result<SecurityGroupId, Fault> {
    if let Some(group) = tx.default_group(project).await? {
        return Ok(group);
    }
    let group = security_group::create_default(project, stamp);
    tx.insert(&SECURITY_GROUP, &group).await?;
    tx.set_default_group(&group).await?;
    begin_rules(tx, stamp, &group).await?;
    Ok(group.id)
}

/// What things to be created will ask for, when they are of several projects: made in order, so that of two
/// who make the same nobody waits for one who waits for him.
pub async fn defaults_of(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    table: &'static Resource,
    given: &[Given],
) -> Result<(), Fault> {
    let asks = |item: &&Given| match table.singular {
        "network" | "security_group" => true,
        "port" => {
            let is_open = item.0.get("port_security_enabled") == Some(&Value::Bool(false));
            !is_open && item.0.get("security_groups").is_none_or(|groups| !groups.is_array())
        }
        _ => false,
    };
    let projects = given.iter().filter(asks).filter_map(|item| item.0.get("project_id")?.as_str());
    let projects: BTreeSet<&str> = projects.filter(|project| !project.is_empty()).collect();
    if projects.len() > 1 {
        for project in projects {
            default_of(tx, stamp, project).await?;
        }
    }
    Ok(())
}

/// Gives a group, which is stored, the rules that groups begin with.
async fn begin_rules(tx: &mut Tx<'_>, stamp: &mut Stamp, group: &SecurityGroup) -> Result<(), Fault> {
    let templates = tx.default_rules().await?;
    for rule in security_group::first_rules(group, templates, stamp) {
        tx.insert(&SECURITY_GROUP_RULE, &rule).await?;
    }
    Ok(())
}

pub async fn create(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    new: SecurityGroupCreate,
) -> Result<SecurityGroupId, Fault> {
    if !new.project_id.is_empty() {
        default_of(tx, stamp, &new.project_id).await?;
    }
    let group = security_group::create(new, stamp);
    let first = tx.default_rules().await?.into_iter().filter(|rule| rule.used_in_non_default_sg).count();
    quota::check_room(app, tx, &SECURITY_GROUP_RULE, &group.project_id, first).await?;
    tx.insert(&SECURITY_GROUP, &group).await?;
    begin_rules(tx, stamp, &group).await?;
    Ok(group.id)
}

pub async fn load(tx: &mut Tx<'_>, id: &str) -> Result<SecurityGroup, Fault> {
    let found = tx.get(&SECURITY_GROUP, id).await?;
    found.ok_or_else(|| Refusal::SecurityGroupNotFound(id.to_owned()).into())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &str,
    change: SecurityGroupUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let in_use = change.stateful.is_some() && tx.group_in_use(before.id).await?;
    let after = security_group::update(&before, change, in_use)?;
    tx.update(&SECURITY_GROUP, before.id, &before, &after, &stamp.now).await?;
    if before.stateful != after.stateful {
        tx.mark(&view::of_group(before.id));
    }
    Ok(())
}

/// Rules of other groups that are about it go with it, and templates of such rules; those groups are others
/// by that.
pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, guard: &Guard<'_>, id: &str) -> Result<(), Fault> {
    let group = load(tx, id).await?;
    security_group::delete(&group, tx.group_in_use(group.id).await?, guard.is_admin())?;
    let rules = tx.rules_about_group(group.id).await?;
    for rule in &rules {
        tx.mark(&view::of_rule(rule, false));
    }
    let others: BTreeSet<SecurityGroupId> = rules.iter().map(|rule| rule.security_group_id).collect();
    for other in others {
        tx.bump(&SECURITY_GROUP, other, &stamp.now).await?;
    }
    tx.forget_templates(id).await?;
    tx.forget_policies(id).await?;
    tx.delete(&SECURITY_GROUP, group.id).await?;
    Ok(())
}

/// Those groups that a request for a port names that are there; all of them, for a caller who must see
/// what he names.
pub async fn asked_for(tx: &mut Tx<'_>, guard: &Guard<'_>, given: &Given) -> Result<Vec<Found>, Fault> {
    let Some(Value::Array(asked)) = given.0.get("security_groups") else { return Ok(vec![]) };
    let asked: BTreeSet<SecurityGroupId> = asked.iter().filter_map(|id| id.as_str()?.parse().ok()).collect();
    if asked.is_empty() {
        return Ok(vec![]);
    }
    let mut who: Vec<&str> = guard.project().into_iter().collect();
    if let Some(project) = guard.project() {
        // Of a port to be made; one that is changed keeps its project.
        let owner = given.0.get("project_id").and_then(Value::as_str);
        who.extend(owner.filter(|owner| *owner != project));
    }
    let rows = tx.groups_for_port(&asked, &who).await?;
    let found: Vec<Found> =
        rows.into_iter().map(|row| Found { id: row.id, stateful: row.stateful }).collect();
    if !who.is_empty() {
        security_group::check_of_port(&asked, &found)?;
    }
    Ok(found)
}

/// The groups that a port gets; `found`: those there are of what it asks for.
pub async fn of_port(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    project: &str,
    wanted: GroupsWanted,
    found: &[Found],
) -> Result<BTreeSet<SecurityGroupId>, Fault> {
    match wanted {
        GroupsWanted::None => Ok(BTreeSet::new()),
        GroupsWanted::Default => Ok(BTreeSet::from([default_of(tx, stamp, project).await?])),
        GroupsWanted::These(asked) => {
            security_group::check_of_port(&asked, found)?;
            Ok(asked)
        }
    }
}
