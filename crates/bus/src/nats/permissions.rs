//! What nats-server must allow to servers and hosts, written as its configuration: a host asks for
//! its own parts, speaks for itself and hears its own wakes and answers. Nothing else.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use model::subject::{self, Word};

/// Subjects that a login may use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Permissions {
    pub publish: Vec<String>,
    pub subscribe: Vec<String>,
}

impl Permissions {
    /// Of the agent of one host; `None` when no host can be called so.
    pub fn of_host(host: &str) -> Option<Permissions> {
        let publish: Option<Vec<String>> = Word::ASKED.iter().map(|word| word.of(host)).collect();
        let inbox = format!("{}.>", subject::inbox(host)?);
        Some(Permissions { publish: publish?, subscribe: vec![Word::Wake.of(host)?, inbox] })
    }

    /// Of every server.
    pub fn of_server() -> Permissions {
        Permissions {
            publish: vec![Word::Wake.of_all(), "_INBOX.>".to_owned()],
            subscribe: Word::ASKED.iter().map(|word| word.of_all()).collect(),
        }
    }

    fn add(&mut self, other: Permissions) {
        self.publish.extend(other.publish);
        self.subscribe.extend(other.subscribe);
    }
}

/// As nats-server's configuration has it, in a block `permissions`.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |subjects: &[String]| {
            subjects.iter().map(|subject| format!("\"{subject}\"")).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "permissions {{")?;
        writeln!(f, "  publish: {{ allow: [{}] }}", list(&self.publish))?;
        writeln!(f, "  subscribe: {{ allow: [{}] }}", list(&self.subscribe))?;
        writeln!(f, "}}")
    }
}

/// A login: a name, and its nkey if it has one; with none it has a password.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Account {
    pub name: String,
    pub nkey: Option<String>,
}

impl Account {
    /// `NAME`, or `NAME=NKEY` with the public key `U...`.
    pub fn parse(text: &str) -> Option<Account> {
        let key = text.rsplit_once('=').filter(|(_, key)| is_user_key(key));
        let (name, nkey) = key.map_or((text, None), |(name, key)| (name, Some(key.to_owned())));
        // The rules of subjects hold for servers as well: one of them may be a host.
        subject::inbox(name)?;
        Some(Account { name: name.to_owned(), nkey })
    }
}

fn is_user_key(text: &str) -> bool {
    let base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    text.len() == 56 && text.starts_with('U') && text.chars().all(base32)
}

/// The block `authorization` for servers and hosts; a name that is both may do both.
pub fn authorization(servers: &[Account], hosts: &[Account]) -> String {
    let mut logins: BTreeMap<&Account, Permissions> = BTreeMap::new();
    for server in servers {
        logins.entry(server).or_default().add(Permissions::of_server());
    }
    for host in hosts {
        // Accounts were parsed, so their names make subjects.
        logins.entry(host).or_default().add(Permissions::of_host(&host.name).unwrap_or_default());
    }
    let mut out = String::from(
        "# Passwords come from the environment of nats-server, which does not start while one is missing.\n\
         # It reads them as values of this file: write them in double quotes, NAME='\"password\"'.\n\
         authorization {\n  users: [\n",
    );
    let mut taken = Vec::new();
    for (account, permissions) in logins {
        let login = match &account.nkey {
            Some(key) => format!("nkey: {key}"),
            None => {
                format!("user: {:?}\n      password: ${}", account.name, variable(&account.name, &mut taken))
            }
        };
        let permissions = permissions.to_string().trim_end().replace('\n', "\n      ");
        // Writing to a string does not fail.
        let _ = writeln!(out, "    {{\n      # {}\n      {login}\n      {permissions}\n    }}", account.name);
    }
    out.push_str("  ]\n}\n");
    out
}

/// The name of the variable that holds a password; each is made once.
fn variable(name: &str, taken: &mut Vec<String>) -> String {
    let word: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let mut variable = format!("NEUTRINO_BUS_{word}");
    while taken.contains(&variable) {
        variable.push('_');
    }
    taken.push(variable.clone());
    variable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(text: &str) -> Account {
        Account::parse(text).expect(text)
    }

    #[test]
    fn a_host_has_its_own_subjects_only() {
        let of = Permissions::of_host("c1.example.org").expect("a host");
        let mut all: Vec<&String> = of.publish.iter().chain(&of.subscribe).collect();
        all.sort_unstable();
        let wanted = [
            "_INBOX.c1=2Eexample=2Eorg.>",
            "agent.c1=2Eexample=2Eorg.beat",
            "agent.c1=2Eexample=2Eorg.report",
            "agent.c1=2Eexample=2Eorg.sync",
            "agent.c1=2Eexample=2Eorg.wake",
        ];
        assert_eq!(all, wanted);
        assert_eq!(Permissions::of_host(""), None);
    }

    #[test]
    fn accounts_are_written_once_each() {
        let key = format!("U{}", "A".repeat(55));
        let servers = [account("server"), account("both")];
        let hosts = [account("a-b"), account("a_b"), account("both"), account(&format!("n={key}"))];
        assert_eq!(hosts[3].nkey.as_deref(), Some(key.as_str()));
        let text = authorization(&servers, &hosts);
        for (word, times) in [
            ("$NEUTRINO_BUS_A_B\n", 1),
            ("$NEUTRINO_BUS_A_B_\n", 1),
            ("$NEUTRINO_BUS_BOTH\n", 1),
            (&format!("nkey: {key}"), 1),
            ("\"_INBOX.>\"", 2),
            ("\"agent.both.sync\"", 1),
            ("password", 4),
        ] {
            assert_eq!(text.matches(word).count(), times, "{word} in\n{text}");
        }
    }

    #[test]
    fn a_name_may_hold_anything_and_is_one_token() {
        assert_eq!(account("a=b"), Account { name: "a=b".into(), nkey: None });
        assert_eq!(Account::parse(""), None);
    }
}
