//! What the caller may do and see, asked of the policy. The rules themselves are in
//! `cloud::policy`; the facts they look at come from `db`.
//!
//! Names of rules follow one scheme: `create_network` for an operation, `create_network:shared`
//! for an attribute of it, `create_port:fixed_ips:subnet_id` for a part of an attribute.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cloud::policy::{Policies, Target, Verdict};
use cloud::{Caller, Reach, Refusal};
use db::{Judge, Reader, Seen, Tx};
use model::api::Given;
use model::api::network::NETWORK;
use model::api::table::{Attr, Default, Resource};
use serde_json::Value;

use crate::app::App;
use crate::error::Fault;
use crate::http::Call;

/// Rules of which any makes a caller find the rows of every project.
const SEES_ALL: [&str; 4] =
    ["context_is_admin", "context_with_global_access", "context_is_advsvc", "service_api"];
/// Rules of which any lets a caller create for another project.
const SETS_PROJECT: [&str; 3] = ["context_is_admin", "service_api", "context_can_set_project_id"];

/// The policy, for one caller.
pub struct Guard<'a> {
    policies: Arc<Policies>,
    caller: &'a Caller,
    alive_since_us: i64,
}

impl<'a> Guard<'a> {
    pub fn of(app: &App, call: &'a Call) -> Guard<'a> {
        Guard::for_caller(app, &call.caller)
    }

    pub fn for_caller(app: &App, caller: &'a Caller) -> Guard<'a> {
        Guard { policies: app.policies(), caller, alive_since_us: app.alive_since_us() }
    }

    fn any(&self, rules: &[&str]) -> bool {
        rules.iter().any(|rule| self.policies.verdict(rule, self.caller) == Verdict::Yes)
    }

    pub fn is_admin(&self) -> bool {
        self.any(&["context_is_admin"])
    }

    /// The project that the caller speaks for; empty for none.
    pub fn caller_project(&self) -> &'a str {
        &self.caller.project_id
    }

    /// The project that queries are narrowed to; `None` for those who find everything.
    pub fn project(&self) -> Option<&'a str> {
        if self.any(&SEES_ALL) { None } else { Some(&self.caller.project_id) }
    }

