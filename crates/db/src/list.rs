//! Lists and shows: a query becomes one statement, its rows become JSON as they come.

mod statement;

use std::collections::BTreeMap;

use model::api::query::{Filter, Query};
use model::api::table::{Attr, Resource, ShownIf};
use serde_json::Value;

use self::statement::Sql;
use crate::engine::{Cell, DbError, Engine, Row, Tx};
use crate::reader::{Facts, Reader, Seen};
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
        let sql = Sql::of(self.engine(), table, query, reader, &shown);
        self.each(&sql.text, &sql.params, |row| rows.take(&shown, reader, row)).await?;
        Ok(rows)
    }

    /// How the engine reaches the rows of a list, as it says itself: a line per step.
    pub async fn plan(
        &mut self,
        table: &'static Resource,
        query: &Query,
        reader: &Reader<'_>,
    ) -> Result<Vec<String>, DbError> {
        let sql = Sql::of(self.engine(), table, query, reader, &Shown::of(table, &query.fields, reader));
        let (explain, at) = match self.engine() {
            Engine::Sqlite => ("EXPLAIN QUERY PLAN", 3),
            Engine::Postgres => ("EXPLAIN", 0),
        };
        let mut lines = Vec::new();
        self.each(&format!("{explain} {}", sql.text), &sql.params, |row| lines.push(row.text(at).to_owned()))
            .await?;
        Ok(lines)
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
