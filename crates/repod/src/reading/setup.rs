//! How an instance is told of the repository: its key, and files for apt and dnf.

use repo::sign::public_text;

use super::Reading;
use super::deb::{COMPONENTS, SUITE};
use crate::error::Refusal;
use crate::http::Answer;

const TEXT: &str = "text/plain; charset=utf-8";

pub async fn answer(reading: &Reading<'_>, path: &[&str]) -> Result<Answer, Refusal> {
    let keys = reading.repository.keys.all();
    let since = keys.last().map_or(0, |key| u64::from(key.created_at()));
    let address = reading.repository.settings.address.trim_end_matches('/');
    let key = public_text(keys.iter().map(|key| &key.public));
    let text = match path {
        ["key.asc"] => key,
        ["key.gpg"] => {
            let bytes: Vec<u8> = keys.iter().flat_map(|key| key.public.bytes.clone()).collect();
            return reading.made(bytes, since, "application/pgp-keys").await;
        }
        ["setup", "apt.sources"] => apt(address, &key),
        ["setup", "dnf.repo"] => dnf(address),
        ["setup", "user-data"] => user_data(&key, &apt(address, &key), &dnf(address)),
        _ => return Err(Refusal::NotFound),
    };
    reading.made(text, since, TEXT).await
}

/// With the key within it, so that it is one file.
fn apt(address: &str, key: &str) -> String {
    let lines =
        key.lines().map(|line| if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") });
    format!(
        "Types: deb\nURIs: {address}/deb\nSuites: {SUITE}\nComponents: {}\nSigned-By:\n{}",
        COMPONENTS.join(" "),
        lines.collect::<String>()
    )
}

/// Indexes are signed, and say the sum of each package: that packages are signed as well is not asked.
fn dnf(address: &str) -> String {
    let section = |name: &str, what: &str| {
        format!(
            "[neutrino-{name}]\nname=neutrino, {what}\nbaseurl={address}/rpm/{name}\nenabled=1\n\
             repo_gpgcheck=1\ngpgcheck=0\ngpgkey={address}/key.asc\nmetadata_expire=60\n"
        )
    };
    format!("{}\n{}", section("main", "for everybody"), section("project", "for this project"))
}

/// A script for cloud-init that knows both families, and writes the key that the guest program trusts.
fn user_data(key: &str, apt: &str, dnf: &str) -> String {
    format!(
        "#!/bin/sh\nset -e\nmkdir -p /etc/neutrino-guest\ncat >/etc/neutrino-guest/key.asc <<'END'\n{key}END\n\
         if command -v apt-get >/dev/null; then\n    \
         cat >/etc/apt/sources.list.d/neutrino.sources <<'END'\n{apt}END\n    apt-get update\n\
         elif [ -d /etc/yum.repos.d ]; then\n    cat >/etc/yum.repos.d/neutrino.repo <<'END'\n{dnf}END\nfi\n"
    )
}
