//! Names and calls the house does without. Comments and strings may say them.

use anyhow::Result;

use crate::source::{self, File};
use crate::{Outcome, Setting};

/// As file, folder or module name, and as the last word of a type's name.
const NAMES: &[&str] = &["base", "common", "helper", "helpers", "manager", "misc", "mixin", "util", "utils"];

/// Terms of the field all the same: Neutron's name of a resource.
const TERMS: &[&str] = &["ConntrackHelper"];

/// A bag of methods for somebody else's type.
const BAG: &str = "ext";

struct Call {
    text: &'static str,
    instead: &'static str,
    fine: fn(&File, in_tests: bool) -> bool,
}

const CALLS: &[Call] = &[
    Call { text: "#[ignore", instead: "run the test or delete it", fine: never },
    Call { text: "#[should_panic", instead: "test the error", fine: never },
    Call { text: ".unwrap()", instead: "use `?`, or expect(\"why it holds\")", fine: in_tests },
    Call { text: "thread::sleep", instead: "wait with testbed's wait.rs", fine: in_waiting_room },
    Call { text: "todo!(", instead: "do it or leave it out", fine: never },
    Call { text: "unimplemented!(", instead: "do it or leave it out", fine: never },
];

fn never(_: &File, _: bool) -> bool {
    false
}

fn in_tests(_: &File, in_tests: bool) -> bool {
    in_tests
}

fn in_waiting_room(file: &File, _: bool) -> bool {
    file.path.ends_with("testbed/src/wait.rs")
}

pub fn check(setting: &Setting) -> Result<Outcome> {
    Ok(Outcome::of(source::rust_files(&setting.root)?.iter().flat_map(faults).collect()))
}

fn faults(file: &File) -> Vec<String> {
    let mut faults = Vec::new();
    let parts = file.path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    faults.extend(
        parts.filter(|part| NAMES.contains(part)).map(|part| format!("{}: the name `{part}`", file.path)),
    );

    let code = source::code_only(&file.text);
    let tests_from = source::tests_from(&code);
    for (at, line) in code.lines().enumerate() {
        let place = format!("{}:{}", file.path, at + 1);
        let in_tests = file.is_test() || at >= tests_from;
        let called = CALLS.iter().filter(|call| line.contains(call.text));
        for call in called.filter(|call| !(call.fine)(file, in_tests)) {
            faults.push(format!("{place}: `{}`: {}", call.text, call.instead));
        }
        if let Some(name) = declared(line).filter(|name| is_banned(name)) {
            faults.push(format!("{place}: the name `{name}`"));
        }
    }
    faults
}

/// The type or module a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.find(|word| matches!(*word, "enum" | "mod" | "struct" | "trait" | "type"))?;
    words.next()
}

fn is_banned(name: &str) -> bool {
    if TERMS.contains(&name) {
        return false;
    }
    let start = name.rfind(|c: char| c.is_uppercase()).unwrap_or(0);
    let last = name[start..].to_lowercase();
    NAMES.contains(&last.as_str()) || (start > 0 && last == BAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        faults(&File { path: path.to_owned(), text: text.to_owned() })
    }

    #[test]
    fn file_and_folder_names() {
        assert_eq!(found("crates/db/src/utils.rs", ""), ["crates/db/src/utils.rs: the name `utils`"]);
        assert_eq!(found("crates/db/src/common/port.rs", "").len(), 1);
        assert_eq!(found("crates/db/src/database.rs", ""), [""; 0]);
    }

    #[test]
    fn type_names() {
        for line in ["pub struct PortManager;", "trait NameExt {", "enum Base {", "pub(crate) mod util {"] {
            assert_eq!(found("a.rs", line).len(), 1, "{line}");
        }
        for line in [
            "struct Database;",
            "struct Context;",
            "use futures::StreamExt;",
            "struct BaseMtu;",
            "struct ConntrackHelper;",
        ] {
            assert_eq!(found("a.rs", line), [""; 0], "{line}");
        }
    }

    #[test]
    fn unwrap_is_for_tests() {
        let code = "fn f() { g().unwrap(); }\n";
        assert_eq!(found("crates/db/src/port.rs", code).len(), 1);
        assert_eq!(found("crates/db/tests/port.rs", code), [""; 0]);
        assert_eq!(found("crates/db/src/port/tests.rs", code), [""; 0]);
        let with_tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{code}}}\n");
        assert_eq!(found("crates/db/src/port.rs", &with_tests), [""; 0]);
        let tests_elsewhere = format!("#[cfg(test)]\nmod tests;\n{code}");
        assert_eq!(found("crates/db/src/port.rs", &tests_elsewhere).len(), 1);
    }

    #[test]
    fn sleep_has_one_room_and_comments_may_speak() {
        let code = "std::thread::sleep(d);\n";
        assert_eq!(found("crates/testbed/src/wait.rs", code), [""; 0]);
        assert_eq!(found("crates/testbed/tests/netns/boot.rs", code).len(), 1);
        assert_eq!(found("a.rs", "// todo!() and .unwrap()\nlet s = \"todo!()\";\n"), [""; 0]);
        assert_eq!(found("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n").len(), 1);
    }
}
