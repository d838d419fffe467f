//! Software packages and versions: what a decision looks at, and what the repository is to be told.
//!
//! Which versions it has to hear of is a log as that of hosts is: a row per version with the newest revision
//! at which it changed. The counter's row is raised at the end of a transaction and locked until the commit,
//! so revisions become visible in order.

use std::collections::{BTreeMap, BTreeSet};

use model::SoftwareVersionId;
use model::api::software_version::{SOFTWARE_VERSION, SoftwareVersion};
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Param, Tx};

const NEWEST: &str = "SELECT value FROM counters WHERE name = 'software'";

/// A version that is published, and who sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRow {
    pub id: String,
    pub sha256: String,
    pub name: String,
    pub version: String,
    pub architecture: String,
    pub filename: String,
    pub format: String,
    pub project_id: String,
    /// Projects besides; `*` is everybody.
    pub seen_by: BTreeSet<String>,
    pub yanked: bool,
}

impl Tx<'_> {
    /// Has the project a package of that name and format?
    pub async fn has_package(&mut self, project: &str, name: &str, format: &str) -> Result<bool, DbError> {
        let sql =
            "SELECT COUNT(*) FROM software_packages WHERE project_id = $1 AND name = $2 AND format = $3";
        Ok(self.number(sql, &[project.into(), name.into(), format.into()]).await? > 0)
    }

    /// Ids of a package's versions.
    pub async fn versions_of(&mut self, package: &str) -> Result<Vec<String>, DbError> {
        let sql = "SELECT id FROM software_versions WHERE package_id = $1 ORDER BY id";
        self.texts(sql, &[package.into()]).await
    }

    /// Has the package a file of that version and architecture?
    pub async fn version_taken(&mut self, package: &str, taken: &str) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM software_versions WHERE package_id = $1 AND taken = $2";
        Ok(self.number(sql, &[package.into(), taken.into()]).await? > 0)
    }

    /// Is a version to be installed by an order that has not ended?
    pub async fn version_ordered(&mut self, version: &str) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM software_order_versions v \
                   JOIN software_order_targets t ON t.order_id = v.order_id \
                   WHERE v.version_id = $1 AND t.state IN ('pending', 'downloading', 'installing') \
                   AND NOT (t.cancelled AND t.state = 'pending')";
        Ok(self.number(sql, &[version.into()]).await? > 0)
    }

    /// Notes that the repository has to hear of a version.
    pub fn software_due(&mut self, version: SoftwareVersionId) {
        self.software.insert(version);
    }

    /// The same of all versions of a package.
    pub async fn software_package_due(&mut self, package: &str) -> Result<(), DbError> {
        let sql = "SELECT id FROM software_versions WHERE package_id = $1 AND taken IS NOT NULL";
        let found = self.texts(sql, &[package.into()]).await?;
        self.software.extend(found.iter().filter_map(|id| id.parse::<SoftwareVersionId>().ok()));
        Ok(())
    }

    /// Whether this transaction noted that the repository has to hear of something.
    pub fn has_software_due(&self) -> bool {
        !self.software.is_empty()
    }

    /// Notes are written when the transaction ends: nobody waits for more while he holds the counter.
    pub(crate) async fn write_software(&mut self) -> Result<(), DbError> {
        if self.software.is_empty() {
            return Ok(());
        }
        let ids = json!(std::mem::take(&mut self.software)).to_string();
        self.later("UPDATE counters SET value = value + 1 WHERE name = 'software'", vec![]).await?;
        let items = dialect::json_texts(self.engine(), "$1");
        let sql = format!(
            "INSERT INTO software_dues (version_id, revision) SELECT item.value, ({NEWEST}) FROM {items} AS item \
             WHERE 1 = 1 ON CONFLICT (version_id) DO UPDATE SET revision = excluded.revision"
        );
        self.later(&sql, vec![ids.into()]).await
    }

    /// The newest revision of what is published, and up to which some that are gone are forgotten.
    pub async fn software_revisions(&mut self) -> Result<(i64, i64), DbError> {
        let forgotten = "SELECT value FROM counters WHERE name = 'software_forgotten'";
        Ok((self.number(NEWEST, &[]).await?, self.number(forgotten, &[]).await?))
    }

    /// Counts on from a revision that the repository knows already: this database was set back.
    pub async fn software_revision_after(&mut self, known: i64) -> Result<(), DbError> {
        let sql = "UPDATE counters SET value = $1 WHERE name = 'software' AND value <= $1";
        self.execute(sql, &[(known + 1).into()]).await.map(drop)
    }

    /// Versions that changed after a revision; some may be gone.
    pub async fn software_due_since(&mut self, revision: i64) -> Result<Vec<String>, DbError> {
        let sql = "SELECT version_id FROM software_dues WHERE revision > $1 ORDER BY version_id";
        self.texts(sql, &[revision.into()]).await
    }

    /// Forgets the notes of versions that are gone, which the repository was told.
    pub async fn forget_software_dues(&mut self, told: i64) -> Result<(), DbError> {
        let gone = "DELETE FROM software_dues WHERE revision <= $1 \
                    AND NOT EXISTS (SELECT 1 FROM software_versions v WHERE v.id = version_id)";
        if self.execute(gone, &[told.into()]).await? > 0 {
            let note = "UPDATE counters SET value = $1 WHERE name = 'software_forgotten' AND value < $1";
            self.later(note, vec![told.into()]).await?;
        }
        Ok(())
    }

    /// Whether there are such notes.
    pub async fn has_gone_software_dues(&mut self) -> Result<bool, DbError> {
        let sql = "SELECT COUNT(*) FROM software_dues \
                   WHERE NOT EXISTS (SELECT 1 FROM software_versions v WHERE v.id = version_id)";
        Ok(self.number(sql, &[]).await? > 0)
    }

    /// What is to be published of some versions, or of all.
    pub async fn published(&mut self, some: Option<&[String]>) -> Result<Vec<PublishedRow>, DbError> {
        let shared = self.sharing().await?;
        let mut condition = "v.taken IS NOT NULL".to_owned();
        let mut params: Vec<Param> = Vec::new();
        if let Some(ids) = some {
            condition = format!("{condition} AND v.id IN {}", dialect::among(self.engine(), "$1"));
            params.push(json!(ids).to_string().into());
        }
        let sql = format!(
            "SELECT v.id, v.sha256, p.name, v.version, v.architecture, v.filename, p.format, p.project_id, \
             CASE WHEN v.yanked THEN 1 ELSE 0 END, CASE WHEN p.shared THEN 1 ELSE 0 END, p.id \
             FROM software_versions v JOIN software_packages p ON p.id = v.package_id WHERE {condition}"
        );
        let mut out = Vec::new();
        self.each(&sql, &params, |row| {
            let mut seen_by = shared.get(row.text(10)).cloned().unwrap_or_default();
            if row.int(9) != 0 {
                seen_by.insert("*".to_owned());
            }
            let text = |at| row.text(at).to_owned();
            out.push(PublishedRow {
                id: text(0),
                sha256: text(1),
                name: text(2),
                version: text(3),
                architecture: text(4),
                filename: text(5),
                format: text(6),
                project_id: text(7),
                seen_by,
                yanked: row.int(8) != 0,
            });
        })
        .await?;
        Ok(out)
    }

    /// With whom packages are shared.
    async fn sharing(&mut self) -> Result<BTreeMap<String, BTreeSet<String>>, DbError> {
        let sql = "SELECT object_id, target_tenant FROM rbac_policies WHERE object_type = 'software_package'";
        let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        self.each(sql, &[], |row| {
            out.entry(row.text(0).to_owned()).or_default().insert(row.text(1).to_owned());
        })
        .await?;
        Ok(out)
    }

    /// Those of some versions that are published, and of those shown as without a file.
    pub async fn versions_lost(&mut self, missing: &[String]) -> Result<Vec<SoftwareVersion>, DbError> {
        let among = dialect::among(self.engine(), "$1");
        // Shown otherwise than they are: lost and not missing, or missing and not lost.
        let condition = format!(
            "taken IS NOT NULL AND (status = 'ERROR' AND id NOT IN {among} OR status = 'ACTIVE' AND id IN {among}) \
             ORDER BY id"
        );
        self.find(&SOFTWARE_VERSION, &condition, &[json!(missing).to_string().into()]).await
    }

    /// Versions whose file came whole before a time, and of which nobody heard what became of it.
    pub async fn versions_unfinished(&mut self, before: &str) -> Result<Vec<SoftwareVersion>, DbError> {
        let condition = "status = 'UPLOADING' AND upload_id IS NOT NULL AND upload_offset = size \
             AND updated_at < $1 ORDER BY id LIMIT 100";
        self.find(&SOFTWARE_VERSION, condition, &[before.into()]).await
    }

    /// Notes a file that a version which goes had, or would have had.
    pub async fn software_leftover(&mut self, sha256: &str) -> Result<(), DbError> {
        let sql = "INSERT INTO software_leftovers (sha256) VALUES ($1) ON CONFLICT (sha256) DO NOTHING";
        self.later(sql, vec![sha256.into()]).await
    }

    /// Notes an upload of a version that goes: by its id, which is shorter than a sum.
    pub async fn software_leftover_upload(&mut self, upload: &str) -> Result<(), DbError> {
        self.software_leftover(upload).await
    }

    /// Uploads of versions that are gone.
    pub async fn software_leftover_uploads(&mut self) -> Result<Vec<String>, DbError> {
        let sql =
            "SELECT sha256 FROM software_leftovers WHERE LENGTH(sha256) < 64 ORDER BY sha256 LIMIT 1000";
        self.texts(sql, &[]).await
    }

    /// Files that no version has any more; none while one may be about to get one.
    pub async fn software_leftovers(&mut self, since_us: i64) -> Result<Vec<String>, DbError> {
        let sql = "SELECT sha256 FROM software_leftovers l WHERE LENGTH(sha256) = 64 \
                   AND NOT EXISTS (SELECT 1 FROM software_versions v \
                   WHERE v.sha256 = l.sha256 AND v.taken IS NOT NULL) \
                   AND NOT EXISTS (SELECT 1 FROM software_versions v WHERE v.status = 'UPLOADING' \
                   AND v.upload_id IS NOT NULL AND v.upload_offset = v.size AND v.created_us > $1) LIMIT 1000";
        self.texts(sql, &[since_us.into()]).await
    }

    /// Forgets one that was seen to, and all that versions have again.
    pub async fn forget_leftover(&mut self, sha256: &str) -> Result<(), DbError> {
        self.execute("DELETE FROM software_leftovers WHERE sha256 = $1", &[sha256.into()]).await.map(drop)
    }
}
