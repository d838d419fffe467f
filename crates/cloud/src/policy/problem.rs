//! What is wrong with rules, said so that it can be put right.

use std::fmt;

use super::link::{MOST_CHECKS, MOST_STEPS};
use super::parse::{DEEPEST, LONGEST};

/// Rules that cannot be taken: all that is wrong, rule by rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    pub problems: Vec<Problem>,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.problems.iter();
        if let Some(first) = lines.next() {
            write!(f, "{first}")?;
        }
        lines.try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

/// One mistake in one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub rule: String,
    /// The character at which it begins, counted from 1, where it has a place.
    pub at: Option<usize>,
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{}, character {at}: {}", self.rule, self.fault),
            None => write!(f, "{}: {}", self.rule, self.fault),
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("longer than {LONGEST} bytes; split it into rules that name each other with rule:NAME")]
    TooLong,
    #[error("more than {DEEPEST} parentheses and nots inside each other; name a part of it with rule:NAME")]
    TooDeep,
    #[error("only blanks; write \"\" or @ to allow everyone, ! to allow nobody")]
    Blank,
    #[error("'{0}' is no check; write KIND:MATCH, such as role:member, or @ or !")]
    NotACheck(String),
    #[error("{0} is a quoted text and no check; take the quotes away, or quote one side of the colon only")]
    Quoted(String),
    #[error("a check is missing here: {0} has nothing to work on")]
    Missing(&'static str),
    #[error("'and' or 'or' is missing before this")]
    NotJoined,
    #[error("this parenthesis is never closed")]
    Open,
    #[error("this parenthesis closes nothing")]
    Closes,
    #[error("an item of a list of checks has blanks, quotes or parentheses at its ends: '{0}'")]
    ListItem(String),
    #[error("not a text or a list of texts; quote it, and write \"\" to allow everyone")]
    NotText,
    #[error("{0} asks another server, which rules here do not; use roles or attributes")]
    Http(String),
    #[error("nothing called '{0}' is known of a caller; known are {known}", known = super::check::KNOWN)]
    UnknownCredential(String),
    #[error("'{0}' is no plain literal; write 'text', a number, True, False or None")]
    Literal(String),
    #[error("{0} is asked for as True or False, not '{1}'")]
    TrueOrFalse(&'static str, String),
    #[error("after % only (ATTRIBUTE)s or another % may stand")]
    Format,
    #[error("{0}: takes one attribute of the target, such as {0}:%(project_id)s, and nothing around it")]
    Owner(String),
    #[error("a field check is field:RESOURCES:ATTRIBUTE=VALUE, such as field:networks:shared=True")]
    Field,
    #[error("the value does not fit the attribute: {0}")]
    FieldValue(String),
    #[error("the regular expression is not understood, or too large: {0}")]
    Regex(String),
    #[error("there is no rule '{0}'; define it, or name another")]
    Undefined(String),
    #[error("leads back to itself: {}", .0.join(" -> "))]
    Loop(Vec<String>),
    #[error("more than {MOST_STEPS} rules one behind the other")]
    TooFar,
    #[error("comes to more than {MOST_CHECKS} checks with the rules it names")]
    TooMuch,
}
