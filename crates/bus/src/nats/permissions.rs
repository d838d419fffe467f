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
        let own = format!("{}.>", subject::SERVERS_INBOX);
        let told = subject::NOTIFICATIONS.to_owned();
        Permissions {
            publish: vec![Word::Wake.of_all(), "_INBOX.>".to_owned(), told, own.clone()],
            subscribe: Word::ASKED.iter().map(|word| word.of_all()).chain([own]).collect(),
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

/// Who logs in, and how.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Account {
    pub name: String,
    pub login: Login,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Login {
    Password,
    /// By the public key `U...`.
    Nkey(String),
    /// By a certificate whose DNS name is the account's.
    Certificate,
}

impl Account {
    /// `NAME`, which logs in as it is said, or `NAME=NKEY` with the public key `U...`.
    pub fn parse(text: &str, login: Login) -> Option<Account> {
        let key = text.rsplit_once('=').filter(|(_, key)| is_user_key(key));
        let (name, login) = key.map_or((text, login), |(name, key)| (name, Login::Nkey(key.to_owned())));
        // The rules of subjects hold for servers as well: one of them may be a host.
        subject::inbox(name)?;
        Some(Account { name: name.to_owned(), login })
    }
}

fn is_user_key(text: &str) -> bool {
    let base32 = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    text.len() == 56 && text.starts_with('U') && text.chars().all(base32)
}

const PASSWORDS: &str = "\
# Passwords are variables, and nats-server does not start while one is missing. They come from a file
# that is included above, NAME: \"password\", or from the environment, NAME='\"password\"'.
";
const CERTIFICATES: &str = "\
# Logins without a password are by certificate. The block tls must have `verify_and_map: true`:
# without it, anyone could log in as one of them.
";

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
    let mut out = String::new();
    let has = |wanted: &Login| logins.keys().any(|account| account.login == *wanted);
    if has(&Login::Password) {
        out.push_str(PASSWORDS);
    }
    if has(&Login::Certificate) {
        out.push_str(CERTIFICATES);
    }
    out.push_str("authorization {\n  users: [\n");
    let mut taken = Vec::new();
    for (Account { name, login }, permissions) in logins {
        let login = match login {
            Login::Password => format!("user: {name:?}\n      password: ${}", variable(name, &mut taken)),
            Login::Nkey(key) => format!("# {name:?}\n      nkey: {key}"),
            Login::Certificate => format!("user: {name:?}"),
        };
        let permissions = permissions.to_string().trim_end().replace('\n', "\n      ");
        // Writing to a string does not fail.
        let _ = writeln!(out, "    {{\n      {login}\n      {permissions}\n    }}");
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
        Account::parse(text, Login::Password).expect(text)
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
        assert_eq!(hosts[3].login, Login::Nkey(key.clone()));
        let text = authorization(&servers, &hosts);
        for (word, times) in [
            ("$NEUTRINO_BUS_A_B\n", 1),
            ("$NEUTRINO_BUS_A_B_\n", 1),
            ("$NEUTRINO_BUS_BOTH\n", 1),
            (&format!("nkey: {key}"), 1),
            ("\"_INBOX.>\"", 2),
            ("\"agent.both.sync\"", 1),
            ("password: ", 4),
            ("verify_and_map", 0),
        ] {
            assert_eq!(text.matches(word).count(), times, "{word} in\n{text}");
        }
    }

    #[test]
    fn logins_by_certificate_say_what_they_need() {
        let host = Account::parse("c1", Login::Certificate).expect("a name");
        let text = authorization(&[], &[host]);
        assert!(text.contains("verify_and_map: true") && !text.contains("password: "), "{text}");
    }

    #[test]
    fn a_name_may_hold_anything_and_is_one_token() {
        assert_eq!(account("a=b"), Account { name: "a=b".into(), login: Login::Password });
        assert_eq!(Account::parse("", Login::Password), None);
    }
}
