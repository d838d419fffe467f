//! Texts with attributes of the target in them: `%(project_id)s`.

use std::borrow::Cow;

use serde_json::Value;

use super::problem::Fault;

/// The right side of a check.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    Plain(String),
    Holes(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Text(String),
    Hole(Hole),
}

/// An attribute of the target, by the names it may have there.
#[derive(Debug, Clone, PartialEq)]
pub struct Hole {
    pub names: Vec<String>,
}

impl Hole {
    pub fn of(name: &str) -> Hole {
        let mut names = vec![name.to_owned()];
        // The owner of a parent has two older spellings: tenant for project, and _ for the colon.
        for parent in ["network", "ext_parent", "security_group"] {
            let field = name.strip_prefix(parent).and_then(|rest| rest.strip_prefix('_'));
            names.extend(field.map(|field| format!("{parent}:{field}")));
        }
        let others =
            names.iter().filter_map(|name| Some(format!("{}project_id", name.strip_suffix("tenant_id")?)));
        let others: Vec<String> = others.collect();
        names.extend(others);
        Hole { names }
    }
}

impl Template {
    /// The error's number is the byte at which it is.
    pub fn parse(text: &str) -> Result<Template, (usize, Fault)> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(percent) = rest.find('%') {
            plain.push_str(&rest[..percent]);
            let at = text.len() - rest.len() + percent;
            let after = &rest[percent + 1..];
            if let Some(after) = after.strip_prefix('%') {
                plain.push('%');
                rest = after;
                continue;
            }
            let (name, after) = hole(after).ok_or((at, Fault::Format))?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Hole(Hole::of(name)));
            rest = after;
        }
        plain.push_str(rest);
        if parts.is_empty() {
            return Ok(Template::Plain(plain));
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Template::Holes(parts))
    }
}

/// `(name)s` and what follows it; parentheses in the name come in pairs.
fn hole(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('(')?;
    let mut depth = 1;
    for (at, letter) in inner.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&inner[..at], inner[at + 1..].strip_prefix('s')?));
        }
    }
    None
}

/// A value as the language writes it; lists and objects are like no text at all.
pub fn written(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => Some("None".into()),
        Value::Bool(true) => Some("True".into()),
        Value::Bool(false) => Some("False".into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::String(text) => Some(text.as_str().into()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
