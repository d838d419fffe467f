//! Versions of software: facts in, decision, rows out. Their files are next door.

use cloud::{Refusal, Stamp, software_version};
use db::Tx;
use model::api::quota::UNLIMITED;
use model::api::software_package::{SOFTWARE_PACKAGE, SoftwarePackage};
use model::api::software_version::{
    GIGABYTE, SOFTWARE_GIGABYTES, SOFTWARE_VERSION, SoftwareVersion, SoftwareVersionCreate,
    SoftwareVersionUpdate,
};

use crate::app::App;
use crate::error::Fault;
use crate::guard::Guard;

pub async fn load(tx: &mut Tx<'_>, id: impl std::fmt::Display) -> Result<SoftwareVersion, Fault> {
    let found = tx.get(&SOFTWARE_VERSION, &id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &SOFTWARE_VERSION, id: id.to_string() }.into())
}

pub async fn create(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    guard: &Guard<'_>,
    new: SoftwareVersionCreate,
) -> Result<String, Fault> {
    let package = own_package(tx, guard, &new).await?;
    let version = software_version::create(new, &package, stamp)?;
    if let Some(taken) = software_version::asks_for(&version)
        && tx.version_taken(&package.id.to_string(), &taken).await?
    {
        return Err(Refusal::SoftwareVersionExists(taken).into());
    }
    check_bytes(app, tx, &version.project_id, version.size.unwrap_or_default()).await?;
    tx.insert(&SOFTWARE_VERSION, &version).await?;
    Ok(version.id.to_string())
}

/// The package, of the project that the version is to belong to. Whoever does not see it is not told that
/// it is there.
async fn own_package(
    tx: &mut Tx<'_>,
    guard: &Guard<'_>,
    new: &SoftwareVersionCreate,
) -> Result<SoftwarePackage, Fault> {
    let id = new.package_id.to_string();
    let seen = tx.finds(&SOFTWARE_PACKAGE, &id, guard.project()).await?;
    let found: Option<SoftwarePackage> = if seen { tx.get(&SOFTWARE_PACKAGE, &id).await? } else { None };
    match found {
        None => Err(Refusal::NotFound { table: &SOFTWARE_PACKAGE, id }.into()),
        Some(package) if package.project_id == new.project_id => Ok(package),
        Some(package) if guard.project().is_none() => Err(Refusal::Request(format!(
            "The package belongs to project {}: say so by 'project_id'.",
            package.project_id
        ))
        .into()),
        Some(_) => Err(Fault::Forbidden("create_software_version".into())),
    }
}

/// Is there room for so many bytes more of files?
pub async fn check_bytes(app: &App, tx: &mut Tx<'_>, project: &str, more: i64) -> Result<(), Fault> {
    let own = tx.limits_of(project).await?;
    let limit = app.settings().quotas.with(own).of(&SOFTWARE_GIGABYTES).unwrap_or(UNLIMITED);
    if limit == UNLIMITED || more == 0 {
        return Ok(());
    }
    let used = tx.software_bytes(project).await?;
    if used.saturating_add(more) > limit.saturating_mul(GIGABYTE) {
        let used = (used + GIGABYTE - 1) / GIGABYTE;
        return Err(Refusal::OverQuota { resource: "software_gigabyte", limit, used }.into());
    }
    Ok(())
}

pub async fn update(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    id: &str,
    change: SoftwareVersionUpdate,
) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    let after = software_version::update(&before, change);
    tx.update(&SOFTWARE_VERSION, before.id, &before, &after, &stamp.now).await?;
    if before.yanked != after.yanked && after.is_published() {
        tx.software_due(before.id);
    }
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, id: &str, force: bool) -> Result<(), Fault> {
    let version = load(tx, id).await?;
    software_version::delete(&version, tx.version_ordered(id).await?, force)?;
    tx.delete(&SOFTWARE_VERSION, version.id).await?;
    // What came of it counts towards no quota any more.
    if let Some(upload) = &version.upload_id {
        tx.software_leftover_upload(upload).await?;
    }
    if version.is_published() {
        tx.software_due(version.id);
        if let Some(sum) = &version.sha256 {
            tx.software_leftover(sum).await?;
        }
    }
    Ok(())
}
