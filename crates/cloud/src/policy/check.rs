//! One check of a rule: `KIND:MATCH`.

use model::api::RESOURCES;
use model::api::convert::{Convert, convert};
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::parse::{Named, Parsed, Tree};
use super::problem::Fault;
use super::template::{Hole, Part, Template};

/// What is compared when the rule is asked.
#[derive(Debug, Clone)]
pub enum Check {
    /// Has the caller the role; in lower case.
    Role(Template),
    /// Is something known of the caller equal to the text.
    Credential(Credential, Template),
    /// Is a literal equal to the text.
    Literal(String, Template),
    /// Is the caller's project the one that an attribute of the target names.
    Owner(Hole),
    /// Has an attribute of the target the value.
    Field { names: Vec<String>, want: Want },
}

#[derive(Debug, Clone)]
pub enum Want {
    Value(Value),
    /// A regular expression that is no more than this text, from the beginning.
    Begins(String),
    /// From its beginning, not to its end.
    Like(Regex),
}

/// What is known of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    UserId,
    UserDomainId,
    ProjectId,
    ProjectDomainId,
    DomainId,
    SystemScope,
    IsAdminProject,
    Roles,
    ServiceRoles,
}

/// By name; several have an older one as well.
const CREDENTIALS: &[(&str, Credential)] = &[
    ("domain", Credential::DomainId),
    ("domain_id", Credential::DomainId),
    ("is_admin_project", Credential::IsAdminProject),
    ("project_domain", Credential::ProjectDomainId),
    ("project_domain_id", Credential::ProjectDomainId),
    ("roles", Credential::Roles),
    ("service_roles", Credential::ServiceRoles),
    ("system", Credential::SystemScope),
    ("system_scope", Credential::SystemScope),
    ("user", Credential::UserId),
    ("user_domain", Credential::UserDomainId),
    ("user_domain_id", Credential::UserDomainId),
    ("user_id", Credential::UserId),
];

pub const KNOWN: &str = "project_id, user_id, roles, service_roles, domain_id, project_domain_id, \
    user_domain_id, system_scope, is_admin and is_admin_project";

/// The rule behind `is_admin`.
pub const IS_ADMIN: &str = "context_is_admin";

/// A pattern that comes to more than this, compiled, is not taken.
const REGEX_BYTES: usize = 1 << 18;

/// Boolean attributes of collections that base rules name and nobody serves yet.
const BOOLEANS: &[(&str, &str)] =
    &[("address_scopes", "shared"), ("policies", "shared"), ("subnetpools", "shared")];

impl Credential {
    pub fn named(name: &str) -> Option<Credential> {
        if name == "project_id" {
            return Some(Credential::ProjectId);
        }
        CREDENTIALS.iter().find(|(known, _)| *known == name).map(|(_, credential)| *credential)
    }
}

/// A word of a rule that is no operator. `at` is its character; an error's number the byte in it.
pub fn parse(word: &str, at: usize) -> Result<Parsed, (usize, Fault)> {
    match word {
        "@" => return Ok(Tree::Always),
        "!" => return Ok(Tree::Never),
        _ => {}
    }
    let (kind, text) = word.split_once(':').ok_or_else(|| (0, Fault::NotACheck(word.to_owned())))?;
    let from = kind.len() + 1;
    let within = |(at, fault)| (from + at, fault);
    match kind {
        "rule" => Ok(Tree::Rule(Named { name: text.to_owned(), at })),
        "role" => Ok(Tree::Check(Check::Role(lower(Template::parse(text).map_err(within)?)))),
        "http" | "https" => Err((0, Fault::Http(kind.to_owned()))),
        "field" => field(text).map_err(within),
        "project_id" | "tenant_id" => match Template::parse(text).map_err(within)? {
            Template::Holes(mut parts) if parts.len() == 1 => match parts.swap_remove(0) {
                Part::Hole(hole) => Ok(Tree::Check(Check::Owner(hole))),
                Part::Text(_) => Err((from, Fault::Owner(kind.to_owned()))),
            },
            _ => Err((from, Fault::Owner(kind.to_owned()))),
        },
        "is_admin" => {
            let rule = Tree::OfCaller(Named { name: IS_ADMIN.to_owned(), at });
            match text {
                "True" => Ok(rule),
                "False" => Ok(Tree::Not(Box::new(rule))),
                _ => Err((from, Fault::TrueOrFalse("is_admin", text.to_owned()))),
            }
        }
        _ => {
            let template = Template::parse(text).map_err(within)?;
            match (literal(kind)?, template) {
                (Some(literal), Template::Plain(text)) if literal == text => Ok(Tree::Always),
                (Some(_), Template::Plain(_)) => Ok(Tree::Never),
                (Some(literal), template) => Ok(Tree::Check(Check::Literal(literal, template))),
                (None, template) => {
                    let unknown = || (0, Fault::UnknownCredential(kind.to_owned()));
                    let credential = Credential::named(kind).ok_or_else(unknown)?;
                    // Roles are known in lower case only.
                    let is_list = matches!(credential, Credential::Roles | Credential::ServiceRoles);
                    let template = if is_list { lower(template) } else { template };
                    Ok(Tree::Check(Check::Credential(credential, template)))
                }
            }
        }
    }
}

