//! Security groups: those of ports and of projects, their rules, and what they begin with.

use std::collections::{BTreeMap, BTreeSet};

use model::api::default_rule::{DEFAULT_RULE, DefaultRule};
use model::api::port::Port;
use model::api::security_group::{SECURITY_GROUP, SecurityGroup};
use model::api::security_group_rule::{SECURITY_GROUP_RULE, SecurityGroupRule};
use model::{AddressGroupId, SecurityGroupId};
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Param, Tx};

/// A group that a port asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRow {
    pub id: SecurityGroupId,
    pub stateful: bool,
}

impl Tx<'_> {
    /// A project's default group, if it has been made.
    pub async fn default_group(&mut self, project: &str) -> Result<Option<SecurityGroupId>, DbError> {
        let sql = "SELECT group_id FROM default_security_groups WHERE project_id = $1";
        Ok(self.texts(sql, &[project.into()]).await?.pop().and_then(|id| id.parse().ok()))
    }

    /// Makes a group, which is stored already, its project's default; a conflict when there is one.
    pub async fn set_default_group(&mut self, group: &SecurityGroup) -> Result<(), DbError> {
        let sql = "INSERT INTO default_security_groups (project_id, group_id) VALUES ($1, $2)";
        self.later(sql, vec![group.project_id.as_str().into(), group.id.to_string().into()]).await
    }

    /// Which of some groups there are, among those that each of some projects sees.
    pub async fn groups_for_port(
        &mut self,
        asked: &BTreeSet<SecurityGroupId>,
        projects: &[&str],
    ) -> Result<Vec<GroupRow>, DbError> {
        let mut condition = format!("id IN {}", dialect::among(self.engine(), "$1"));
        let mut params: Vec<Param> = vec![json!(asked).to_string().into()];
        for project in projects {
            params.push((*project).into());
            let at = format!("${}", params.len());
            condition =
                format!("{condition} AND ({})", dialect::seen_by(self.engine(), &SECURITY_GROUP, &at));
        }
        let sql = format!(
            "SELECT id, CASE WHEN stateful THEN 1 ELSE 0 END FROM security_groups \
             WHERE {condition} ORDER BY id"
        );
        let mut out = Vec::new();
        self.each(&sql, &params, |row| {
            out.extend(row.text(0).parse().ok().map(|id| GroupRow { id, stateful: row.int(1) != 0 }));
        })
        .await?;
        Ok(out)
    }

    /// Notes the groups of a port that had `before`; `host` is where it is filtered.
    pub async fn set_port_groups(
        &mut self,
        before: Option<(&Port, &str)>,
        after: (&Port, &str),
    ) -> Result<(), DbError> {
        let none = BTreeSet::new();
        let (port, host) = after;
        let had = before.and_then(|(port, _)| port.group_ids.as_ref()).unwrap_or(&none);
        let has = port.group_ids.as_ref().unwrap_or(&none);
        let id = || Param::from(port.id.to_string());
        for group in had.difference(has) {
            let sql = "DELETE FROM port_groups WHERE port_id = $1 AND group_id = $2";
            self.later(sql, vec![id(), group.to_string().into()]).await?;
        }
        if before.is_some_and(|(_, old)| old != host) && had.intersection(has).next().is_some() {
            let sql = "UPDATE port_groups SET host = $2 WHERE port_id = $1";
            self.later(sql, vec![id(), host.to_owned().into()]).await?;
        }
        for group in has.difference(had) {
            let sql = "INSERT INTO port_groups (port_id, group_id, host) VALUES ($1, $2, $3)";
            self.later(sql, vec![id(), group.to_string().into(), host.to_owned().into()]).await?;
        }
        Ok(())
    }

    /// A group or an address group goes, and the templates of rules about it with it.
    pub async fn forget_templates(&mut self, remote: &str) -> Result<(), DbError> {
        let sql = "DELETE FROM default_security_group_rules \
                   WHERE remote_group_id = $1 OR remote_address_group_id = $1";
        self.later(sql, vec![remote.into()]).await
    }

    /// Have ports a group?
    pub async fn group_in_use(&mut self, group: SecurityGroupId) -> Result<bool, DbError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM port_groups WHERE group_id = $1)";
        Ok(self.number(sql, &[group.to_string().into()]).await? > 0)
    }

    /// Rules of other groups that are about a group.
    pub async fn rules_about_group(
        &mut self,
        group: SecurityGroupId,
    ) -> Result<Vec<SecurityGroupRule>, DbError> {
        let condition = "remote_group_id = $1 AND security_group_id <> $1 ORDER BY id";
        self.find(&SECURITY_GROUP_RULE, condition, &[group.to_string().into()]).await
    }

    /// The rules of a group that allow the same as some others, by what they allow.
    pub async fn same_rules(
        &mut self,
        group: SecurityGroupId,
        canonical: &[String],
    ) -> Result<BTreeMap<String, String>, DbError> {
        let among = dialect::among(self.engine(), "$2");
        let sql = format!(
            "SELECT canonical, id FROM security_group_rules \
             WHERE security_group_id = $1 AND canonical IN {among}"
        );
        let mut out = BTreeMap::new();
        let params = [group.to_string().into(), json!(canonical).to_string().into()];
        self.each(&sql, &params, |row| {
            out.insert(row.text(0).to_owned(), row.text(1).to_owned());
        })
        .await?;
        Ok(out)
    }

    pub async fn rules_about_addresses(&mut self, group: AddressGroupId) -> Result<bool, DbError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM security_group_rules WHERE remote_address_group_id = $1)";
        Ok(self.number(sql, &[group.to_string().into()]).await? > 0)
    }

    /// The rules that groups begin with.
    pub async fn default_rules(&mut self) -> Result<Vec<DefaultRule>, DbError> {
        self.find(&DEFAULT_RULE, "1 = 1 ORDER BY created_us, id", &[]).await
    }

    /// The groups of a host of which it must know, by `ids`; each with its rules.
    pub(crate) async fn groups_with_rules(
        &mut self,
        ids: &[String],
    ) -> Result<Vec<(SecurityGroup, Vec<SecurityGroupRule>)>, DbError> {
        let mut out = Vec::new();
        let marks: Vec<String> = (1..=ids.len()).map(|at| format!("${at}")).collect();
        if ids.is_empty() {
            return Ok(out);
        }
        let params: Vec<Param> = ids.iter().map(|id| id.as_str().into()).collect();
        let marks = marks.join(", ");
        let groups: Vec<SecurityGroup> =
            self.find(&SECURITY_GROUP, &format!("id IN ({marks}) ORDER BY id"), &params).await?;
        let condition = format!("security_group_id IN ({marks}) ORDER BY id");
        let mut of: BTreeMap<SecurityGroupId, Vec<SecurityGroupRule>> = BTreeMap::new();
        for rule in self.find::<SecurityGroupRule>(&SECURITY_GROUP_RULE, &condition, &params).await? {
            of.entry(rule.security_group_id).or_default().push(rule);
        }
        out.extend(groups.into_iter().map(|group| {
            let own = of.remove(&group.id).unwrap_or_default();
            (group, own)
        }));
        Ok(out)
    }
}
