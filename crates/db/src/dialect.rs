//! What differs by engine, in one place: JSON in SQL, how texts compare, and which rows are locked.
//!
//! Neutral words in expressions of the tables: `{json_list EXPRESSION}` is the JSON list of an
//! expression over the rows of a FROM, `{json_object 'name', EXPRESSION, ...}` an object without what is
//! null, `{json_whole ...}` the same with it, `{json_map KEY, VALUE}` an object over the rows of a FROM,
//! `{json_bool EXPRESSION}` a boolean in one, `{json_inner EXPRESSION}` text that is JSON in one,
//! `{json_placed EXPRESSION}` the items of a JSON list as rows of
//! a FROM, `item.value` in the order of `item.key`; `{among SELECT ...}` behind a column asks whether it is one
//! of what is selected, looked up in the column's index if that is less work.

use model::api::table::{Resource, Type};

use crate::engine::Engine;

/// Keeps others from changing the rows that a query finds, until the transaction ends; rows that
/// another one has locked are left out. SQLite has one writer at a time: nothing to do.
pub fn locking_free(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "",
        Engine::Postgres => " FOR NO KEY UPDATE SKIP LOCKED",
    }
}

/// A migration, its neutral words replaced. Texts compare by their bytes in SQLite; PostgreSQL asks for it
/// column by column.
pub fn schema(engine: Engine, sql: &str) -> String {
    match engine {
        Engine::Sqlite => expression(engine, sql),
        Engine::Postgres => expression(engine, &sql.replace(" TEXT", " TEXT COLLATE \"C\"")),
    }
}

/// An expression of a table, its neutral words replaced.
pub fn expression(engine: Engine, neutral: &str) -> String {
    let mut out = String::new();
    let mut rest = neutral;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        let (inner, behind) = braced(after);
        out.push_str(before);
        match inner.split_once(' ') {
            Some((word, of)) => out.push_str(&neutral_word(engine, word, &expression(engine, of))),
            // A value that the query fills in.
            None => out.push_str(&after[..after.len() - behind.len()]),
        }
        rest = behind;
    }
    out + rest
}

/// Which rows of a table a project sees that is bound as `mark`.
pub fn seen_by(engine: Engine, table: &Resource, mark: &str) -> String {
    expression(engine, table.seen_by).replace("{project}", mark)
}

/// What is between a text's first brace and the one that closes it, and what comes behind.
fn braced(text: &str) -> (&str, &str) {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&text[1..at], &text[at + 1..]);
        }
    }
    (&text[1..], "")
}

fn neutral_word(engine: Engine, word: &str, of: &str) -> String {
    match (word, engine) {
        ("json_list", Engine::Sqlite) => format!("json_group_array({of})"),
        ("json_list", Engine::Postgres) => {
            format!("COALESCE(CAST(array_to_json(array_agg({of})) AS TEXT), '[]')")
        }
        ("json_map", Engine::Sqlite) => format!("json_group_object({of})"),
        ("json_map", Engine::Postgres) => format!("COALESCE(CAST(json_object_agg({of}) AS TEXT), '{{}}')"),
        // The patch drops what is null.
        ("json_object", Engine::Sqlite) => format!("json_patch('{{}}', json_object({of}))"),
        ("json_object", Engine::Postgres) => format!("json_strip_nulls(json_build_object({of}))"),
        ("json_whole", Engine::Sqlite) => format!("json_object({of})"),
        ("json_whole", Engine::Postgres) => format!("json_build_object({of})"),
        ("json_placed", Engine::Sqlite) => format!("json_each({of}) AS item"),
        ("json_placed", Engine::Postgres) => {
            format!("json_array_elements(CAST({of} AS JSON)) WITH ORDINALITY AS item (value, key)")
        }
        ("json_inner", Engine::Sqlite) => format!("json({of})"),
        ("json_inner", Engine::Postgres) => format!("CAST({of} AS JSON)"),
        ("json_bool", Engine::Sqlite) => format!("json(CASE WHEN {of} THEN 'true' ELSE 'false' END)"),
        ("json_bool", Engine::Postgres) => of.to_owned(),
        ("among", Engine::Sqlite) => format!("IN ({of})"),
        // A subquery is no condition of an index, an array is.
        ("among", Engine::Postgres) => format!("= ANY (ARRAY({of}))"),
        _ => format!("{{{word} {of}}}"),
    }
}

/// The items of the JSON list in `text` as rows of one column `value`, each still JSON.
pub fn json_items(engine: Engine, text: &str) -> String {
    match engine {
        Engine::Sqlite => format!("json_each({text})"),
        Engine::Postgres => format!("json_array_elements(CAST({text} AS JSON))"),
    }
}

/// The items of a JSON list of texts, as texts.
pub fn json_texts(engine: Engine, text: &str) -> String {
    match engine {
        Engine::Sqlite => format!("json_each({text})"),
        Engine::Postgres => format!("json_array_elements_text(CAST({text} AS JSON))"),
    }
}

/// The items of the JSON list of texts bound as `mark`, to look for a column of texts among.
pub fn among(engine: Engine, mark: &str) -> String {
    let items = json_texts(engine, mark);
    let collation = match engine {
        Engine::Sqlite => "",
        Engine::Postgres => " COLLATE \"C\"",
    };
    format!("(SELECT item.value{collation} FROM {items} AS item)")
}

/// A field, as text, of the JSON object in `text`.
pub fn json_field(engine: Engine, text: &str, field: &str) -> String {
    match engine {
        Engine::Sqlite => format!("({text} ->> '{field}')"),
        Engine::Postgres => format!("(CAST({text} AS JSON) ->> '{field}')"),
    }
}

/// How many of the bound texts (`marks`) the JSON list in `column` holds.
pub fn json_list_count(engine: Engine, column: &str, marks: &str) -> String {
    let items = json_texts(engine, column);
    format!("(SELECT COUNT(DISTINCT item.value) FROM {items} AS item WHERE item.value IN ({marks}))")
}

/// True where a text holds another.
pub fn holds(engine: Engine, text: &str, part: &str) -> String {
    match engine {
        Engine::Sqlite => format!("INSTR({text}, {part}) > 0"),
        Engine::Postgres => format!("STRPOS({text}, {part}) > 0"),
    }
}

/// An expression that sorts null first and compares with `<` and `>`.
pub fn sortable(engine: Engine, expression: &str, ty: Type) -> String {
    match (ty, engine) {
        (Type::Bool, Engine::Postgres) => format!("COALESCE(CAST({expression} AS INT), -1)"),
        (Type::Bool | Type::Int | Type::IntText, _) => format!("COALESCE({expression}, -1)"),
        (Type::Text | Type::Json, _) => format!("COALESCE({expression}, '')"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neutral_words_are_replaced() {
        let neutral = "(SELECT {json_list s.id} FROM s), {alive_since}";
        assert_eq!(
            expression(Engine::Sqlite, neutral),
            "(SELECT json_group_array(s.id) FROM s), {alive_since}"
        );
        assert!(expression(Engine::Postgres, neutral).contains("array_agg(s.id)"));
        let nested = "{json_list {json_object 'a', f.a, 'b', {json_bool f.b}}}, 1";
        assert_eq!(
            expression(Engine::Postgres, nested),
            "COALESCE(CAST(array_to_json(array_agg(json_strip_nulls(json_build_object('a', f.a, 'b', f.b)))) \
             AS TEXT), '[]'), 1"
        );
        assert!(
            expression(Engine::Sqlite, nested).starts_with("json_group_array(json_patch('{}', json_object(")
        );
    }
}
