//! Tells the repository what is published, and learns from it which files are gone.
//!
//! At the start all of it, then what changed since the revision that it knows. Servers on one database need
//! not take turns: of two that say the same, the repository refuses the second.

use std::time::Duration;

use cloud::software_version;
use db::PublishedRow;
use model::api::software_version::SOFTWARE_VERSION;
use repo::facts::{is_architecture, is_name, is_version};
use serde_json::{Value, json};

use crate::app::{App, api_time};
use crate::error::Fault;
use crate::repository::{MISSING, Publication, Repository};
use crate::retry;
use crate::routes;

const SWEEP: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::from_millis(100);
/// After something went wrong.
const SOON: Duration = Duration::from_secs(2);
/// An upload that came whole so long ago and was not finished holds up nothing more.
const UNFINISHED_US: i64 = 24 * 3600 * 1_000_000;

/// So long after an upload came whole, whoever brought it is likely to have seen to it himself.
const AT_IT_US: i64 = 60 * 1_000_000;

pub async fn run(app: App) {
    let Some(repository) = app.repository() else { return std::future::pending().await };
    let (mut told_once, mut in_trouble) = (false, false);
    loop {
        let outcome = settle(&app, repository, !told_once).await;
        let pause = match &outcome {
            Ok(true) => SWEEP,
            // Something else was published meanwhile: look again.
            Ok(false) => AT_ONCE,
            Err(_) => SOON,
        };
        match outcome {
            Ok(done) => {
                told_once |= done;
                if std::mem::take(&mut in_trouble) {
                    tracing::info!("the repository is told again what is published");
                }
            }
            Err(fault) if !std::mem::replace(&mut in_trouble, true) => {
                tracing::warn!(%fault, "the repository is not told what is published; tried again");
            }
            Err(_) => {}
        }
        // Whichever comes first.
        let _ = tokio::time::timeout(pause, app.software_noted()).await;
    }
}

/// False: it is to be looked at again at once.
async fn settle(app: &App, repository: &Repository, whole: bool) -> Result<bool, Fault> {
    let known = repository.publication().await?;
    let mut tx = app.db().read().await?;
    let (newest, forgotten) = tx.software_revisions().await?;
    if known.revision > newest {
        drop(tx);
        tracing::warn!(known.revision, newest, "the repository knows more than the database: told all anew");
        let mut tx = app.db().begin().await?;
        tx.software_revision_after(known.revision).await?;
        app.commit(tx).await?;
        return Ok(false);
    }
    let whole = whole || known.revision < forgotten;
    let now = if whole {
        let rows = tx.published(None).await?;
        drop(tx);
        let wanted = json!({ "revision": newest, "versions": versions(rows) });
        publish(repository, true, &wanted).await?
    } else if known.revision < newest {
        let changed = tx.software_due_since(known.revision).await?;
        let rows = tx.published(Some(&changed)).await?;
        drop(tx);
        let put = versions(rows);
        let is_put = |id: &str| put.iter().any(|version| version["id"] == id);
        let drop: Vec<&String> = changed.iter().filter(|id| !is_put(id)).collect();
        let wanted = json!({ "revision": newest, "after": known.revision, "put": put, "drop": drop });
        publish(repository, false, &wanted).await?
    } else {
        drop(tx);
        Some(known)
    };
    let Some(now) = now else { return Ok(false) };
    mark_lost(app, &now.missing).await?;
    finish(app).await;
    forget(app, repository, now.revision).await?;
    Ok(true)
}

/// `None`: another server was faster.
async fn publish(repository: &Repository, whole: bool, wanted: &Value) -> Result<Option<Publication>, Fault> {
    match repository.publish(whole, wanted).await {
        Ok(now) => Ok(Some(now)),
        Err(trouble) if trouble.status() == 409 => Ok(None),
        Err(trouble) => Err(trouble.into()),
    }
}

