//! A query of a list as one statement.

use model::api::query::{Filter, Query, TagMatch};
use model::api::table::{Attr, Resource, Source};
use serde_json::Value;

use super::Shown;
use crate::dialect;
use crate::engine::{Engine, Param};
use crate::reader::{READER, Reader};

/// What is asked of the engine.
pub struct Sql<'a> {
    engine: Engine,
    reader: &'a Reader<'a>,
    pub text: String,
    pub params: Vec<Param<'static>>,
}

impl<'a> Sql<'a> {
    pub fn of(
        engine: Engine,
        table: &'static Resource,
        query: &Query,
        reader: &'a Reader<'a>,
        shown: &Shown,
    ) -> Sql<'a> {
        let mut sql = Sql { engine, reader, text: String::new(), params: Vec::new() };
        sql.select(table, shown);
        sql.conditions(table, query);
        sql.order_and_page(table, query);
        sql.bind_reader();
        sql
    }

    fn select(&mut self, table: &'static Resource, shown: &Shown) {
        self.text.push_str("SELECT id");
        for flag in &shown.flags {
            self.text.push_str(&format!(", \"{flag}\""));
        }
        for attr in &shown.attrs {
            let expression = self.expression(table, attr);
            self.text.push_str(", ");
            self.text.push_str(&expression);
        }
        for column in &shown.facts.columns {
            self.text.push_str(", ");
            self.text.push_str(column);
        }
        self.text.push_str(" FROM ");
        self.text.push_str(table.plural);
    }

    fn expression(&self, table: &Resource, attr: &Attr) -> String {
        match attr.source {
            Source::Column(column) | Source::Same(column) => format!("{}.\"{column}\"", table.plural),
            Source::Sql(sql) => dialect::expression(self.engine, sql)
                .replace("{alive_since}", &self.reader.alive_since_us.to_string()),
            Source::None => "NULL".into(),
        }
    }

    fn bind(&mut self, param: Param<'static>) -> usize {
        self.params.push(param);
        self.params.len()
    }

    /// Fills in who reads, where an expression asks for it.
    fn bind_reader(&mut self) {
        if self.text.contains(READER) {
            let at = self.bind(self.reader.caller.to_owned().into());
            self.text = self.text.replace(READER, &format!("${at}"));
        }
    }

    fn bind_all<'v>(&mut self, values: impl IntoIterator<Item = &'v String>) -> String {
        let marks: Vec<String> =
            values.into_iter().map(|value| format!("${}", self.bind(value.clone().into()))).collect();
        marks.join(", ")
    }

    fn conditions(&mut self, table: &'static Resource, query: &Query) {
        let mut all = Vec::new();
        for filter in &query.filters {
            match filter {
                Filter::In { attr, values } => all.push(self.is_in(table, attr, values)),
                Filter::FixedIps { ip_address, subnet_id, ip_address_substr } => {
                    all.push(self.fixed_ips(ip_address, subnet_id, ip_address_substr));
                }
                Filter::SecurityGroups(groups) => {
                    let marks = self.bind_all(groups);
                    all.push(format!(
                        "ports.id IN (SELECT pg.port_id FROM port_groups pg WHERE pg.group_id IN ({marks}))"
                    ));
                }
                Filter::Tags { how, tags } => all.push(self.tags(table, *how, tags)),
            }
        }
        if let Some(project) = self.reader.project.filter(|_| !table.seen_by.is_empty()) {
            let at = self.bind(project.to_owned().into());
            all.push(format!("({})", dialect::seen_by(self.engine, table, &format!("${at}"))));
        }
        if let Some(marker) = &query.marker {
            all.push(self.after_marker(table, query, marker));
        }
        if !all.is_empty() {
            self.text.push_str(" WHERE ");
            self.text.push_str(&all.join(" AND "));
        }
    }

    fn is_in(&mut self, table: &'static Resource, name: &str, values: &[Value]) -> String {
        let Some(attr) = table.attr(name) else { return "1 = 0".into() };
        let expression = self.expression(table, attr);
        let mut marks = Vec::new();
        for value in values {
            let param = match value {
                Value::Bool(b) => Param::Bool(*b),
                Value::Number(n) => n.as_i64().map_or(Param::Null, Param::Int),
                Value::String(text) => Param::from(text.clone()),
                other => Param::from(other.to_string()),
            };
            marks.push(format!("${}", self.bind(param)));
        }
        let marks = marks.join(", ");
        match attr.source {
            // A network of several segments shows none of these, and is found by each of them.
            Source::Column(column @ ("network_type" | "physical_network" | "segmentation_id")) => format!(
                "({expression} IN ({marks}) OR EXISTS (SELECT 1 FROM segment_allocations s \
                 WHERE s.network_id = {}.id AND s.{column} IN ({marks})))",
                table.plural
            ),
            _ => format!("{expression} IN ({marks})"),
        }
    }

    fn fixed_ips(&mut self, ips: &[String], subnets: &[String], parts: &[String]) -> String {
        let mut inner = Vec::new();
        if !ips.is_empty() {
            inner.push(format!("a.ip_address IN ({})", self.bind_all(ips)));
        }
        if !subnets.is_empty() {
            inner.push(format!("a.subnet_id IN ({})", self.bind_all(subnets)));
        }
        if !parts.is_empty() {
            let likes: Vec<String> = parts
                .iter()
                .map(|part| {
                    let at = self.bind(part.clone().into());
                    dialect::holds(self.engine, "a.ip_address", &format!("${at}"))
                })
                .collect();
            inner.push(format!("({})", likes.join(" OR ")));
        }
        // A filter that says nothing that is known fits all.
        if inner.is_empty() {
            return "1 = 1".into();
        }
        let inner = inner.join(" AND ");
        // Few ports have one of some addresses, and are looked up by it; else ports are looked at as they come.
        if ips.is_empty() {
            format!("EXISTS (SELECT 1 FROM ip_allocations a WHERE a.port_id = ports.id AND {inner})")
        } else {
            let those = format!("{{among SELECT a.port_id FROM ip_allocations a WHERE {inner}}}");
            format!("ports.id {}", dialect::expression(self.engine, &those))
        }
    }

    fn tags(&mut self, table: &Resource, how: TagMatch, tags: &[String]) -> String {
        let column = format!("{}.tags", table.plural);
        let held = dialect::json_list_count(self.engine, &column, &self.bind_all(tags));
        let all = tags.len();
        match how {
            TagMatch::All => format!("{held} = {all}"),
            TagMatch::Any => format!("{held} > 0"),
            TagMatch::NotAll => format!("{held} < {all}"),
            TagMatch::NotAny => format!("{held} = 0"),
        }
    }

    /// The sort keys with the primary key last, each as a comparable expression.
    fn keys(&self, table: &'static Resource, query: &Query) -> Vec<(String, bool)> {
        let mut keys = Vec::new();
        let mut has_id = false;
        for order in &query.sort {
            let Some(attr) = table.attr(order.attr) else { continue };
            has_id |= attr.name == "id";
            let expression = dialect::sortable(self.engine, &self.expression(table, attr), attr.ty);
            keys.push((expression, order.descending));
        }
        if !has_id {
            keys.push((format!("{}.id", table.plural), false));
        }
        keys
    }

    /// Rows that come after the marker in the asked order, without reading the pages between.
    fn after_marker(&mut self, table: &'static Resource, query: &Query, marker: &str) -> String {
        let at = self.bind(marker.to_owned().into());
        let keys = self.keys(table, query);
        let of_marker = |key: &str| format!("(SELECT {key} FROM {0} WHERE id = ${at})", table.plural);
        let mut any = Vec::new();
        for (last, (key, descending)) in keys.iter().enumerate() {
            let mut all: Vec<String> =
                keys[..last].iter().map(|(key, _)| format!("{key} = {}", of_marker(key))).collect();
            let sign = if *descending != query.reverse { "<" } else { ">" };
            all.push(format!("{key} {sign} {}", of_marker(key)));
            any.push(format!("({})", all.join(" AND ")));
        }
        format!("({})", any.join(" OR "))
    }

    fn order_and_page(&mut self, table: &'static Resource, query: &Query) {
        let keys: Vec<String> = self
            .keys(table, query)
            .into_iter()
            .map(|(key, descending)| {
                format!("{key} {}", if descending != query.reverse { "DESC" } else { "ASC" })
            })
            .collect();
        self.text.push_str(" ORDER BY ");
        self.text.push_str(&keys.join(", "));
        if let Some(limit) = query.limit {
            self.text.push_str(&format!(" LIMIT {limit}"));
        }
    }
}
