//! Subjects of the bus. They carry the host's name, so that the bus itself can hold each host to
//! its own: `agent.HOST.sync`. The name is escaped one to one into a single token.

use std::fmt::Write;

/// The longest name of a host in bytes; escaped, a subject stays below what any bus takes.
pub const NAME_BYTES: usize = 255;

/// What others are told of changes: topic and priority, as oslo.messaging calls them.
pub const NOTIFICATIONS: &str = "notifications.info";
/// Where servers hear what they say to themselves: no host may speak or listen there.
pub const SERVERS_INBOX: &str = "_INBOX_SERVERS";

/// What a message on a host's subject is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Word {
    Sync,
    Report,
    Beat,
    Wake,
}

impl Word {
    /// What hosts ask and servers answer.
    pub const ASKED: [Word; 3] = [Word::Sync, Word::Report, Word::Beat];

    pub const fn as_str(self) -> &'static str {
        match self {
            Word::Sync => "sync",
            Word::Report => "report",
            Word::Beat => "beat",
            Word::Wake => "wake",
        }
    }

    /// Of one host; `None` when that can be no host's name.
    pub fn of(self, host: &str) -> Option<String> {
        Some(format!("agent.{}.{}", token(host)?, self.as_str()))
    }

    /// Of every host.
    pub fn of_all(self) -> String {
        format!("agent.*.{}", self.as_str())
    }
}

/// Where answers to a host arrive: subjects below this.
pub fn inbox(host: &str) -> Option<String> {
    Some(format!("_INBOX.{}", token(host)?))
}

/// The host of a subject.
pub fn host_of(subject: &str) -> Option<String> {
    let (token, word) = subject.strip_prefix("agent.")?.split_once('.')?;
    if word.contains('.') { None } else { name(token) }
}

/// Letters, digits, `-` and `_` stay; every other byte becomes `=` and two hex digits.
fn token(host: &str) -> Option<String> {
    if host.is_empty() || host.len() > NAME_BYTES {
        return None;
    }
    let mut out = String::with_capacity(host.len());
    for byte in host.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "={byte:02X}").ok()?;
        }
    }
    Some(out)
}

fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// The name of a token; `None` for what [`token`] does not make.
fn name(token: &str) -> Option<String> {
    let mut out = Vec::with_capacity(token.len());
    let mut bytes = token.bytes();
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'=' {
            let hex = [bytes.next()?, bytes.next()?];
            u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    let name = String::from_utf8(out).ok()?;
    // One name, one token: other spellings are nobody's.
    (self::token(&name).as_deref() == Some(token)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back_in_one_token() {
        let long = "x".repeat(NAME_BYTES);
        for host in
            ["compute-1", "c1.example.org", "a b", "*", ">", "=2E", "a=b", "höst", "A_b-9", long.as_str()]
        {
            let subject = Word::Sync.of(host).expect("a name");
            assert_eq!(subject.split('.').count(), 3, "{subject}");
            assert!(!subject.contains(['*', '>', ' ']), "{subject}");
            assert_eq!(host_of(&subject).as_deref(), Some(host));
        }
        assert_eq!(Word::Wake.of("c1.example.org").as_deref(), Some("agent.c1=2Eexample=2Eorg.wake"));
        assert_eq!(inbox("a.b").as_deref(), Some("_INBOX.a=2Eb"));
    }

    #[test]
    fn no_two_names_share_a_token() {
        let names = ["a.b", "a_b", "a-b", "a=2Eb", "a b", "A.b", "a=b", "a", "b", "=", "=3D"];
        let mut subjects: Vec<String> = names.iter().filter_map(|name| Word::Beat.of(name)).collect();
        subjects.sort_unstable();
        subjects.dedup();
        assert_eq!(subjects.len(), names.len());
    }

    #[test]
    fn what_is_no_host_has_no_subject() {
        assert_eq!(Word::Sync.of(""), None);
        assert_eq!(Word::Sync.of(&"x".repeat(NAME_BYTES + 1)), None);
        for subject in [
            "agent..sync",
            "agent.a",
            "agent.a.b.sync",
            "host.a.sync",
            "agent.=.sync",
            "agent.=2.sync",
            "agent.=2e.sync",
            "agent.=41.sync",
            "agent.=FF.sync",
            "agent.*.sync",
            "agent.é.sync",
            "",
        ] {
            assert_eq!(host_of(subject), None, "{subject}");
        }
    }
}
