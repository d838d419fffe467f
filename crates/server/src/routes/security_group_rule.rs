//! Rules of security groups, and those that groups begin with: facts in, decision, rows out.

use cloud::security_group_rule as decide;
use cloud::view::group as view;
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::Given;
use model::api::address_group::ADDRESS_GROUP;
use model::api::default_rule::{DEFAULT_RULE, DefaultRule, DefaultRuleCreate};
use model::api::security_group::SECURITY_GROUP;
use model::api::security_group_rule::{
    Allowed, SECURITY_GROUP_RULE, SecurityGroupRule, SecurityGroupRuleCreate,
};
use model::api::table::Resource;
use model::{SecurityGroupId, SecurityGroupRuleId};

use crate::error::Fault;
use crate::guard::Guard;

/// What several rules of one request must have in common.
pub fn check_together(table: &'static Resource, given: &[Given]) -> Result<(), Fault> {
    if table.singular != SECURITY_GROUP_RULE.singular || given.len() < 2 {
        return Ok(());
    }
    let rules: Result<Vec<SecurityGroupRuleCreate>, _> =
        given.iter().map(|item| item.clone().typed()).collect();
    Ok(decide::check_together(&rules?)?)
}

pub async fn create(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: SecurityGroupRuleCreate,
) -> Result<SecurityGroupRuleId, Fault> {
    let mut allowed = new.allowed;
    decide::check(&mut allowed)?;
    // The project that the rule is of must see what it is about.
    let sees = guard.project().map(|_| new.project_id.as_str());
    let remotes = [
        (&SECURITY_GROUP, allowed.remote_group_id.as_ref()),
        (&ADDRESS_GROUP, allowed.remote_address_group_id.as_ref()),
        (&SECURITY_GROUP, Some(&new.security_group_id)),
    ];
    for (table, id) in remotes {
        let Some(id) = id else { continue };
        if !tx.finds(table, id, sees).await? {
            return Err(Refusal::NotFound { table, id: id.clone() }.into());
        }
    }
    let unknown = || Refusal::SecurityGroupNotFound(new.security_group_id.clone());
    let group: SecurityGroupId = new.security_group_id.parse().map_err(|_| unknown())?;
    if let Some(id) = tx.same_rule(group, &decide::canonical(&allowed)).await? {
        return Err(Refusal::RuleExists(id).into());
    }
    let id = SecurityGroupRuleId(stamp.uuid());
    let made = decide::begin_rule(id, &new.project_id, group, allowed, Some(new.description), stamp);
    let rule = made.ok_or_else(unknown)?;
    tx.insert(&SECURITY_GROUP_RULE, &rule).await?;
    changed(tx, stamp, &rule).await?;
    Ok(id)
}

/// A rule came or went: its group is another.
async fn changed(tx: &mut Tx<'_>, stamp: &Stamp, rule: &SecurityGroupRule) -> Result<(), Fault> {
    tx.bump(&SECURITY_GROUP, rule.security_group_id, &stamp.now).await?;
    tx.mark(&view::of_rule(rule));
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let found: Option<SecurityGroupRule> = tx.get(&SECURITY_GROUP_RULE, id).await?;
    let rule = found.ok_or_else(|| Refusal::NotFound { table: &SECURITY_GROUP_RULE, id: id.to_owned() })?;
    tx.delete(&SECURITY_GROUP_RULE, rule.id).await?;
    changed(tx, stamp, &rule).await
}

/// A rule that groups are to begin with.
pub async fn create_default(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    new: DefaultRuleCreate,
) -> Result<String, Fault> {
    let mut allowed = new.allowed;
    decide::check(&mut allowed)?;
    check_remotes(tx, &allowed).await?;
    let canonical = decide::canonical(&allowed);
    let same = tx.default_rules().await?.into_iter().find(|had| {
        let together = had.used_in_default_sg && new.used_in_default_sg
            || had.used_in_non_default_sg && new.used_in_non_default_sg;
        together && decide::canonical(&had.allowed) == canonical
    });
    if let Some(had) = same {
        return Err(Refusal::DefaultRuleExists(had.id.to_string()).into());
    }
    let rule = DefaultRule {
        id: stamp.uuid(),
        allowed,
        used_in_default_sg: new.used_in_default_sg,
        used_in_non_default_sg: new.used_in_non_default_sg,
        description: new.description,
        created_us: stamp.now_us,
    };
    tx.insert(&DEFAULT_RULE, &rule).await?;
    Ok(rule.id.to_string())
}

/// What every group will be about must be there.
async fn check_remotes(tx: &mut Tx<'_>, allowed: &Allowed) -> Result<(), Fault> {
    use model::api::default_rule::PARENT;
    let group = allowed.remote_group_id.as_ref().filter(|id| *id != PARENT);
    for (table, id) in [(&SECURITY_GROUP, group), (&ADDRESS_GROUP, allowed.remote_address_group_id.as_ref())]
    {
        let Some(id) = id else { continue };
        if !tx.finds(table, id, None).await? {
            return Err(Refusal::NotFound { table, id: id.clone() }.into());
        }
    }
    Ok(())
}