    /// What the caller reads of a collection.
    pub fn reads(&self, table: &'static Resource) -> Reader<'_> {
        let rule = format!("get_{}", table.rule_name());
        let mut reader = self.answers(table);
        reader.project = self.project();
        match self.policies.verdict(&rule, self.caller) {
            Verdict::Yes => {}
            Verdict::No => reader.blind = true,
            Verdict::Depends => reader.judge = Some(self.judge(rule, reader.judge)),
        }
        reader
    }

    /// One more rule before those that a judge asks already.
    fn judge<'s>(&'s self, rule: String, before: Option<Judge<'s>>) -> Judge<'s> {
        let mut looks_at: BTreeSet<String> = self.policies.looks_at(&rule);
        let mut hides: Box<dyn Fn(&Target) -> Seen + Send + Sync + 's> =
            Box::new(|_| Seen::AllBut(Vec::new()));
        if let Some(before) = before {
            looks_at.extend(before.looks_at);
            hides = before.seen;
        }
        let seen = move |target: &Target| {
            if self.policies.allows(&rule, self.caller, target) { hides(target) } else { Seen::Nothing }
        };
        Judge { looks_at: looks_at.into_iter().collect(), seen: Box::new(seen) }
    }

    /// What the caller is shown of a resource that it may read or has just written.
    pub fn answers(&self, table: &'static Resource) -> Reader<'_> {
        let caller = self.caller.project_id.as_str();
        let mut reader = Reader { alive_since_us: self.alive_since_us, caller, ..Reader::default() };
        let mut depending: Vec<(&'static str, String)> = Vec::new();
        let mut looks_at = BTreeSet::new();
        for attr in table.attrs.iter().filter(|attr| attr.visible) {
            let rule = format!("get_{}:{}", table.rule_name(), attr.name);
            if !self.policies.has(&rule) {
                continue;
            }
            match self.policies.verdict(&rule, self.caller) {
                Verdict::Yes => {}
                Verdict::No => reader.hidden.push(attr.name),
                Verdict::Depends => {
                    looks_at.extend(self.policies.looks_at(&rule));
                    depending.push((attr.name, rule));
                }
            }
        }
        if !depending.is_empty() {
            let seen = move |target: &Target| {
                let hidden =
                    depending.iter().filter(|(_, rule)| !self.policies.allows(rule, self.caller, target));
                Seen::AllBut(hidden.map(|(name, _)| *name).collect())
            };
            reader.judge = Some(Judge { looks_at: looks_at.into_iter().collect(), seen: Box::new(seen) });
        }
        reader
    }

    /// May the caller create these? They are not there yet: rules look at what was asked for.
    pub async fn create_all(
        &self,
        tx: &mut Tx<'_>,
        table: &'static Resource,
        given: &[Given],
    ) -> Result<(), Fault> {
        let mut groups = BTreeMap::new();
        for item in given {
            self.create(tx, table, item, &mut groups).await?;
        }
        Ok(())
    }

    /// `groups`: facts of security groups that were looked up.
    async fn create(
        &self,
        tx: &mut Tx<'_>,
        table: &'static Resource,
        given: &Given,
        groups: &mut BTreeMap<String, Target>,
    ) -> Result<(), Fault> {
        let action = format!("create_{}", table.rule_name());
        let said = |attr: &Attr, value: &Value| !is_default(attr, value);
        let rules = rules(table, &action, given, said);
        if let Some(rule) = self.undecided(&rules)? {
            let mut target = asked(given);
            if let Some(network) = given.0.get("network_id").and_then(Value::as_str) {
                let facts = tx.network_facts(network, &self.caller.project_id).await?;
                if facts.is_empty()
                    || self.asks_for_network(&rules) && !self.finds_network(tx, network).await?
                {
                    return Err(Refusal::NotFound { table: &NETWORK, id: network.to_owned() }.into());
                }
                target.extend(facts);
            }
            if let Some(group) = given.0.get("security_group_id").and_then(Value::as_str) {
                if !groups.contains_key(group) {
                    groups.insert(group.to_owned(), tx.group_facts(group).await?);
                }
                let facts = &groups[group];
                if facts.is_empty() {
                    return Err(Refusal::SecurityGroupNotFound(group.to_owned()).into());
                }
                target.extend(facts.clone());
            }
            if let Some(parent) = table.parent
                && let Some(id) = given.0.get(parent.column).and_then(Value::as_str)
            {
                target.extend(tx.parent_facts(parent.table, id).await?);
            }
            self.allowed(&rules[rule..], &target)?;
        }
        Ok(())
    }

    /// A rule that asks whether the network is shared looks for it with the caller's eyes.
    fn asks_for_network(&self, rules: &[String]) -> bool {
        rules.iter().any(|rule| self.policies.looks_at(rule).contains("network:shared"))
    }

    async fn finds_network(&self, tx: &mut Tx<'_>, id: &str) -> Result<bool, Fault> {
        Ok(tx.finds(&NETWORK, id, self.project()).await?)
    }

    /// Why there is nothing to show: none that the caller finds, or none that a rule lets be seen.
    pub async fn unseen(&self, tx: &mut Tx<'_>, table: &'static Resource, id: &str) -> Fault {
        match tx.finds(table, id, self.project()).await {
            Ok(true) => Fault::NotForYou,
            Ok(false) => Refusal::NotFound { table, id: id.to_owned() }.into(),
            Err(error) => error.into(),
        }
    }

    /// May the caller change this resource so?
    pub async fn update(
        &self,
        tx: &mut Tx<'_>,
        table: &'static Resource,
        id: &str,
        given: &Given,
    ) -> Result<(), Fault> {
        let action = format!("update_{}", table.rule_name());
        let rules = rules(table, &action, given, |_, _| true);
        self.changes(tx, table, id, &rules, asked(given)).await
    }

    /// May the caller delete this resource?
    pub async fn delete(&self, tx: &mut Tx<'_>, table: &'static Resource, id: &str) -> Result<(), Fault> {
        let rules = [format!("delete_{}", table.rule_name())];
        self.changes(tx, table, id, &rules, Target::new()).await
    }

    /// May the caller do to this resource what the rule is named after?
    pub async fn act(
        &self,
        tx: &mut Tx<'_>,
        table: &'static Resource,
        id: &str,
        rule: &str,
    ) -> Result<(), Fault> {
        self.changes(tx, table, id, &[rule.to_owned()], Target::new()).await
    }

    async fn changes(
        &self,
        tx: &mut Tx<'_>,
        table: &'static Resource,
        id: &str,
        rules: &[String],
        changed: Target,
    ) -> Result<(), Fault> {
        let project = self.project();
        if project.is_none() && self.undecided(rules).is_ok_and(|rule| rule.is_none()) {
            return Ok(());
        }
        let Some(mut target) = tx.target(table, id, project, &self.caller.project_id).await? else {
            return Err(Refusal::NotFound { table, id: id.to_owned() }.into());
        };
        target.extend(changed);
        self.allowed(rules, &target).map_err(|refused| {
            // Who may not even see it is not told that it is there.
            let sees = self.policies.allows(&format!("get_{}", table.rule_name()), self.caller, &target);
            if sees { refused } else { Fault::NotForYou }
        })
    }

    /// The first rule that the caller alone does not decide; an error for one that is a clear "no".
    fn undecided(&self, rules: &[String]) -> Result<Option<usize>, Fault> {
        let mut first = None;
        for (at, rule) in rules.iter().enumerate() {
            match self.policies.verdict(rule, self.caller) {
                Verdict::Yes => {}
                Verdict::No => return Err(self.forbidden(rule)),
                Verdict::Depends => first = first.or(Some(at)),
            }
        }
        Ok(first)
    }

    fn allowed(&self, rules: &[String], target: &Target) -> Result<(), Fault> {
        match rules.iter().find(|rule| !self.policies.allows(rule, self.caller, target)) {
            Some(rule) => Err(self.forbidden(rule)),
            None => Ok(()),
        }
    }

    fn forbidden(&self, rule: &str) -> Fault {
        match self.policies.in_scope(rule, self.caller) {
            true => Fault::Forbidden(rule.to_owned()),
            false => Fault::OutOfScope(rule.to_owned()),
        }
    }

    /// May the caller do this, which is about no stored resource?
    pub fn may(&self, rule: &str, project_id: &str) -> Result<(), Fault> {
        let mut target = Target::new();
        for name in ["project_id", "tenant_id"] {
            target.insert(name.into(), project_id.into());
        }
        self.allowed(&[rule.to_owned()], &target)
    }

    /// A resource belongs to the caller's project unless the caller may act for others.
    pub fn project_of(&self, given: &Given) -> Result<(), Fault> {
        let Some(project) = given.0.get("project_id").and_then(Value::as_str) else { return Ok(()) };
        if project.is_empty() && self.caller.project_id.is_empty() {
            return Err(Fault::NoProject);
        }
        // Whose token is for no project is told so by the rules.
        if self.caller.reach != Reach::Project {
            return Ok(());
        }
        if project == self.caller.project_id || self.any(&SETS_PROJECT) {
            return Ok(());
        }
        Err(Fault::OtherProject)
    }
}

/// The rules that a write asks: of the operation, its attributes and their parts.
fn rules(
    table: &'static Resource,
    action: &str,
    given: &Given,
    said: impl Fn(&Attr, &Value) -> bool,
) -> Vec<String> {
    let mut rules = vec![action.to_owned()];
    for attr in table.attrs.iter().filter(|attr| attr.enforce_policy) {
        let Some(value) = given.0.get(attr.name).filter(|value| said(attr, value)) else { continue };
        let rule = format!("{action}:{}", attr.name);
        let items = value.as_array().into_iter().flatten().filter_map(Value::as_object);
        let items = items.chain(value.as_object().filter(|_| attr.has_parts()));
        let parts: BTreeSet<&String> = items.flat_map(|item| item.keys()).collect();
        let parts = parts.into_iter().map(|part| format!("{rule}:{part}")).collect::<Vec<_>>();
        rules.push(rule);
        rules.extend(parts);
    }
    rules
}

/// True for what a POST without the attribute would mean.
fn is_default(attr: &Attr, value: &Value) -> bool {
    match attr.default {
        Default::Required => false,
        // What the resource's own logic decides is said with null, too.
        Default::Unset => false,
        Default::Null => value.is_null(),
        Default::Bool(b) => *value == Value::Bool(b),
        Default::Int(n) => value.as_i64() == Some(n),
        Default::Text(text) => value.as_str() == Some(text),
        Default::EmptyList => value.as_array().is_some_and(Vec::is_empty),
    }
}

/// What a request says, as rules look at it.
fn asked(given: &Given) -> Target {
    let mut target: Target =
        given.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    if let Some(project) = target.get("project_id").cloned() {
        target.insert("tenant_id".into(), project);
    }
    target
}
