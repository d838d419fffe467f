//! Software packages: facts in, decision, rows out.

use cloud::{Refusal, Stamp, software_package};
use db::Tx;
use model::api::software_package::{
    SOFTWARE_PACKAGE, SoftwarePackage, SoftwarePackageCreate, SoftwarePackageUpdate,
};

use crate::error::Fault;
use crate::routes::software_version;

pub async fn load(tx: &mut Tx<'_>, id: impl std::fmt::Display) -> Result<SoftwarePackage, Fault> {
    let found = tx.get(&SOFTWARE_PACKAGE, &id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &SOFTWARE_PACKAGE, id: id.to_string() }.into())
}

pub async fn create(tx: &mut Tx<'_>, stamp: &mut Stamp, new: SoftwarePackageCreate) -> Result<String, Fault> {
    let twin = tx.has_package(&new.project_id, &new.name, &new.format).await?;
    let package = software_package::create(new, twin, stamp)?;
    tx.insert(&SOFTWARE_PACKAGE, &package).await?;
    Ok(package.id.to_string())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &str,
    change: SoftwarePackageUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let after = software_package::update(&before, change);
    tx.update(&SOFTWARE_PACKAGE, before.id, &before, &after, &stamp.now).await?;
    if before.shared != after.shared {
        tx.software_package_due(id).await?;
    }
    Ok(())
}

/// By force, its versions go with it.
pub async fn delete(tx: &mut Tx<'_>, id: &str, force: bool) -> Result<(), Fault> {
    let package = load(tx, id).await?;
    let versions = tx.versions_of(id).await?;
    software_package::delete(&package, versions.len(), force)?;
    for version in versions {
        software_version::delete(tx, &version, force).await?;
    }
    tx.forget_policies(id).await?;
    tx.delete(&SOFTWARE_PACKAGE, package.id).await?;
    Ok(())
}
