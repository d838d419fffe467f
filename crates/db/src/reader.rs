//! Who reads: which rows a query finds, and what of them is shown.

use std::collections::BTreeSet;

use model::api::network::NETWORK;
use model::api::security_group::SECURITY_GROUP;
use model::api::table::{Resource, Source, Type};
use serde_json::{Map, Value, json};

use crate::dialect;
use crate::engine::{Cell, DbError, Engine, Param, Row, Tx};

/// A resource as policy rules look at it: its attributes, its network's behind `network:`, its security
/// group's behind `security_group:`, and those of what it belongs to behind `ext_parent:`.
pub type Target = Map<String, Value>;

/// Which rows and attributes a reader sees, and what time-bound expressions mean.
#[derive(Default)]
pub struct Reader<'a> {
    /// Heartbeats after this (microseconds since the epoch) count as alive.
    pub alive_since_us: i64,
    /// The reader's own project, whatever it finds: what is shared is shared with somebody.
    pub caller: &'a str,
    /// Finds only rows that this project sees; `None` finds all.
    pub project: Option<&'a str>,
    /// Sees nothing at all.
    pub blind: bool,
    /// Is shown also that there is no value where others are shown nothing.
    pub shows_unknown: bool,
    /// Attributes that the reader never sees.
    pub hidden: Vec<&'static str>,
    /// Looks at every row.
    pub judge: Option<Judge<'a>>,
}

/// Decides row by row.
pub struct Judge<'a> {
    /// The keys of [`Target`] that it asks for.
    pub looks_at: Vec<String>,
    pub seen: Box<dyn Fn(&Target) -> Seen + Send + Sync + 'a>,
}

/// What a reader sees of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Nothing,
    AllBut(Vec<&'static str>),
}

/// Facts of a network that rules about its ports and subnets look at.
const OF_NETWORK: [&str; 3] = ["project_id", "shared", "router:external"];
const NETWORK_PREFIX: &str = "network:";
/// Stands for the reader's own project in expressions of the tables.
pub(crate) const READER: &str = "{reader}";
/// Facts of a security group that rules about its rules look at.
const OF_GROUP: [&str; 2] = ["project_id", "tenant_id"];
const GROUP_PREFIX: &str = "security_group:";
/// Facts of what a resource belongs to.
const OF_PARENT: [&str; 2] = ["project_id", "tenant_id"];
const PARENT_PREFIX: &str = "ext_parent:";

impl Tx<'_> {
    /// A stored resource as rules look at it; `None` when the reader does not find it.
    pub async fn target(
        &mut self,
        table: &'static Resource,
        id: &str,
        project: Option<&str>,
        caller: &str,
    ) -> Result<Option<Target>, DbError> {
        let own =
            table.attrs.iter().filter(|attr| attr.policy_target || !matches!(attr.source, Source::Sql(_)));
        let mut keys: Vec<String> = own.map(|attr| attr.name.to_owned()).collect();
        keys.extend(OF_NETWORK.map(|name| format!("{NETWORK_PREFIX}{name}")));
        keys.extend(OF_PARENT.map(|name| format!("{PARENT_PREFIX}{name}")));
        keys.extend(OF_GROUP.map(|name| format!("{GROUP_PREFIX}{name}")));
        let facts = Facts::of(table, &keys);
        let (condition, mut params) = one(self.engine(), table, id, project);
        let mut sql = format!("SELECT {} FROM {} WHERE {condition}", facts.columns.join(", "), table.plural);
        if sql.contains(READER) {
            params.push(caller.into());
            sql = sql.replace(READER, &format!("${}", params.len()));
        }
        let mut found = None;
        self.each(&sql, &params, |row| found = Some(facts.read(row, 0))).await?;
        Ok(found)
    }

    /// Is there such a resource, and does the reader find it?
    pub async fn finds(
        &mut self,
        table: &'static Resource,
        id: &str,
        project: Option<&str>,
    ) -> Result<bool, DbError> {
        let (condition, params) = one(self.engine(), table, id, project);
        let sql = format!("SELECT COUNT(*) FROM {} WHERE {condition}", table.plural);
        Ok(self.number(&sql, &params).await? > 0)
    }

    /// Those of some ids that there are, and that the reader finds.
    pub async fn found(
        &mut self,
        table: &'static Resource,
        ids: &BTreeSet<&str>,
        project: Option<&str>,
    ) -> Result<BTreeSet<String>, DbError> {
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids = json!(ids).to_string();
        let (condition, params) =
            seen(self.engine(), table, &format!("IN {}", dialect::among(self.engine(), "$1")), &ids, project);
        let sql = format!("SELECT id FROM {} WHERE {condition}", table.plural);
        Ok(self.texts(&sql, &params).await?.into_iter().collect())
    }

    /// The facts of a network that rules about something in it look at; none when there is no such
    /// network.
    pub async fn network_facts(&mut self, network: &str, caller: &str) -> Result<Target, DbError> {
        let facts = Facts::of(&NETWORK, &OF_NETWORK.map(str::to_owned));
        let sql = format!("SELECT {} FROM networks WHERE id = $1", facts.columns.join(", "));
        let mut params = vec![Param::from(network)];
        if sql.contains(READER) {
            params.push(caller.into());
        }
        let sql = sql.replace(READER, "$2");
        let mut found = Target::new();
        self.each(&sql, &params, |row| found = facts.read(row, 0)).await?;
        Ok(found.into_iter().map(|(name, value)| (format!("{NETWORK_PREFIX}{name}"), value)).collect())
    }

    /// The facts of a security group that rules about its rules look at; none when it is not there.
    pub async fn group_facts(&mut self, group: &str) -> Result<Target, DbError> {
        let facts = Facts::of(&SECURITY_GROUP, &OF_GROUP.map(str::to_owned));
        let sql = format!("SELECT {} FROM security_groups WHERE id = $1", facts.columns.join(", "));
        let mut found = Target::new();
        self.each(&sql, &[group.into()], |row| found = facts.read(row, 0)).await?;
        Ok(found.into_iter().map(|(name, value)| (format!("{GROUP_PREFIX}{name}"), value)).collect())
    }

    /// The facts of what a resource is to belong to that rules look at; none when it is not there.
    pub async fn parent_facts(&mut self, parent: &'static Resource, id: &str) -> Result<Target, DbError> {
        let facts = Facts::of(parent, &OF_PARENT.map(str::to_owned));
        let sql = format!("SELECT {} FROM {} WHERE id = $1", facts.columns.join(", "), parent.plural);
        let mut found = Target::new();
        self.each(&sql, &[id.into()], |row| found = facts.read(row, 0)).await?;
        Ok(found.into_iter().map(|(name, value)| (format!("{PARENT_PREFIX}{name}"), value)).collect())
    }

    /// Does this resource belong to that one?
    pub async fn is_below(
        &mut self,
        table: &'static Resource,
        id: &str,
        parent: &str,
    ) -> Result<bool, DbError> {
        let Some(of) = table.parent else { return Ok(false) };
        let sql = format!("SELECT COUNT(*) FROM {} WHERE id = $1 AND {} = $2", table.plural, of.column);
        Ok(self.number(&sql, &[id.into(), parent.into()]).await? > 0)
    }
}

