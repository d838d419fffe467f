//! The operator's policy file: read at the start, read again when it changes.
//!
//! What the rules mean is `cloud::policy`'s. A file that cannot be read, or holds a mistake, leaves
//! the rules in force as they are, and so does one that disappears: nobody gains or loses a right
//! by an accident. A change counts once the file has been the same for a whole look, so that a file
//! that is being written is not taken half.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
pub use cloud::Caller;
use cloud::policy::text_of;
pub use cloud::policy::{Policies, PolicyError, Problem, Rule, Verdict};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::Value;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(1);
/// A policy file is no larger.
const MOST_BYTES: u64 = 1 << 20;

/// Why a policy file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFileError {
    #[error("cannot read it: {0}")]
    Unreadable(std::io::Error),
    #[error("it is no file")]
    NoFile,
    #[error("it is larger than {MOST_BYTES} bytes")]
    TooLarge,
    #[error("it changes while it is read")]
    Changing,
    #[error("not text in UTF-8")]
    NotText,
    #[error("no YAML: {0}")]
    Yaml(String),
    #[error("rules are written as NAME: \"CHECK\", one a line; this is no such map")]
    NotAMap,
    #[error(transparent)]
    Rules(#[from] PolicyError),
}

/// The rules in force, and where they are from.
#[derive(Debug)]
pub struct PolicyFile {
    path: Option<PathBuf>,
    current: ArcSwap<Policies>,
    seen: Mutex<Seen>,
}

/// What a file was like when it was looked at; none when it was not there.
type State = Option<Stamp>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

#[derive(Debug)]
struct Seen {
    /// What has been dealt with, well or not.
    settled: State,
    /// What the last look saw.
    last: State,
}

/// What a look came to.
#[derive(Debug)]
pub enum Look {
    Same,
    /// It changes; the next look tells whether it is done.
    Changing,
    Taken,
    Gone,
    Refused(PolicyFileError),
}

impl PolicyFile {
    /// Reads the file, if there is one. At the start a mistake in it is an error: nobody is served
    /// by rules that were not meant.
    pub fn open(path: Option<PathBuf>) -> Result<PolicyFile, PolicyFileError> {
        let settled = match path.as_deref().map(fs::metadata) {
            Some(Ok(about)) => Some(stamp_of(&about)),
            // A file that is there and cannot be looked at is not the same as none.
            Some(Err(error)) if error.kind() != ErrorKind::NotFound => {
                return Err(PolicyFileError::Unreadable(error));
            }
            _ => None,
        };
        let current = match (&path, settled) {
            (Some(path), Some(_)) => {
                let (policies, strangers) = compiled(&read(path, settled)?)?;
                warn_of(path, &strangers);
                policies
            }
            _ => Policies::default(),
        };
        let seen = Mutex::new(Seen { settled, last: settled });
        Ok(PolicyFile { path, current: ArcSwap::from_pointee(current), seen })
    }

    /// The rules in force.
    pub fn current(&self) -> Arc<Policies> {
        self.current.load_full()
    }

    /// Looks at the file now and then; does not return.
    pub async fn run(self: Arc<Self>) {
        let mut timer = tokio::time::interval(EVERY);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            timer.tick().await;
            let file = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || file.look()).await {
                tracing::error!(%error, "a look at the policy file broke off");
            }
        }
    }

    /// One look. What it comes to is logged here.
    pub fn look(&self) -> Look {
        let Some(path) = self.path.as_deref() else { return Look::Same };
        let state = stamp(path);
        let mut seen = self.seen.lock().unwrap_or_else(|broken| broken.into_inner());
        if std::mem::replace(&mut seen.last, state) != state {
            return Look::Changing;
        }
        if seen.settled == state {
            return Look::Same;
        }
        let file = path.display();
        if state.is_none() {
            seen.settled = state;
            tracing::error!(%file, "the policy file is gone; the rules it held stay in force");
            return Look::Gone;
        }
        match read(path, state).and_then(|text| compiled(&text)) {
            Ok((policies, strangers)) => {
                seen.settled = state;
                self.current.store(Arc::new(policies));
                tracing::info!(%file, "the policy file changed; its rules are in force");
                warn_of(path, &strangers);
                Look::Taken
            }
            Err(PolicyFileError::Changing) => Look::Changing,
            Err(error) => {
                seen.settled = state;
                let why = error.to_string().replace('\n', "; ");
                tracing::error!(%file, error = why, "the policy file is not taken; the rules stay as they are");
                Look::Refused(error)
            }
        }
    }
}

