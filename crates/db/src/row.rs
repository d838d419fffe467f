//! Typed rows, written and read through the tables.

use std::fmt::Display;

use model::api::table::{Resource, Source, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::engine::{Cell, DbError, Param, Row, Tx};

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    Nothing,
    Columns(usize),
}

/// Columns that the door itself keeps.
const REVISION: &str = "revision_number";
const UPDATED_AT: &str = "updated_at";

impl Tx<'_> {
    /// Writes a new row.
    pub async fn insert<T: Serialize>(&mut self, table: &'static Resource, row: &T) -> Result<(), DbError> {
        let fields = object(table, row)?;
        let mut columns = String::new();
        let mut marks = String::new();
        let mut params = Vec::new();
        for attr in table.attrs {
            if let Source::Column(column) = attr.source {
                let comma = if params.is_empty() { "" } else { ", " };
                columns.push_str(&format!("{comma}\"{column}\""));
                marks.push_str(&format!("{comma}${}", params.len() + 1));
                params.push(param(attr.ty, fields.get(attr.name))?);
            }
        }
        let sql = format!("INSERT INTO {} ({columns}) VALUES ({marks})", table.plural);
        self.later(&sql, params).await
    }

    /// Writes what differs; the revision rises by one if anything does.
    pub async fn update<T: Serialize>(
        &mut self,
        table: &'static Resource,
        id: impl Display,
        before: &T,
        after: &T,
        updated_at: &str,
    ) -> Result<Updated, DbError> {
        let (before, after) = (object(table, before)?, object(table, after)?);
        let mut sets = Vec::new();
        let mut params = Vec::new();
        for attr in table.attrs {
            if let Source::Column(column) = attr.source
                && before.get(attr.name) != after.get(attr.name)
                && ![REVISION, UPDATED_AT].contains(&column)
            {
                params.push(param(attr.ty, after.get(attr.name))?);
                sets.push(format!("\"{column}\" = ${}", params.len()));
            }
        }
        if sets.is_empty() {
            return Ok(Updated::Nothing);
        }
        let changed = sets.len();
        if table.attr(REVISION).is_some() {
            sets.push(format!("{REVISION} = {REVISION} + 1"));
            params.push(Param::from(updated_at));
            sets.push(format!("{UPDATED_AT} = ${}", params.len()));
        }
        params.push(Param::from(id.to_string()));
        let sql = format!("UPDATE {} SET {} WHERE id = ${}", table.plural, sets.join(", "), params.len());
        self.later(&sql, params).await?;
        Ok(Updated::Columns(changed))
    }

    /// Raises a resource's revision because something that belongs to it changed.
    pub async fn bump(
        &mut self,
        table: &'static Resource,
        id: impl Display,
        updated_at: &str,
    ) -> Result<(), DbError> {
        let sql = format!(
            "UPDATE {} SET {REVISION} = {REVISION} + 1, {UPDATED_AT} = $1 WHERE id = $2",
            table.plural
        );
        self.later(&sql, vec![updated_at.into(), id.to_string().into()]).await
    }

    /// The revision of a row, `None` without such a row.
    pub async fn revision_of(&mut self, table: &'static Resource, id: &str) -> Result<Option<i64>, DbError> {
        let sql = format!("SELECT {REVISION} FROM {} WHERE id = $1", table.plural);
        let mut found = None;
        self.each(&sql, &[id.into()], |row| found = Some(row.int(0))).await?;
        Ok(found)
    }

    /// True when there was such a row.
    pub async fn delete(&mut self, table: &'static Resource, id: impl Display) -> Result<bool, DbError> {
        let sql = format!("DELETE FROM {} WHERE id = $1", table.plural);
        Ok(self.execute(&sql, &[id.to_string().into()]).await? > 0)
    }

    pub async fn get<T: DeserializeOwned + Send>(
        &mut self,
        table: &'static Resource,
        id: impl Display,
    ) -> Result<Option<T>, DbError> {
        let found = self.find(table, "id = $1", &[id.to_string().into()]).await?;
        Ok(found.into_iter().next())
    }

    /// The rows that fit a condition, each as its type; `condition` may end in an ORDER BY.
    pub async fn find<T: DeserializeOwned + Send>(
        &mut self,
        table: &'static Resource,
        condition: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<T>, DbError> {
        let columns: Vec<String> = table.columns().map(|(column, _)| format!("\"{column}\"")).collect();
        let sql = format!("SELECT {} FROM {} WHERE {condition}", columns.join(", "), table.plural);
        let mut out = Vec::new();
        let mut broken = None;
        self.each(&sql, params, |row| match typed(table, row) {
            Ok(value) => out.push(value),
            Err(source) => broken = Some(source),
        })
        .await?;
        match broken {
            Some(source) => Err(DbError::Unreadable { table: table.plural, source }),
            None => Ok(out),
        }
    }
}

fn object<T: Serialize>(table: &'static Resource, row: &T) -> Result<Map<String, Value>, DbError> {
    match serde_json::to_value(row) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(Map::new()),
        Err(source) => Err(DbError::Unreadable { table: table.plural, source }),
    }
}

fn param(ty: Type, value: Option<&Value>) -> Result<Param<'static>, DbError> {
    Ok(match (ty, value) {
        (_, None | Some(Value::Null)) => Param::Null,
        (Type::Json, Some(value)) if has_nul(value) => return Err(DbError::Nul),
        (Type::Json, Some(value)) => Param::from(value.to_string()),
        (_, Some(Value::Bool(b))) => Param::Bool(*b),
        (_, Some(Value::Number(n))) => n.as_i64().map_or(Param::Null, Param::Int),
        (_, Some(Value::String(text))) => Param::from(text.clone()),
        (_, Some(other)) => Param::from(other.to_string()),
    })
}

/// Written as JSON, U+0000 hides behind an escape that PostgreSQL stumbles over when it looks inside.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A row as its type, by way of the JSON that both sides speak.
fn typed<T: DeserializeOwned + Send>(
    table: &'static Resource,
    row: &Row<'_>,
) -> Result<T, serde_json::Error> {
    let mut json = Vec::with_capacity(1024);
    json.push(b'{');
    let mut at = 0;
    for attr in table.attrs {
        if let Source::Column(_) = attr.source {
            if at > 0 {
                json.push(b',');
            }
            write_key(&mut json, attr.name);
            // What answers show as text is a number to those who decide.
            let ty = if attr.ty == Type::IntText { Type::Int } else { attr.ty };
            write_cell(&mut json, ty, row.cell(at));
            at += 1;
        }
    }
    json.push(b'}');
    serde_json::from_slice(&json)
}

pub fn write_key(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Writes a cell as JSON.
pub fn write_cell(out: &mut Vec<u8>, ty: Type, cell: Cell<'_>) {
    match (ty, cell) {
        (_, Cell::Null) => out.extend_from_slice(b"null"),
        (Type::Bool, Cell::Int(n)) => {
            out.extend_from_slice(if n == 0 { b"false" } else { b"true" });
        }
        (Type::IntText, Cell::Int(n)) => out.extend_from_slice(format!("\"{n}\"").as_bytes()),
        (_, Cell::Int(n)) => out.extend_from_slice(n.to_string().as_bytes()),
        (Type::Json, Cell::Text(json)) => out.extend_from_slice(json.as_bytes()),
        (_, Cell::Text(text)) if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        (_, Cell::Text(text)) => {
            serde_json::to_writer(&mut *out, text).expect("memory takes every byte");
        }
    }
}
