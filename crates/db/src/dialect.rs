//! What differs by engine, in one place: JSON functions and how rows of text are compared.

/// True when the JSON list in `column` holds the bound text.
pub fn json_list_contains(column: &str, param: usize) -> String {
    format!("EXISTS (SELECT 1 FROM json_each({column}) AS tag WHERE tag.value = ${param})")
}

/// An expression that sorts null first and compares with `<` and `>`.
pub fn sortable(expression: &str, is_text: bool) -> String {
    if is_text { format!("COALESCE({expression}, '')") } else { format!("COALESCE({expression}, -1)") }
}
