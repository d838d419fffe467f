//! Uploads that came whole: what the file says of itself makes it the version's, or not. How bytes come is next door.

use cloud::software_version as decide;
use model::api::software_package::SOFTWARE_PACKAGE;
use model::api::software_version::{FileFacts, SOFTWARE_VERSION, SoftwareVersion, Status};

use crate::app::App;
use crate::error::Fault;
use crate::repository::Trouble;
use crate::retry;
use crate::routes::software_file::of_upload;
use crate::routes::{software_package, software_version};

/// All of it came: what it says of itself counts. Doing it again changes nothing.
pub async fn finish(app: &App, version: &SoftwareVersion, upload: &str) -> Result<(), Fault> {
    let repository = app.repository().ok_or(Fault::SoftwareOff)?;
    match repository.finish(upload).await {
        Ok(facts) => {
            let facts: FileFacts =
                serde_json::from_value(facts).map_err(|error| Trouble::Broken(error.into()))?;
            retry::whole(|| complete(app, version, &facts)).await
        }
        Err(Trouble::Status { status: 422, message, .. }) => {
            retry::whole(|| refuse(app, version, &message)).await?;
            let _ = repository.drop_upload(upload).await;
            Ok(())
        }
        Err(trouble) => Err(of_upload(trouble)),
    }
}

/// The file is there: it becomes the version, unless it is another's.
async fn complete(app: &App, version: &SoftwareVersion, facts: &FileFacts) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&SOFTWARE_PACKAGE, &version.package_id.to_string()).await?;
    tx.lock(&SOFTWARE_VERSION, &version.id.to_string()).await?;
    let found: Option<SoftwareVersion> = tx.get(&SOFTWARE_VERSION, version.id).await?;
    let waits =
        |found: &SoftwareVersion| found.status == Status::Uploading && found.upload_id == version.upload_id;
    let Some(before) = found.filter(waits) else {
        // It was deleted meanwhile, or somebody was faster: nobody may need the file.
        tx.software_leftover(&facts.sha256).await?;
        return Ok(app.commit(tx).await?);
    };
    let package = software_package::load(&mut tx, before.package_id).await?;
    let mut after = match decide::came(&before, &package, facts.clone()) {
        Ok(after) => after,
        Err(reason) => decide::refused(&before, &reason),
    };
    if let Some(taken) = after.taken.clone()
        && tx.version_taken(&package.id.to_string(), &taken).await?
    {
        after = decide::refused(&before, &format!("the package has a file of version {taken} already"));
    }
    tx.update(&SOFTWARE_VERSION, before.id, &before, &after, &app.stamp().now).await?;
    if after.is_published() {
        tx.forget_leftover(&facts.sha256).await?;
        tx.software_due(after.id);
    } else {
        tx.software_leftover(&facts.sha256).await?;
    }
    Ok(app.commit(tx).await?)
}

/// The file is not what it was to be.
async fn refuse(app: &App, version: &SoftwareVersion, reason: &str) -> Result<(), Fault> {
    let mut tx = app.db().begin().await?;
    tx.lock(&SOFTWARE_VERSION, &version.id.to_string()).await?;
    let before = software_version::load(&mut tx, version.id).await?;
    if before.status == Status::Uploading {
        let after = decide::refused(&before, reason);
        tx.update(&SOFTWARE_VERSION, before.id, &before, &after, &app.stamp().now).await?;
    }
    Ok(app.commit(tx).await?)
}