/// The condition for one row, if the project sees it, and what it binds.
fn one<'a>(
    engine: Engine,
    table: &Resource,
    id: &'a str,
    project: Option<&'a str>,
) -> (String, Vec<Param<'a>>) {
    seen(engine, table, "= $1", id, project)
}

/// The condition for rows with an id that `is` what is bound first, if the project sees them.
fn seen<'a>(
    engine: Engine,
    table: &Resource,
    is: &str,
    first: &'a str,
    project: Option<&'a str>,
) -> (String, Vec<Param<'a>>) {
    let mut params = vec![Param::from(first)];
    let mut condition = format!("{}.id {is}", table.plural);
    if let Some(project) = project.filter(|_| !table.seen_by.is_empty()) {
        params.push(Param::from(project));
        condition = format!("{condition} AND ({})", dialect::seen_by(engine, table, "$2"));
    }
    (condition, params)
}

/// Columns of a query that are read for rules to look at.
pub(crate) struct Facts {
    keys: Vec<(String, Type)>,
    pub columns: Vec<String>,
}

impl Facts {
    /// Keys that name nothing here are left out, as they are of the target.
    pub fn of(table: &'static Resource, keys: &[String]) -> Facts {
        let mut facts = Facts { keys: Vec::new(), columns: Vec::new() };
        for key in keys {
            if let Some((column, ty)) = column(table, key) {
                facts.keys.push((key.clone(), ty));
                facts.columns.push(column);
            }
        }
        facts
    }

    /// What the columns from `first` on say.
    pub fn read(&self, row: &Row<'_>, first: usize) -> Target {
        let values = self.keys.iter().enumerate();
        values.map(|(at, (key, ty))| (key.clone(), value(*ty, row.cell(first + at)))).collect()
    }
}

fn column(table: &'static Resource, key: &str) -> Option<(String, Type)> {
    if let Some(name) = key.strip_prefix(NETWORK_PREFIX) {
        table.attr("network_id")?;
        let attr = NETWORK.attr(name)?;
        let (said, _) = column(&NETWORK, name)?;
        let of_network =
            format!("(SELECT {said} FROM networks WHERE networks.id = {}.network_id)", table.plural);
        return Some((of_network, attr.ty));
    }
    if let Some(name) = key.strip_prefix(GROUP_PREFIX) {
        table.attr("security_group_id")?;
        let attr = SECURITY_GROUP.attr(name)?;
        let (Source::Column(column) | Source::Same(column)) = attr.source else { return None };
        let of_group = format!(
            "(SELECT g.\"{column}\" FROM security_groups g WHERE g.id = {}.security_group_id)",
            table.plural
        );
        return Some((of_group, attr.ty));
    }
    if let Some(name) = key.strip_prefix(PARENT_PREFIX) {
        let parent = table.parent?;
        let attr = parent.table.attr(name)?;
        let (Source::Column(column) | Source::Same(column)) = attr.source else { return None };
        let (parents, id) = (parent.table.plural, parent.column);
        let of_parent =
            format!("(SELECT o.\"{column}\" FROM {parents} o WHERE o.id = {}.{id})", table.plural);
        return Some((of_parent, attr.ty));
    }
    let attr = table.attr(key)?;
    match attr.source {
        Source::Column(column) | Source::Same(column) => {
            Some((format!("{}.\"{column}\"", table.plural), attr.ty))
        }
        // What changes with time is no fact for a rule.
        Source::Sql(sql) if !sql.replace(READER, "").contains('{') => Some((sql.to_owned(), attr.ty)),
        Source::None | Source::Sql(_) => None,
    }
}

fn value(ty: Type, cell: Cell<'_>) -> Value {
    match (ty, cell) {
        (_, Cell::Null) => Value::Null,
        (Type::Bool, Cell::Int(n)) => Value::Bool(n != 0),
        (_, Cell::Int(n)) => Value::from(n),
        (Type::Json, Cell::Text(json)) => serde_json::from_str(json).unwrap_or_default(),
        (_, Cell::Text(text)) => Value::from(text),
    }
}
