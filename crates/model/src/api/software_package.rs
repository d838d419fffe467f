//! Software packages, by name: the table, and the typed package of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::SoftwarePackageId;
use crate::api::sharing::{own_or_granted, shared};
use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, Ops, PROJECT_ID, REVISION_NUMBER, Resource, Source,
    TENANT_ID, UPDATED_AT, boolean, int, text,
};
use crate::api::validate::{Check, SoftwareWord};

pub const SOFTWARE_PACKAGE: Resource = Resource {
    singular: "software_package",
    plural: "software_packages",
    path: "software-packages",
    parent: None,
    not_found: "SoftwarePackageNotFound",
    core: false,
    bulk: true,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: concat!(
        own_or_granted!("software_packages", "software_packages.id"),
        " OR software_packages.shared = TRUE"
    ),
    quota: Some(100),
    attrs: ATTRS,
};

/// What files can be.
pub const FORMATS: &[Option<&str>] = &[Some("deb"), Some("rpm"), Some("archive")];

const SEEN: &str = concat!("(software_packages.shared = TRUE OR ", shared!("software_packages.id"), ")");

const ATTRS: &[Attr] = &[
    ID,
    text("name").check(Check::Software(SoftwareWord::Name)).post().shown().filter().sort().via("software"),
    text("format").check(Check::Values(FORMATS)).post().shown().filter().sort().via("software"),
    DESCRIPTION,
    TENANT_ID,
    PROJECT_ID,
    boolean("shared").default(Default::Bool(false)).post().put().shown().filter().target().enforced(),
    // For rules: the reader may know of it.
    boolean("seen").from(Source::Sql(SEEN)).default(Default::Unset).target(),
    REVISION_NUMBER,
    CREATED_AT,
    UPDATED_AT,
    int("created_us").default(Default::Unset),
];

/// A package as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SoftwarePackage {
    pub id: SoftwarePackageId,
    pub project_id: String,
    pub name: String,
    /// `deb`, `rpm` or `archive`.
    pub format: String,
    /// Everybody sees it.
    pub shared: bool,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SoftwarePackageCreate {
    pub project_id: String,
    pub name: String,
    pub format: String,
    pub shared: bool,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SoftwarePackageUpdate {
    pub shared: Option<bool>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
