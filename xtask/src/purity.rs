//! Pure crates are held to `clippy-pure.toml`, and only `kernel` has unsafe code.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::layers::{self, MAP};
use crate::source::{self, File};
use crate::{Outcome, Setting};

const RULES: &str = "../../clippy-pure.toml";
const UNSAFE_ROOM: &str = "kernel";

pub fn check(setting: &Setting) -> Result<Outcome> {
    let mut faults = Vec::new();
    for package in layers::packages(&setting.root)? {
        let name = package.name.as_str();
        let folder = PathBuf::from(&package.manifest).parent().map(PathBuf::from);
        let folder = folder.context("a manifest lies in a folder")?;
        if MAP.iter().any(|row| row.pure && row.name == name) {
            faults.extend(rules_fault(&folder, setting.fix)?.map(|fault| format!("{name}: {fault}")));
        }
        if name != UNSAFE_ROOM && !inherits_lints(&read(&package.manifest)?) {
            faults.push(format!("{name}: Cargo.toml lacks `[lints]` with `workspace = true`"));
        }
    }
    if !forbids_unsafe(&read(setting.root.join("Cargo.toml"))?) {
        faults.push("Cargo.toml: [workspace.lints.rust] lacks `unsafe_code = \"forbid\"`".to_owned());
    }
    faults.extend(source::rust_files(&setting.root)?.iter().flat_map(unsafe_faults));
    Ok(Outcome::of(faults))
}

fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn rules_fault(folder: &Path, fix: bool) -> Result<Option<String>> {
    let link = folder.join("clippy.toml");
    if fs::read_link(&link).is_ok_and(|target| target == Path::new(RULES)) {
        return Ok(None);
    }
    if fix && !link.exists() {
        symlink(RULES, &link).with_context(|| link.display().to_string())?;
        return Ok(None);
    }
    Ok(Some(format!("clippy.toml is not a link to {RULES}")))
}

/// The lines of one table of a manifest, without spaces.
fn table<'a>(manifest: &'a str, header: &'a str) -> impl Iterator<Item = String> + 'a {
    let inside = manifest.lines().skip_while(move |line| line.trim() != header).skip(1);
    inside.take_while(|line| !line.trim_start().starts_with('[')).map(|line| line.replace(' ', ""))
}

fn inherits_lints(manifest: &str) -> bool {
    table(manifest, "[lints]").any(|line| line == "workspace=true")
}

fn forbids_unsafe(manifest: &str) -> bool {
    table(manifest, "[workspace.lints.rust]").any(|line| line == "unsafe_code=\"forbid\"")
}

fn unsafe_faults(file: &File) -> Vec<String> {
    if file.path.starts_with(&format!("crates/{UNSAFE_ROOM}/")) {
        return Vec::new();
    }
    let code = source::code_only(&file.text);
    let is_unsafe =
        |line: &str| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
    let lines = code.lines().enumerate().filter(|(_, line)| is_unsafe(line));
    lines.map(|(at, _)| format!("{}:{}: unsafe code belongs in {UNSAFE_ROOM}", file.path, at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lints_are_read_from_their_own_table() {
        assert!(inherits_lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"));
        assert!(!inherits_lints("[dependencies]\nworkspace = true\n"));
        assert!(!inherits_lints("[lints]\n\n[x]\nworkspace = true\n"));
        assert!(forbids_unsafe("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
        assert!(!forbids_unsafe("[workspace.lints.rust]\nunsafe_code = \"warn\"\n"));
    }

    #[test]
    fn unsafe_is_found_outside_kernel() {
        let file =
            |path: &str| File { path: path.to_owned(), text: "// unsafe\nunsafe { f() }\n".to_owned() };
        assert_eq!(unsafe_faults(&file("crates/bus/src/lib.rs")).len(), 1);
        assert_eq!(unsafe_faults(&file("crates/kernel/src/lib.rs")), [""; 0]);
    }
}
