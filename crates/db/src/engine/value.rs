//! Values on their way in and out: what is bound to a statement, and the cells of a row.

use std::borrow::Cow;
use std::error::Error;

use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A value bound to a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Param<'a> {
    Null,
    Int(i64),
    Bool(bool),
    Text(Cow<'a, str>),
}

impl<'a> Param<'a> {
    pub fn text(text: impl Into<Cow<'a, str>>) -> Param<'a> {
        Param::Text(text.into())
    }

    pub(super) fn into_owned(self) -> Param<'static> {
        match self {
            Param::Null => Param::Null,
            Param::Int(n) => Param::Int(n),
            Param::Bool(b) => Param::Bool(b),
            Param::Text(text) => Param::Text(Cow::Owned(text.into_owned())),
        }
    }

    pub(super) fn has_nul(&self) -> bool {
        matches!(self, Param::Text(text) if text.as_bytes().contains(&0))
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Param<'a> {
        Param::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Param<'_> {
    fn from(text: String) -> Self {
        Param::Text(Cow::Owned(text))
    }
}

impl From<i64> for Param<'_> {
    fn from(n: i64) -> Self {
        Param::Int(n)
    }
}

impl From<bool> for Param<'_> {
    fn from(b: bool) -> Self {
        Param::Bool(b)
    }
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Param::Null => ValueRef::Null,
            Param::Int(n) => ValueRef::Integer(*n),
            Param::Bool(b) => ValueRef::Integer(i64::from(*b)),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

/// PostgreSQL says which type it takes; the value follows as SQLite's column affinity would have it,
/// and one that has no such form is null, which equals nothing.
impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let int = match self {
            Param::Null => return Ok(IsNull::Yes),
            Param::Int(n) => Some(*n),
            Param::Bool(b) => Some(i64::from(*b)),
            Param::Text(_) if !is_number(ty) => None,
            Param::Text(text) => match text.trim().parse::<i64>() {
                Ok(n) => Some(n),
                Err(_) => return Ok(IsNull::Yes),
            },
        };
        match (int, self) {
            (Some(n), _) if *ty == Type::INT8 => n.to_sql(ty, out),
            (Some(n), _) if *ty == Type::INT4 => match i32::try_from(n) {
                Ok(n) => n.to_sql(ty, out),
                Err(_) => Ok(IsNull::Yes),
            },
            (Some(n), _) if *ty == Type::BOOL => match n {
                0 | 1 => (n == 1).to_sql(ty, out),
                _ => Ok(IsNull::Yes),
            },
            (Some(n), _) => n.to_string().to_sql(ty, out),
            (None, Param::Text(text)) => text.as_ref().to_sql(ty, out),
            (None, _) => Ok(IsNull::Yes),
        }
    }

    fn accepts(ty: &Type) -> bool {
        is_number(ty) || is_text(ty)
    }

    to_sql_checked!();
}

fn is_number(ty: &Type) -> bool {
    [Type::INT8, Type::INT4, Type::BOOL].contains(ty)
}

fn is_text(ty: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::NAME, Type::JSON, Type::UNKNOWN].contains(ty)
}

/// A cell of a result; a boolean is 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    Null,
    Int(i64),
    Text(&'a str),
}

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Cell<'a>, Box<dyn Error + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Cell::Int(i32::from_sql(ty, raw)?.into()),
            Type::BOOL => Cell::Int(bool::from_sql(ty, raw)?.into()),
            _ => Cell::Text(std::str::from_utf8(raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Cell<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Cell::Null)
    }

    fn accepts(ty: &Type) -> bool {
        is_number(ty) || is_text(ty)
    }
}

/// One row of a result, valid until the next.
pub struct Row<'a>(pub(super) Source<'a>);

pub(super) enum Source<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl<'a> Row<'a> {
    pub fn cell(&self, at: usize) -> Cell<'a> {
        match &self.0 {
            Source::Sqlite(row) => match row.get_ref(at) {
                Ok(ValueRef::Integer(n)) => Cell::Int(n),
                Ok(ValueRef::Text(text)) => std::str::from_utf8(text).map_or(Cell::Null, Cell::Text),
                _ => Cell::Null,
            },
            Source::Postgres(row) => row.try_get(at).unwrap_or(Cell::Null),
        }
    }

    /// Text of a column that is never null.
    pub fn text(&self, at: usize) -> &'a str {
        match self.cell(at) {
            Cell::Text(text) => text,
            _ => "",
        }
    }

    pub fn int(&self, at: usize) -> i64 {
        match self.cell(at) {
            Cell::Int(n) => n,
            _ => 0,
        }
    }
}
