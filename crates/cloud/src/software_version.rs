//! Versions of software: what is said of a file before it comes, and what the file says.

use model::SoftwareVersionId;
use model::api::software_package::SoftwarePackage;
use model::api::software_version::{
    FileFacts, SoftwareVersion, SoftwareVersionCreate, SoftwareVersionUpdate, Status,
};
use model::api::validate::SoftwareWord;
use serde_json::{Map, Value, json};

use crate::standard::begin;
use crate::{Refusal, Stamp};

/// Of what a file says of itself, bytes that are kept.
const MAX_CONTROL: usize = 64 << 10;
const MAX_DESCRIPTION: usize = 255;
/// Where an archive says nothing.
const ANY_ARCHITECTURE: &str = "all";

/// Makes a version of a checked request.
pub fn create(
    new: SoftwareVersionCreate,
    package: &SoftwarePackage,
    stamp: &mut Stamp,
) -> Result<SoftwareVersion, Refusal> {
    let archive = package.format == "archive";
    if archive && new.version.is_none() {
        return Err(Refusal::Request("An archive does not say its version: give it.".into()));
    }
    if !archive && new.filename.is_some() {
        return Err(Refusal::Request("Only archives are called as the request says.".into()));
    }
    let mut rest = Map::new();
    begin(&mut rest, stamp);
    Ok(SoftwareVersion {
        id: SoftwareVersionId(stamp.uuid()),
        package_id: package.id,
        project_id: package.project_id.clone(),
        description: new.description,
        version: new.version,
        architecture: new.architecture.or_else(|| archive.then(|| ANY_ARCHITECTURE.to_owned())),
        filename: new.filename,
        size: new.size,
        sha256: new.sha256,
        status: Status::Uploading,
        status_reason: String::new(),
        yanked: false,
        control: json!({}),
        upload_offset: 0,
        upload_id: None,
        taken: None,
        rest,
    })
}

/// What only one version of a package has.
pub fn taken(version: &str, architecture: &str) -> String {
    format!("{version}/{architecture}")
}

/// The same of what is said of a file, if enough is.
pub fn asks_for(version: &SoftwareVersion) -> Option<String> {
    Some(taken(version.version.as_deref()?, version.architecture.as_deref()?))
}

/// The file came whole, and says this. Else the reason why it is none of the package's.
pub fn came(
    before: &SoftwareVersion,
    package: &SoftwarePackage,
    facts: FileFacts,
) -> Result<SoftwareVersion, String> {
    let differs = |what: &str, says: &str, wanted: &str| {
        Err(format!("the file says that its {what} is {says}, not {wanted}"))
    };
    if facts.format != package.format {
        return differs("format", &facts.format, &package.format);
    }
    let mut after = before.clone();
    if facts.format == "archive" {
        let kind = facts.detail.get("kind").and_then(Value::as_str).unwrap_or("tar");
        let version = before.version.clone().unwrap_or_default();
        let architecture = before.architecture.clone().unwrap_or_else(|| ANY_ARCHITECTURE.to_owned());
        let usual = format!("{}-{version}-{architecture}.{kind}", package.name);
        let usual = usual.replace(['~', ':', '^'], "-");
        let file = before.filename.clone().unwrap_or(usual);
        if !SoftwareWord::File.fits(&file) {
            return Err("what the file is called would be too long: say 'filename'".into());
        }
        after.filename = Some(file);
        after.architecture = Some(architecture);
    } else {
        if facts.name != package.name {
            return differs("name", &facts.name, &package.name);
        }
        for (what, says, wanted, word) in [
            ("version", &facts.version, &before.version, SoftwareWord::Version),
            ("architecture", &facts.architecture, &before.architecture, SoftwareWord::Architecture),
        ] {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != says) {
                return differs(what, says, wanted);
            }
            if !word.fits(says) {
                return Err(format!("the file's {what} cannot be one"));
            }
        }
        after.filename = Some(file_name(&facts));
        (after.version, after.architecture) = (Some(facts.version), Some(facts.architecture));
    }
    if before.sha256.as_ref().is_some_and(|wanted| *wanted != facts.sha256) {
        return Err(format!("the file's sum is {}: it is not the one that was to come", facts.sha256));
    }
    after.control = control(&facts.detail);
    if after.description.is_empty() {
        let text = facts.summary.chars().filter(|letter| !letter.is_control());
        after.description = text.take(MAX_DESCRIPTION).collect();
    }
    (after.sha256, after.size) = (Some(facts.sha256), Some(facts.size));
    after.upload_offset = facts.size;
    after.status = Status::Active;
    after.upload_id = None;
    after.taken = asks_for(&after);
    Ok(after)
}

/// As the repository calls it.
fn file_name(facts: &FileFacts) -> String {
    let version = facts.version.split_once(':').map_or(facts.version.as_str(), |(_, rest)| rest);
    match facts.format.as_str() {
        "deb" => format!("{}_{version}_{}.deb", facts.name, facts.architecture),
        _ => format!("{}-{version}.{}.rpm", facts.name, facts.architecture),
    }
}

/// What the file says of itself, if it is worth keeping.
fn control(detail: &Value) -> Value {
    let said = detail.get("control").unwrap_or(detail);
    let text = said.to_string();
    // Not every database stores U+0000.
    if !said.is_object() || text.len() > MAX_CONTROL || text.contains("\\u0000") {
        return json!({});
    }
    said.clone()
}

/// The file is not what it was to be, or another one of that version came first.
pub fn refused(before: &SoftwareVersion, reason: &str) -> SoftwareVersion {
    let reason = reason.chars().filter(|letter| *letter != '\0').take(500).collect();
    SoftwareVersion { status: Status::Error, status_reason: reason, upload_id: None, ..before.clone() }
}

/// The repository has, or has not, the file of a version that came whole.
pub fn found(before: &SoftwareVersion, there: bool) -> SoftwareVersion {
    let (status, reason) = match there {
        true => (Status::Active, ""),
        false => (Status::Error, "the repository has no such file: delete the version, and upload it again"),
    };
    SoftwareVersion { status, status_reason: reason.into(), ..before.clone() }
}

pub fn update(before: &SoftwareVersion, change: SoftwareVersionUpdate) -> SoftwareVersion {
    let mut after = before.clone();
    after.yanked = change.yanked.unwrap_or(after.yanked);
    after.description = change.description.unwrap_or(after.description);
    after
}

/// May a version go that an order is to install?
pub fn delete(version: &SoftwareVersion, ordered: bool, force: bool) -> Result<(), Refusal> {
    if ordered && !force { Err(Refusal::SoftwareVersionInUse(version.id)) } else { Ok(()) }
}