/// As the repository hears it. It refuses all where one version cannot be part of a path: such a one, which
/// nobody should have got past the API, is left out.
fn versions(rows: Vec<PublishedRow>) -> Vec<Value> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let words = is_name(&row.name) && is_version(&row.version) && is_architecture(&row.architecture);
        // Of other formats, files are called by what they say of themselves.
        let called = row.format != "archive" || is_name(&row.filename);
        if !words || !called || !cloud::software_package::is_told_apart(&row.project_id) {
            tracing::error!(version.id = row.id, "a version cannot be published");
            continue;
        }
        let seen_by = row.seen_by.iter();
        let seen_by: Vec<&String> =
            seen_by.filter(|who| *who == "*" || cloud::software_package::is_told_apart(who)).collect();
        let mut version = json!({
            "id": row.id, "sha256": row.sha256, "project": row.project_id, "seen_by": seen_by,
            "yanked": row.yanked,
        });
        if row.format == "archive" {
            for (key, value) in [
                ("name", row.name),
                ("version", row.version),
                ("architecture", row.architecture),
                ("file", row.filename),
            ] {
                version[key] = value.into();
            }
        }
        out.push(version);
    }
    out
}

/// Shows which versions have no file, and which have one again.
async fn mark_lost(app: &App, missing: &[String]) -> Result<(), Fault> {
    let otherwise = app.db().read().await?.versions_lost(missing).await?;
    for version in otherwise {
        let id = version.id.to_string();
        let there = !missing.contains(&id);
        // Of more than are told of, it is not known which are there.
        if there && missing.len() >= MISSING {
            continue;
        }
        retry::whole(async || {
            let mut tx = app.db().begin().await?;
            tx.lock(&SOFTWARE_VERSION, &id).await?;
            let before = routes::software_version::load(&mut tx, &id).await?;
            let after = software_version::found(&before, there);
            tx.update(&SOFTWARE_VERSION, before.id, &before, &after, &app.stamp().now).await?;
            Ok(app.commit(tx).await?)
        })
        .await?;
        tracing::warn!(version.id = id, there, "the repository's files are others than were known");
    }
    Ok(())
}

/// Finishes uploads that came whole while a server ended that would have.
async fn finish(app: &App) {
    let before = api_time(app.stamp().now_us - AT_IT_US);
    let unfinished = async { app.db().read().await?.versions_unfinished(&before).await };
    let unfinished = match unfinished.await {
        Ok(unfinished) => unfinished,
        Err(error) => return tracing::warn!(%error, "uploads are not finished"),
    };
    for version in unfinished {
        let Some(upload) = version.upload_id.clone() else { continue };
        // With a large file somebody may still be at it, which the repository says.
        if let Err(fault) = routes::software_finish::finish(app, &version, &upload).await {
            tracing::debug!(%fault, version.id = %version.id, "an upload is not finished");
        }
    }
}

/// Deletes files that no version has, and notes of versions that are gone.
async fn forget(app: &App, repository: &Repository, told: i64) -> Result<(), Fault> {
    forget_uploads(app, repository).await?;
    let mut tx = app.db().read().await?;
    let gone = tx.has_gone_software_dues().await?;
    let leftovers = tx.software_leftovers(app.stamp().now_us - UNFINISHED_US).await?;
    drop(tx);
    for sum in leftovers {
        if repository.forget(&sum).await? {
            let mut tx = app.db().begin().await?;
            tx.forget_leftover(&sum).await?;
            app.commit(tx).await?;
        }
    }
    if gone {
        let mut tx = app.db().begin().await?;
        tx.forget_software_dues(told).await?;
        app.commit(tx).await?;
    }
    Ok(())
}

/// Ends uploads of versions that are gone. What came whole of them is a file that no version has.
async fn forget_uploads(app: &App, repository: &Repository) -> Result<(), Fault> {
    let uploads = app.db().read().await?.software_leftover_uploads().await?;
    for upload in uploads {
        if let Some(sum) = repository.finished_as(&upload).await? {
            let mut tx = app.db().begin().await?;
            tx.software_leftover(&sum).await?;
            app.commit(tx).await?;
        }
        if repository.end_upload(&upload).await? {
            let mut tx = app.db().begin().await?;
            tx.forget_leftover(&upload).await?;
            app.commit(tx).await?;
        }
    }
    Ok(())
}
