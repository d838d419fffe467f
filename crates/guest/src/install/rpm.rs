//! RPM's packages.

use model::software::Ordered;

use super::command::{has, run, said, text};
use super::{Item, Output, Unable};
use crate::Settings;

pub fn install(settings: &Settings, items: &[Item], watch: &mut dyn FnMut(&Output)) -> Result<(), Unable> {
    if !has("rpm") {
        return Err(Unable::NoInstaller("rpm"));
    }
    let files: Vec<String> = items.iter().map(|item| text(&item.file)).collect();
    let mut words = match has("dnf") {
        // The sum of each file was signed: a signature within it is not asked for.
        true => vec!["dnf", "--assumeyes", "--quiet", "--nogpgcheck", "--allowerasing", "install"],
        false => vec!["rpm", "--upgrade", "--oldpackage", "--replacepkgs"],
    };
    words.extend(files.iter().map(String::as_str));
    run(settings, &words, watch)?;
    match items.iter().find(|item| !is_installed(&item.ordered)) {
        None => Ok(()),
        Some(item) => {
            let Ordered { name, version, .. } = item.ordered.clone();
            Err(Unable::NotThere(words[0].to_owned(), name, version))
        }
    }
}

pub fn is_installed(ordered: &Ordered) -> bool {
    let listed = said(&["rpm", "--query", "--queryformat", SHOWN, &ordered.name]);
    listed.is_some_and(|lines| lines.lines().any(|line| is(line, ordered)))
}

const SHOWN: &str = "%{EPOCHNUM}:%{VERSION}-%{RELEASE} %{ARCH}\\n";

fn is(line: &str, ordered: &Ordered) -> bool {
    let version = match ordered.version.contains(':') {
        true => ordered.version.clone(),
        false => format!("0:{}", ordered.version),
    };
    let Some((shown, architecture)) = line.split_once(' ') else { return false };
    shown == version && (ordered.architecture.is_empty() || architecture == ordered.architecture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_of_nought_may_be_left_out() {
        let mut ordered = Ordered {
            format: "rpm".into(),
            name: "a".into(),
            version: "2-3".into(),
            architecture: "noarch".into(),
            file: String::new(),
            sha256: String::new(),
            size_bytes: 0,
        };
        assert!(is("0:2-3 noarch", &ordered) && !is("1:2-3 noarch", &ordered) && !is("0:2-3 x", &ordered));
        ordered.version = "1:2-3".into();
        assert!(is("1:2-3 noarch", &ordered) && !is("0:2-3 noarch", &ordered));
    }
}