/// The rules of a policy file's text, and the names in it that nothing asks.
pub fn compiled(text: &str) -> Result<(Policies, Vec<String>), PolicyFileError> {
    let (overrides, mut problems) = overrides(text)?;
    let policies = match Policies::with(overrides) {
        Ok(policies) if problems.is_empty() => policies,
        Ok(_) => return Err(PolicyError { problems }.into()),
        Err(error) => {
            problems.extend(error.problems);
            return Err(PolicyError { problems }.into());
        }
    };
    let strangers = policies.rules().filter(|rule| !rule.asked).map(|rule| rule.name.to_owned()).collect();
    Ok((policies, strangers))
}

/// Reads a policy file once.
pub fn text_at(path: &Path) -> Result<String, PolicyFileError> {
    let state = stamp(path);
    if state.is_none() {
        return Err(PolicyFileError::Unreadable(std::io::ErrorKind::NotFound.into()));
    }
    read(path, state)
}

fn warn_of(path: &Path, strangers: &[String]) {
    if !strangers.is_empty() {
        let (file, rules) = (path.display(), strangers.join(", "));
        tracing::warn!(%file, rules, "the policy file has rules that nothing here asks");
    }
}

fn stamp(path: &Path) -> State {
    fs::metadata(path).ok().map(|about| stamp_of(&about))
}

fn stamp_of(about: &Metadata) -> Stamp {
    Stamp {
        device: about.dev(),
        inode: about.ino(),
        size: about.size(),
        modified: (about.mtime(), about.mtime_nsec()),
        changed: (about.ctime(), about.ctime_nsec()),
    }
}

/// The file's text, if it is what `state` says before and after it is read.
fn read(path: &Path, state: State) -> Result<String, PolicyFileError> {
    // A pipe would wait for its other end, so it is looked at before it is opened.
    if !fs::metadata(path).map_err(PolicyFileError::Unreadable)?.is_file() {
        return Err(PolicyFileError::NoFile);
    }
    let file = File::open(path).map_err(PolicyFileError::Unreadable)?;
    let mut bytes = Vec::new();
    (&file).take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(PolicyFileError::Unreadable)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(PolicyFileError::TooLarge);
    }
    let after = file.metadata().map_err(PolicyFileError::Unreadable)?;
    if state != Some(stamp_of(&after)) {
        return Err(PolicyFileError::Changing);
    }
    String::from_utf8(bytes).map_err(|_| PolicyFileError::NotText)
}

type Overrides = Vec<(String, String)>;

/// Names and checks as the file has them, and what is no check at all. Comments alone are a file
/// without rules.
fn overrides(text: &str) -> Result<(Overrides, Vec<Problem>), PolicyFileError> {
    let documents = Yaml::load_from_str(text).map_err(|error| PolicyFileError::Yaml(error.to_string()))?;
    let map = match documents.as_slice() {
        [] => return Ok((Vec::new(), Vec::new())),
        [Yaml::Value(Scalar::Null)] => return Ok((Vec::new(), Vec::new())),
        [Yaml::Mapping(map)] => map,
        _ => return Err(PolicyFileError::NotAMap),
    };
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    for (name, check) in map {
        let name = name.as_str().ok_or(PolicyFileError::NotAMap)?.to_owned();
        match text_of(&plain(check)) {
            Ok(check) => rules.push((name, check)),
            Err(fault) => {
                // It is there all the same, for the rules that name it.
                rules.push((name.clone(), "!".to_owned()));
                problems.push(Problem { rule: name, at: None, fault });
            }
        }
    }
    Ok((rules, problems))
}

