//! Debian's packages.

use model::software::Ordered;

use super::command::{has, run, said, text};
use super::{Item, Output, Unable};
use crate::Settings;

const KEEP: [&str; 2] = ["--force-confdef", "--force-confold"];

pub fn install(settings: &Settings, items: &[Item], watch: &mut dyn FnMut(&Output)) -> Result<(), Unable> {
    if !has("dpkg") {
        return Err(Unable::NoInstaller("dpkg"));
    }
    let files: Vec<String> = items.iter().map(|item| text(&item.file)).collect();
    // What an earlier one left half done stands in the way of all others.
    if said(&["dpkg", "--audit"]).is_some_and(|said| !said.trim().is_empty()) {
        let mut words = vec!["dpkg", "--configure", "--pending"];
        words.extend(KEEP);
        let _ = run(settings, &words, watch); // What cannot be helped, the next one tells.
    }
    let wait = format!("DPkg::Lock::Timeout={}", settings.installer_s);
    let apt = has("apt-get");
    let mut words = match apt {
        true => {
            let mut words = vec!["apt-get", "install", "--yes", "--quiet", "--allow-downgrades"];
            words.extend(["-o", "Dpkg::Use-Pty=0", "-o", &wait]);
            words.extend(["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]);
            words
        }
        false => [&["dpkg", "--install"][..], &KEEP].concat(),
    };
    words.push("--");
    words.extend(files.iter().map(String::as_str));
    let ended = run(settings, &words, watch);
    match items.iter().find(|item| !is_installed(&item.ordered)) {
        // Another package that is broken makes it fail each time: that is not about these.
        None => ended.or_else(|why| if matches!(why, Unable::Failed(..)) { Ok(()) } else { Err(why) }),
        Some(item) => {
            ended?;
            let Ordered { name, version, .. } = item.ordered.clone();
            Err(Unable::NotThere(words[0].to_owned(), name, version))
        }
    }
}

pub fn is_installed(ordered: &Ordered) -> bool {
    let listed = said(&["dpkg-query", "--show", "--showformat", SHOWN, "--", &ordered.name]);
    listed.is_some_and(|lines| lines.lines().any(|line| is(line, ordered)))
}

const SHOWN: &str = "${db:Status-Status} ${Version} ${Architecture}\\n";

fn is(line: &str, ordered: &Ordered) -> bool {
    let mut words = line.split(' ');
    words.next() == Some("installed")
        && words.next() == Some(&ordered.version)
        && words.next().is_some_and(|name| ordered.architecture.is_empty() || name == ordered.architecture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_installed_version_is_not_installed() {
        let ordered = Ordered {
            format: "deb".into(),
            name: "a".into(),
            version: "1:2-3".into(),
            architecture: "amd64".into(),
            file: String::new(),
            sha256: String::new(),
            size_bytes: 0,
        };
        for (line, installed) in [
            ("installed 1:2-3 amd64", true),
            ("unpacked 1:2-3 amd64", false),
            ("half-installed 1:2-3 amd64", false),
            ("installed 1:2-4 amd64", false),
            ("installed 1:2-3 arm64", false),
            ("config-files 1:2-3 amd64", false),
            ("", false),
        ] {
            assert_eq!(is(line, &ordered), installed, "{line}");
        }
    }
}
