//! From a rule's text to its tree.
//!
//! The text is split at blanks; parentheses count at the ends of a word only, since they are also
//! in the middle of checks. `not` binds closest, then `and`, then `or`; the three in any case.

use super::check;
use super::problem::Fault;

/// The longest text of a rule, in bytes.
pub const LONGEST: usize = 8192;
/// The most parentheses and nots inside each other.
pub const DEEPEST: usize = 32;

/// A rule as a tree. `R` is how it names other rules: by text, and once linked by index.
#[derive(Debug, Clone)]
pub enum Tree<R> {
    Always,
    Never,
    Not(Box<Tree<R>>),
    And(Vec<Tree<R>>),
    Or(Vec<Tree<R>>),
    Rule(R),
    /// A rule that is asked about the caller, not about the target.
    OfCaller(R),
    Check(check::Check),
}

/// Another rule's name, and where it is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    pub name: String,
    pub at: usize,
}

pub type Parsed = Tree<Named>;

/// Where something is wrong: the character, counted from 1.
pub type Wrong = (Option<usize>, Fault);

pub fn parse(text: &str) -> Result<Parsed, Wrong> {
    if text.is_empty() {
        return Ok(Tree::Always);
    }
    if text.len() > LONGEST {
        return Err((None, Fault::TooLong));
    }
    let tokens = tokens(text);
    if tokens.is_empty() {
        return Err((None, Fault::Blank));
    }
    let mut reader = Reader { text, tokens: &tokens, next: 0, depth: 0 };
    let tree = reader.any_of()?;
    match reader.peek() {
        None => Ok(tree),
        Some(token) => {
            Err(reader.wrong(token, if token.kind == Kind::Close { Fault::Closes } else { Fault::NotJoined }))
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Open,
    Close,
    And,
    Or,
    Not,
    Quoted,
    Check,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// The byte at which it begins.
    from: usize,
}

/// What the language takes for a blank: the four separators below space are blanks to it as well.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let words = text.split(is_blank).filter(|word| !word.is_empty());
    for word in words {
        let from = word.as_ptr().addr() - text.as_ptr().addr();
        let body = word.trim_start_matches('(');
        let opened = word.len() - body.len();
        tokens.extend((0..opened).map(|at| Token { kind: Kind::Open, text: "(", from: from + at }));
        let clean = body.trim_end_matches(')');
        if !clean.is_empty() {
            let kind = match clean.to_lowercase().as_str() {
                "and" => Kind::And,
                "or" => Kind::Or,
                "not" => Kind::Not,
                _ if is_quoted(body) => Kind::Quoted,
                _ => Kind::Check,
            };
            tokens.push(Token { kind, text: clean, from: from + opened });
        }
        let closes = opened + clean.len()..word.len();
        tokens.extend(closes.map(|at| Token { kind: Kind::Close, text: ")", from: from + at }));
    }
    tokens
}

fn is_quoted(word: &str) -> bool {
    word.len() >= 2 && ['"', '\''].iter().any(|quote| word.starts_with(*quote) && word.ends_with(*quote))
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Token<'a>],
    next: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.next).copied()
    }

    fn take(&mut self, kind: Kind) -> Option<Token<'a>> {
        let token = self.peek().filter(|token| token.kind == kind)?;
        self.next += 1;
        Some(token)
    }

    fn place(&self, byte: usize) -> usize {
        self.text[..byte].chars().count() + 1
    }

    fn wrong(&self, token: Token, fault: Fault) -> Wrong {
        (Some(self.place(token.from)), fault)
    }

    fn any_of(&mut self) -> Result<Parsed, Wrong> {
        self.joined(Kind::Or, "or", Reader::all_of, Tree::Or)
    }

    fn all_of(&mut self) -> Result<Parsed, Wrong> {
        self.joined(Kind::And, "and", Reader::one, Tree::And)
    }

    fn joined(
        &mut self,
        by: Kind,
        word: &'static str,
        part: fn(&mut Self) -> Result<Parsed, Wrong>,
        whole: fn(Vec<Parsed>) -> Parsed,
    ) -> Result<Parsed, Wrong> {
        let first = part(self)?;
        let mut parts = vec![first];
        while let Some(token) = self.take(by) {
            if self.peek().is_none_or(|next| matches!(next.kind, Kind::Close | Kind::And | Kind::Or)) {
                return Err(self.wrong(token, Fault::Missing(word)));
            }
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { whole(parts) })
    }

    /// A check, a negated one, or anything in parentheses.
    fn one(&mut self) -> Result<Parsed, Wrong> {
        let Some(token) = self.peek() else {
            let last = self.tokens[self.next - 1];
            return Err(self.wrong(last, Fault::Missing("not")));
        };
        self.next += 1;
        match token.kind {
            Kind::Check => check::parse(token.text, self.place(token.from))
                .map_err(|(at, fault)| (Some(self.place(token.from + at)), fault)),
            Kind::Quoted => Err(self.wrong(token, Fault::Quoted(token.text.to_owned()))),
            Kind::Not => {
                self.enter(token)?;
                if self.peek().is_none_or(|next| {
                    !matches!(next.kind, Kind::Open | Kind::Not | Kind::Quoted | Kind::Check)
                }) {
                    return Err(self.wrong(token, Fault::Missing("not")));
                }
                let inner = self.one()?;
                self.depth -= 1;
                Ok(Tree::Not(Box::new(inner)))
            }
            Kind::Open => {
                self.enter(token)?;
                if self.peek().is_none() {
                    return Err(self.wrong(token, Fault::Open));
                }
                let inner = self.any_of()?;
                match self.peek() {
                    None => return Err(self.wrong(token, Fault::Open)),
                    Some(next) if next.kind == Kind::Close => self.next += 1,
                    Some(next) => return Err(self.wrong(next, Fault::NotJoined)),
                }
                self.depth -= 1;
                Ok(inner)
            }
            Kind::Close => Err(self.wrong(token, Fault::Missing("the parenthesis"))),
            Kind::And => Err(self.wrong(token, Fault::Missing("and"))),
            Kind::Or => Err(self.wrong(token, Fault::Missing("or"))),
        }
    }

    fn enter(&mut self, token: Token) -> Result<(), Wrong> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(self.wrong(token, Fault::TooDeep)) } else { Ok(()) }
    }
}