/// Texts and lists of them; anything else is no check, and null stands for it.
fn plain(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => Value::String(text.to_string()),
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use cloud::policy::Target;

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Place {
            Place { folder: tempfile::tempdir().expect("a folder") }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("policy.yaml")
        }

        fn write(&self, text: &str) {
            // By way of a second file, so that each write is told apart by its inode.
            let next = self.folder.path().join("next");
            fs::write(&next, text).expect("writes");
            fs::rename(next, self.path()).expect("renames");
        }

        fn open(&self) -> Result<PolicyFile, PolicyFileError> {
            PolicyFile::open(Some(self.path()))
        }
    }

    fn reader_may_create(file: &PolicyFile) -> bool {
        let reader = Caller { roles: vec!["reader".into()], project_id: "p".into(), ..Caller::default() };
        file.current().allows("create_network", &reader, &Target::new())
    }

    #[test]
    fn a_change_counts_once_it_is_whole() {
        let place = Place::new();
        let file = place.open().expect("no file is fine");
        assert!(matches!(file.look(), Look::Same));
        place.write("# mine\n\"create_network\": \"role:reader\"\n");
        assert!(matches!(file.look(), Look::Changing));
        assert!(!reader_may_create(&file));
        place.write("\"create_network\": \"role:reader\"\n");
        assert!(matches!(file.look(), Look::Changing), "it changed again");
        assert!(matches!(file.look(), Look::Taken));
        assert!(reader_may_create(&file));
        assert!(matches!(file.look(), Look::Same));
    }

    #[test]
    fn mistakes_and_loss_leave_the_rules_in_force() {
        let place = Place::new();
        place.write("create_network: 'role:reader'");
        let file = place.open().expect("good");
        assert!(reader_may_create(&file));
        for bad in [
            "create_network: role:reader or",
            "create_network: [",
            "create_network:",
            "create_network: 5",
            "- a",
            "create_network: '@'\ncreate_network: '!'",
            "create_network: rule:gone",
            "\u{0}",
            &format!("a: {}{}", "[".repeat(200_000), "]".repeat(200_000)),
            &format!("#{}", "x".repeat(MOST_BYTES as usize)),
        ] {
            place.write(bad);
            file.look();
            let look = file.look();
            assert!(matches!(look, Look::Refused(_)), "{bad:.40}: {look:?}");
            assert!(matches!(file.look(), Look::Same), "told once");
            assert!(reader_may_create(&file), "{bad:.40}");
        }
        fs::remove_file(place.path()).expect("removes");
        file.look();
        assert!(matches!(file.look(), Look::Gone));
        assert!(reader_may_create(&file));
        fs::create_dir(place.path()).expect("a folder in its place");
        file.look();
        assert!(matches!(file.look(), Look::Refused(PolicyFileError::NoFile)));
        fs::remove_dir(place.path()).expect("removes");
        place.write("{\"create_network\": \"!\", \"mine\": [[\"role:a\"]]}");
        file.look();
        assert!(matches!(file.look(), Look::Taken), "JSON is YAML");
        assert!(!reader_may_create(&file));
    }

    #[test]
    fn a_mistake_at_the_start_is_an_error() {
        let place = Place::new();
        place.write("create_network: nonsense\nget_port: 'role:a or rule:x or'\nx:");
        let told = place.open().expect_err("three mistakes").to_string();
        let parts = ["create_network, character 1:", "get_port, character 18:", "x: "];
        assert_eq!(parts.map(|part| told.matches(part).count()), [1; 3], "{told}");
    }

    #[test]
    fn a_file_without_rules_is_one() {
        for text in ["", "# nothing\n", "{}", "---\n"] {
            assert!(compiled(text).is_ok(), "{text:?}");
        }
        let (_, strangers) =
            compiled("create_firewall_group: 'rule:never_heard_of'\nget_port: rule:mine\nmine: '@'")
                .expect("good");
        assert_eq!(strangers, ["create_firewall_group"]);
    }
}
