//! Rules of security groups, and those that groups begin with: facts in, decision, rows out.

use std::collections::BTreeSet;

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

/// The rules of one request, which are all of one group and of one project. The group and what the rules
/// are about is locked.
pub async fn create_all(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    given: Vec<Given>,
) -> Result<Vec<String>, Fault> {
    let news: Result<Vec<SecurityGroupRuleCreate>, _> = given.into_iter().map(Given::typed).collect();
    let mut news = news?;
    for new in &mut news {
        decide::check(&mut new.allowed)?;
    }
    let Some(first) = news.first() else { return Ok(vec![]) };
    // The project that the rules are of must see what they are about.
    let sees = guard.project().map(|_| first.project_id.clone());
    check_found(tx, &news, sees.as_deref()).await?;
    let unknown = || Refusal::SecurityGroupNotFound(first.security_group_id.clone());
    let group: SecurityGroupId = first.security_group_id.parse().map_err(|_| unknown())?;
    let canonical: Vec<String> = news.iter().map(|new| decide::canonical(&new.allowed)).collect();
    let same = tx.same_rules(group, &canonical).await?;
    if let Some(id) = canonical.iter().find_map(|canonical| same.get(canonical)) {
        return Err(Refusal::RuleExists(id.clone()).into());
    }
    let mut ids = Vec::new();
    for new in &news {
        stamp.now_us += 1;
        let id = SecurityGroupRuleId(stamp.uuid());
        let (allowed, description) = (new.allowed.clone(), Some(new.description.clone()));
        let made = decide::begin_rule(id, &new.project_id, group, allowed, description, stamp);
        let rule = made.ok_or_else(unknown)?;
        tx.insert(&SECURITY_GROUP_RULE, &rule).await?;
        tx.mark(&view::of_rule(&rule, true));
        ids.push(id.to_string());
    }
    tx.bump(&SECURITY_GROUP, group, &stamp.now).await?;
    Ok(ids)
}

/// What rules are about is there, and their group is; `sees`: for this project.
async fn check_found(
    tx: &mut Tx<'_>,
    rules: &[SecurityGroupRuleCreate],
    sees: Option<&str>,
) -> Result<(), Fault> {
    let remotes = |rule: &'_ SecurityGroupRuleCreate| {
        [
            (&SECURITY_GROUP, rule.allowed.remote_group_id.clone()),
            (&ADDRESS_GROUP, rule.allowed.remote_address_group_id.clone()),
            (&SECURITY_GROUP, Some(rule.security_group_id.clone())),
        ]
    };
    let named: Vec<(&'static Resource, String)> =
        rules.iter().flat_map(remotes).filter_map(|(table, id)| Some((table, id?))).collect();
    let mut found = BTreeSet::new();
    for table in [&SECURITY_GROUP, &ADDRESS_GROUP] {
        let ids = named.iter().filter(|(of, _)| of.singular == table.singular);
        let ids: BTreeSet<&str> = ids.map(|(_, id)| id.as_str()).collect();
        found.extend(tx.found(table, &ids, sees).await?.into_iter().map(|id| (table.singular, id)));
    }
    match named.into_iter().find(|(table, id)| !found.contains(&(table.singular, id.clone()))) {
        Some((table, id)) => Err(Refusal::NotFound { table, id }.into()),
        None => Ok(()),
    }
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let found: Option<SecurityGroupRule> = tx.get(&SECURITY_GROUP_RULE, id).await?;
    let rule = found.ok_or_else(|| Refusal::NotFound { table: &SECURITY_GROUP_RULE, id: id.to_owned() })?;
    tx.delete(&SECURITY_GROUP_RULE, rule.id).await?;
    tx.mark(&view::of_rule(&rule, false));
    Ok(tx.bump(&SECURITY_GROUP, rule.security_group_id, &stamp.now).await?)
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
