//! Lists and shows: a query becomes one statement, its rows become JSON as they come.

use std::collections::BTreeMap;

use model::api::query::{Filter, Query, TagMatch};
use model::api::table::{Attr, Resource, ShownIf, Source};
use serde_json::Value;

use crate::dialect;
use crate::engine::{Cell, DbError, Engine, Param, Row, Tx};
use crate::reader::{Facts, READER, Reader, Seen};
use crate::row::{write_cell, write_key};

/// One page of a list.
#[derive(Debug, Default)]
pub struct Page {
    /// What was there before, and the items, separated by commas.
    pub json: Vec<u8>,
    pub shown: usize,
    /// Rows that fitted the query: as many as asked for when more may follow.
    pub read: usize,
    pub first: Option<String>,
    pub last: Option<String>,
}

impl Tx<'_> {
    /// One page of a collection, written behind `json`; `None` when the marker names nothing.
    pub async fn list(
        &mut self,
        table: &'static Resource,
        query: &Query,
        reader: &Reader<'_>,
        json: Vec<u8>,
    ) -> Result<Option<Page>, DbError> {
        if reader.blind {
            return Ok(Some(Page { json, ..Page::default() }));
        }
        if let Some(marker) = &query.marker
            && !self.finds(table, marker, reader.project).await?
        {
            return Ok(None);
        }
        Ok(Some(self.rows(table, query, reader, json).await?.page(query.reverse)))
    }

    /// One resource as JSON.
    pub async fn show(
        &mut self,
        table: &'static Resource,
        id: &str,
        fields: &[String],
        reader: &Reader<'_>,
    ) -> Result<Option<Vec<u8>>, DbError> {
        Ok(self.show_all(table, &[id.to_owned()], fields, reader).await?.pop())
    }

    /// Several resources as JSON, in the order of `ids`; without those that the reader is not shown.
    pub async fn show_all(
        &mut self,
        table: &'static Resource,
        ids: &[String],
        fields: &[String],
        reader: &Reader<'_>,
    ) -> Result<Vec<Vec<u8>>, DbError> {
        let values = ids.iter().map(|id| Value::String(id.clone())).collect();
        let filters = vec![Filter::In { attr: "id", values }];
        let query = Query { filters, fields: fields.to_vec(), ..Query::default() };
        let rows = self.rows(table, &query, reader, Vec::with_capacity(1024 * ids.len())).await?;
        let items = rows.items().into_iter();
        let mut items: BTreeMap<String, Vec<u8>> = rows.ids.iter().cloned().zip(items).collect();
        Ok(ids.iter().filter_map(|id| items.remove(id)).collect())
    }

    async fn rows(
        &mut self,
        table: &'static Resource,
        query: &Query,
        reader: &Reader<'_>,
        json: Vec<u8>,
    ) -> Result<Rows, DbError> {
        let mut rows = Rows { begin: json.len(), json, ends: Vec::new(), ids: Vec::new(), read: 0 };
        if reader.blind {
            return Ok(rows);
        }
        let shown = Shown::of(table, &query.fields, reader);
        let mut sql = Sql { engine: self.engine(), reader, text: String::new(), params: Vec::new() };
        sql.select(table, &shown);
        sql.conditions(table, query);
        sql.order_and_page(table, query);
        sql.bind_reader();
        self.each(&sql.text, &sql.params, |row| rows.take(&shown, reader, row)).await?;
        Ok(rows)
    }
}

/// The attributes of an answer, and the columns that decide whether some are left out.
struct Shown {
    attrs: Vec<&'static Attr>,
    flags: Vec<&'static str>,
    /// What the judge looks at.
    facts: Facts,
}

impl Shown {
    fn of(table: &'static Resource, fields: &[String], reader: &Reader<'_>) -> Shown {
        let wanted = |attr: &&Attr| fields.is_empty() || fields.iter().any(|f| f == attr.name);
        let shown = |attr: &&Attr| attr.visible && !reader.hidden.contains(&attr.name);
        let attrs: Vec<_> = table.attrs.iter().filter(shown).filter(wanted).collect();
        let mut flags = Vec::new();
        for attr in &attrs {
            if let ShownIf::True(flag) | ShownIf::False(flag) = attr.shown_if
                && !flags.contains(&flag)
            {
                flags.push(flag);
            }
        }
        let looks_at = reader.judge.as_ref().map_or(&[][..], |judge| &judge.looks_at);
        Shown { attrs, flags, facts: Facts::of(table, looks_at) }
    }
}

/// Items as they come, one behind the other.
struct Rows {
    json: Vec<u8>,
    begin: usize,
    /// Where each item ends, its comma not counted.
    ends: Vec<usize>,
    ids: Vec<String>,
    /// Rows that fitted, shown or not.
    read: usize,
}

impl Rows {
    fn take(&mut self, shown: &Shown, reader: &Reader<'_>, row: &Row<'_>) {
        self.read += 1;
        let first_fact = 1 + shown.flags.len() + shown.attrs.len();
        let hidden = match &reader.judge {
            None => Vec::new(),
            Some(judge) => match (judge.seen)(&shown.facts.read(row, first_fact)) {
                Seen::Nothing => return,
                Seen::AllBut(hidden) => hidden,
            },
        };
        let out = &mut self.json;
        let flag = |name| {
            let at = shown.flags.iter().position(|flag| *flag == name).unwrap_or(0);
            row.cell(1 + at) == Cell::Int(1)
        };
        let cell = |at| row.cell(1 + shown.flags.len() + at);
        if !self.ends.is_empty() {
            out.push(b',');
        }
        out.push(b'{');
        let mut first = true;
        for (at, attr) in shown.attrs.iter().enumerate() {
            let left_out = match attr.shown_if {
                ShownIf::Always => false,
                ShownIf::True(name) => !flag(name),
                ShownIf::False(name) => flag(name),
                ShownIf::Filled => cell(at) == Cell::Null,
                ShownIf::Known => !reader.shows_unknown && cell(at) == Cell::Null,
            };
            if left_out || hidden.contains(&attr.name) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            write_key(out, attr.name);
            write_cell(out, attr.ty, cell(at));
        }
        out.push(b'}');
        self.ends.push(out.len());
        self.ids.push(row.text(0).to_owned());
    }

    fn page(mut self, reverse: bool) -> Page {
        if reverse {
            self.turn_round();
        }
        Page {
            json: self.json,
            shown: self.ends.len(),
            read: self.read,
            first: self.ids.first().cloned(),
            last: self.ids.pop(),
        }
    }

    fn items(&self) -> Vec<Vec<u8>> {
        let mut items = Vec::new();
        let mut begin = self.begin;
        for end in &self.ends {
            items.push(self.json[begin..*end].to_vec());
            begin = end + 1;
        }
        items
    }

    /// A page before a marker is read backwards and shown forwards.
    fn turn_round(&mut self) {
        let mut items = self.items();
        items.reverse();
        self.ids.reverse();
        self.json.truncate(self.begin);
        self.json.extend_from_slice(&items.join(&b','));
    }
}

struct Sql<'a> {
    engine: Engine,
    reader: &'a Reader<'a>,
    text: String,
    params: Vec<Param<'static>>,
}

impl Sql<'_> {
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

    fn bind_all<'a>(&mut self, values: impl IntoIterator<Item = &'a String>) -> String {
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
            all.push(format!("({})", table.seen_by.replace("{project}", &format!("${at}"))));
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
        let mut inner = vec!["a.port_id = ports.id".to_owned()];
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
        format!("EXISTS (SELECT 1 FROM ip_allocations a WHERE {})", inner.join(" AND "))
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
