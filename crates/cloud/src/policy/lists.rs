//! The older spelling of rules: a list of lists, the outer joined by `or`, the inner by `and`.

use serde_json::Value;

use super::problem::Fault;

/// What stands in a policy file for a rule, as text.
pub fn text_of(value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(outer) if outer.is_empty() => Ok("@".to_owned()),
        Value::Array(outer) => {
            let mut alternatives = Vec::new();
            for inner in outer {
                let checks = match inner {
                    Value::String(check) if check.is_empty() => continue,
                    Value::String(check) => item(check)?.to_owned(),
                    Value::Array(checks) if checks.is_empty() => continue,
                    Value::Array(checks) => all_of(checks)?,
                    _ => return Err(Fault::NotText),
                };
                alternatives.push(checks);
            }
            Ok(if alternatives.is_empty() { "!".to_owned() } else { alternatives.join(" or ") })
        }
        _ => Err(Fault::NotText),
    }
}

fn all_of(checks: &[Value]) -> Result<String, Fault> {
    let checks = checks.iter().map(|check| item(check.as_str().ok_or(Fault::NotText)?));
    Ok(checks.collect::<Result<Vec<_>, Fault>>()?.join(" and "))
}

/// A check that reads the same in a list and in a text.
fn item(check: &str) -> Result<&str, Fault> {
    let odd = |letter: char| matches!(letter, '(' | ')' | '"' | '\'');
    let is_word = matches!(check.to_lowercase().as_str(), "and" | "or" | "not");
    let blanks = check.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if check.is_empty() || blanks || is_word || check.starts_with('(') || check.ends_with(odd) {
        return Err(Fault::ListItem(check.to_owned()));
    }
    Ok(check)
}