fn lower(template: Template) -> Template {
    match template {
        Template::Plain(text) => Template::Plain(text.to_lowercase()),
        holes => holes,
    }
}

/// What a literal is as text; `None` for a name.
fn literal(kind: &str) -> Result<Option<String>, (usize, Fault)> {
    let refuse = || Err((0, Fault::Literal(kind.to_owned())));
    if let "True" | "False" | "None" = kind {
        return Ok(Some(kind.to_owned()));
    }
    if let Some(quote) = kind.chars().next().filter(|letter| ['"', '\''].contains(letter)) {
        return match kind[1..].strip_suffix(quote) {
            Some(inner) if !inner.contains([quote, '\\']) => Ok(Some(inner.to_owned())),
            _ => refuse(),
        };
    }
    let digits = kind.strip_prefix('-').unwrap_or(kind);
    if digits.starts_with(|letter: char| letter.is_ascii_digit()) {
        let plain =
            digits.bytes().all(|byte| byte.is_ascii_digit()) && !(digits.starts_with('0') && kind != "0");
        return if plain { Ok(Some(kind.to_owned())) } else { refuse() };
    }
    Ok(None)
}

/// `RESOURCES:ATTRIBUTE=VALUE`; the attribute may have colons of its own.
fn field(text: &str) -> Result<Parsed, (usize, Fault)> {
    let (resource, rest) = text.split_once(':').ok_or((0, Fault::Field))?;
    let (name, value) = rest.split_once('=').ok_or((0, Fault::Field))?;
    let from = text.len() - value.len();
    let mut names = vec![name.to_owned()];
    if resource == "networks" {
        // Asked of what is on a network, it means the network.
        names.push(format!("network:{name}"));
    }
    let want = match value.strip_prefix('~') {
        Some(pattern) if is_plain(pattern.trim_start_matches('^')) => {
            Want::Begins(pattern.trim_start_matches('^').to_owned())
        }
        Some(pattern) => {
            let whole = format!(r"\A(?:{pattern})");
            let mut builder = RegexBuilder::new(&whole);
            let regex = builder.size_limit(REGEX_BYTES).dfa_size_limit(REGEX_BYTES).nest_limit(64).build();
            Want::Like(regex.map_err(|error| (from + 1, Fault::Regex(why(&error))))?)
        }
        None => {
            let how = converter(resource, name);
            let value = convert(how, Value::String(value.to_owned()));
            Want::Value(value.map_err(|why| (from, Fault::FieldValue(why)))?)
        }
    };
    Ok(Tree::Check(Check::Field { names, want }))
}

/// Stands for itself in a regular expression.
fn is_plain(pattern: &str) -> bool {
    pattern.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, ':' | '_' | '-' | '/'))
}

/// The last line says what is wrong; those before it draw the pattern.
fn why(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn converter(resource: &str, name: &str) -> Convert {
    let table = RESOURCES.into_iter().find(|table| table.plural == resource);
    match table.and_then(|table| table.attr(name)) {
        Some(attr) => attr.convert,
        None if BOOLEANS.contains(&(resource, name)) => Convert::Boolean,
        None => Convert::None,
    }
}
