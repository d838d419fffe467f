//! A Keystone that is ready to be copied: database and keys, with the people of [`super::people`].
//!
//! It is made once per version of what is installed, under a lock, and kept beside the Python
//! environment: making takes some 15 s, copying none.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::python;

/// What a template must have been made of to be good: these texts.
const MADE_OF: &str = concat!(
    include_str!("../../../../scripts/python-requirements.txt"),
    include_str!("template.rs"),
    include_str!("people.rs"),
);
/// The folders of keys, and the section of the configuration that names each.
const KEYS: [(&str, &str); 3] =
    [("fernet", "fernet_tokens"), ("receipts", "fernet_receipts"), ("credential", "credential")];
pub const DATABASE: &str = "keystone.db";
pub const CONFIGURATION: &str = "keystone.conf";
/// Stands in the catalog for what is known only when a copy runs.
pub const IDENTITY_URL: &str = "http://identity.invalid";

/// What the configuration of a copy says.
pub struct Lifetimes {
    pub expiration_s: u32,
    /// How long after its end a token still counts for services.
    pub allow_expired_s: u32,
}

/// A folder that has no people yet. Others who want a template wait until it is dropped.
pub struct Unfinished {
    _lock: File,
}

/// Copies the template into a folder, or makes there what is to be the template.
pub fn copy(folder: &Path, lifetimes: &Lifetimes) -> anyhow::Result<Option<Unfinished>> {
    fs::create_dir_all(python::cache())?;
    let lock = File::create(python::cache().join("keystone.lock"))?;
    lock.lock()?;
    let template = template();
    let made = fs::read_to_string(template.join("made-of")).is_ok_and(|text| text == MADE_OF);
    if made {
        copy_folder(&template, folder)?;
    } else {
        make(folder).context("cannot make a Keystone: scripts/install-packages test")?;
    }
    configure(folder, lifetimes)?;
    Ok((!made).then_some(Unfinished { _lock: lock }))
}

impl Unfinished {
    /// Keeps a folder, which has its people, as the template.
    pub fn keep(self, folder: &Path) -> anyhow::Result<()> {
        let (template, half) = (template(), python::cache().join("keystone.half"));
        for old in [&template, &half] {
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
        }
        copy_folder(folder, &half)?;
        fs::write(half.join("made-of"), MADE_OF)?;
        Ok(fs::rename(half, template)?)
    }
}

fn template() -> PathBuf {
    python::cache().join("keystone")
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    let mut files = vec![DATABASE.to_owned()];
    for (keys, _) in KEYS {
        fs::create_dir_all(to.join(keys))?;
        for key in fs::read_dir(from.join(keys))? {
            files.push(format!("{keys}/{}", key?.file_name().to_string_lossy()));
        }
    }
    for file in files {
        fs::copy(from.join(&file), to.join(&file)).with_context(|| format!("cannot copy {file}"))?;
    }
    Ok(())
}

fn configure(folder: &Path, lifetimes: &Lifetimes) -> anyhow::Result<()> {
    let place = folder.display();
    let keys: Vec<String> = KEYS
        .iter()
        .map(|(keys, section)| format!("[{section}]\nkey_repository = {place}/{keys}\n"))
        .collect();
    let text = format!(
        "[database]\nconnection = sqlite:///{place}/{DATABASE}\n\
         [token]\nexpiration = {}\nallow_expired_window = {}\n\
         [identity]\npassword_hash_algorithm = bcrypt\npassword_hash_rounds = 4\n\
         # One process has all: its own memory is cache enough, and is told of every change.\n\
         [cache]\nenabled = true\nbackend = oslo_cache.dict\n{}",
        lifetimes.expiration_s,
        lifetimes.allow_expired_s,
        keys.concat(),
    );
    Ok(fs::write(folder.join(CONFIGURATION), text)?)
}

fn make(folder: &Path) -> anyhow::Result<()> {
    configure(folder, &Lifetimes { expiration_s: 3600, allow_expired_s: 3600 })?;
    for (keys, _) in KEYS {
        fs::create_dir(folder.join(keys))?;
    }
    let name = |flag: &str| -> anyhow::Result<String> {
        let output = Command::new("id").arg(flag).output()?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let (user, group) = (name("-un")?, name("-gn")?);
    let owner = ["--keystone-user", &user, "--keystone-group", &group];
    manage(folder, &["db_sync"], &[])?;
    manage(folder, &["fernet_setup"], &owner)?;
    manage(folder, &["receipt_setup"], &owner)?;
    manage(folder, &["credential_setup"], &owner)?;
    let url = format!("{IDENTITY_URL}/v3");
    let password = super::PASSWORD;
    let words = ["bootstrap", "--bootstrap-region-id", super::REGION, "--bootstrap-public-url", &url];
    manage(folder, &words, &["--bootstrap-internal-url", &url, "--bootstrap-password", password])
}

fn manage(folder: &Path, words: &[&str], more: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(python::program("keystone-manage"));
    command.arg("--config-file").arg(folder.join(CONFIGURATION)).args(words).args(more);
    let output = command.output().context("keystone-manage does not run")?;
    if !output.status.success() {
        bail!("keystone-manage {}: {}", words[0], String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
