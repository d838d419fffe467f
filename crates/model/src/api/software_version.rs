//! Versions of software packages, a file each: the table, and the typed version of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::sharing::{granted, shared};
use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, Ops, PROJECT_ID, REVISION_NUMBER, Resource, Source,
    TENANT_ID, UPDATED_AT, boolean, int, json, text,
};
use crate::api::validate::{Check, SoftwareWord};
use crate::{SoftwarePackageId, SoftwareVersionId};

pub const SOFTWARE_VERSION: Resource = Resource {
    singular: "software_version",
    plural: "software_versions",
    path: "software-versions",
    parent: None,
    not_found: "SoftwareVersionNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    // Others see what came whole.
    seen_by: concat!(
        "software_versions.project_id = {project} OR software_versions.status = 'ACTIVE' \
         AND software_versions.package_id IN (SELECT p.id FROM software_packages p WHERE p.shared = TRUE OR p.id IN ",
        granted!(),
        ")"
    ),
    quota: Some(1000),
    attrs: ATTRS,
};

/// What a project's files may take; nothing is served under it.
pub const SOFTWARE_GIGABYTES: Resource = Resource {
    singular: "software_gigabytes",
    plural: "software_versions",
    quota: Some(100),
    attrs: &[],
    ..SOFTWARE_VERSION
};
pub const GIGABYTE: i64 = 1 << 30;
/// Of one file: more is a slip of the pen.
const MAX_BYTES: i64 = 1 << 50;

const SEEN: &str = concat!(
    "(software_versions.status = 'ACTIVE' AND EXISTS (SELECT 1 FROM software_packages p \
    WHERE p.id = software_versions.package_id AND (p.shared = TRUE OR ",
    shared!("p.id"),
    ")))"
);
const NAME: &str = "(SELECT p.name FROM software_packages p WHERE p.id = software_versions.package_id)";

const ATTRS: &[Attr] = &[
    ID,
    text("package_id").check(Check::Uuid).post().shown().filter().sort().target(),
    text("name").from(Source::Sql(NAME)).default(Default::Unset).shown(),
    DESCRIPTION,
    TENANT_ID,
    PROJECT_ID,
    word("version", SoftwareWord::Version),
    word("architecture", SoftwareWord::Architecture),
    word("filename", SoftwareWord::File),
    int("size").default(Default::Unset).check(Check::Range(1, MAX_BYTES)).post().shown().filter().sort(),
    word("sha256", SoftwareWord::Sha256),
    text("status").default(Default::Unset).shown().filter().sort(),
    text("status_reason").default(Default::Unset).shown(),
    boolean("yanked").default(Default::Bool(false)).put().shown().filter(),
    json("control").default(Default::Unset).shown(),
    int("upload_offset").default(Default::Unset).shown(),
    // The repository's name for what comes.
    text("upload_id").default(Default::Unset),
    // Version and architecture of a file that came whole: of two, one has them.
    text("taken").default(Default::Unset),
    // For rules: the reader may know of it.
    boolean("seen").from(Source::Sql(SEEN)).default(Default::Unset).target(),
    REVISION_NUMBER,
    CREATED_AT,
    UPDATED_AT,
    int("created_us").default(Default::Unset),
];

/// What the file says, or what is said of it before.
const fn word(name: &'static str, word: SoftwareWord) -> Attr {
    text(name).default(Default::Unset).check(Check::Software(word)).post().shown().filter().sort()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Its file has not come whole.
    Uploading,
    Active,
    /// The file was refused, or is gone.
    Error,
}

/// A version as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SoftwareVersion {
    pub id: SoftwareVersionId,
    pub package_id: SoftwarePackageId,
    pub project_id: String,
    pub description: String,
    pub version: Option<String>,
    pub architecture: Option<String>,
    pub filename: Option<String>,
    pub size: Option<i64>,
    pub sha256: Option<String>,
    pub status: Status,
    pub status_reason: String,
    pub yanked: bool,
    pub control: Value,
    pub upload_offset: i64,
    pub upload_id: Option<String>,
    pub taken: Option<String>,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl SoftwareVersion {
    /// Its file came whole, so the repository is told of it; also where it lost it since.
    pub fn is_published(&self) -> bool {
        self.taken.is_some()
    }
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SoftwareVersionCreate {
    pub project_id: String,
    pub package_id: SoftwarePackageId,
    pub description: String,
    pub version: Option<String>,
    pub architecture: Option<String>,
    pub filename: Option<String>,
    pub size: Option<i64>,
    pub sha256: Option<String>,
}

/// What a PUT changes.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SoftwareVersionUpdate {
    pub yanked: Option<bool>,
    pub description: Option<String>,
}

/// What the repository found a file to say of itself.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct FileFacts {
    pub sha256: String,
    pub size: i64,
    pub format: String,
    pub name: String,
    pub version: String,
    pub architecture: String,
    #[serde(default)]
    pub summary: String,
    #[serde(default)]
    pub detail: Value,
}
