//! What differs by engine, in one place: JSON in SQL, how texts compare, and which rows are locked.
//!
//! Neutral words in expressions of the tables: `{json_list EXPRESSION}` is the JSON list of an
//! expression over the rows of a FROM.

use model::api::table::Type;

use crate::engine::Engine;

/// Keeps others from changing the rows that a query finds, until the transaction ends; rows that
/// another one has locked are left out. SQLite has one writer at a time: nothing to do.
pub fn locking_free(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "",
        Engine::Postgres => " FOR NO KEY UPDATE SKIP LOCKED",
    }
}

/// Texts compare by their bytes in SQLite; PostgreSQL asks for it column by column.
pub fn postgres_schema(sql: &str) -> String {
    sql.replace(" TEXT", " TEXT COLLATE \"C\"")
}

/// An expression of a table, its neutral words replaced.
pub fn expression(engine: Engine, neutral: &str) -> String {
    let mut out = String::new();
    let mut rest = neutral;
    while let Some((before, after)) = rest.split_once("{json_list ") {
        let (item, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&match engine {
            Engine::Sqlite => format!("json_group_array({item})"),
            Engine::Postgres => {
                format!("COALESCE(CAST(array_to_json(array_agg({item})) AS TEXT), '[]')")
            }
        });
        rest = after;
    }
    out + rest
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

/// A field, as text, of the JSON object in `text`.
pub fn json_field(engine: Engine, text: &str, field: &str) -> String {
    match engine {
        Engine::Sqlite => format!("json_extract({text}, '$.{field}')"),
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
        (Type::Bool | Type::Int, _) => format!("COALESCE({expression}, -1)"),
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
    }
}
