//! What differs by engine, in one place: JSON functions and how rows of text are compared.

/// How many of the bound texts (`marks`) the JSON list in `column` holds.
pub fn json_list_count(column: &str, marks: &str) -> String {
    format!(
        "(SELECT COUNT(DISTINCT item.value) FROM json_each({column}) AS item WHERE item.value IN ({marks}))"
    )
}

/// An expression that sorts null first and compares with `<` and `>`.
pub fn sortable(expression: &str, is_text: bool) -> String {
    if is_text { format!("COALESCE({expression}, '')") } else { format!("COALESCE({expression}, -1)") }
}
