//! Logs, and the ports that they are of.

use std::collections::BTreeMap;

use model::api::log::Event;
use model::{LogId, PortId, Touch};
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Tx};

/// A log that is on: it, its project, and what it tells.
pub type Logged = (LogId, String, Event);

/// The ports that a log `l` is of, as a condition on ports `p`: the one that it names, which its maker was allowed to
/// name, or its project's. Others may have a group that is shared with them.
const OF: &str = "(l.target_id = p.id OR l.target_id IS NULL AND l.project_id = p.project_id) \
     AND (l.resource_id IS NULL OR l.resource_id IN (SELECT g.group_id FROM port_groups g WHERE g.port_id = p.id))";

impl Tx<'_> {
    /// How many logs a project has.
    pub async fn logs_of(&mut self, project: &str) -> Result<i64, DbError> {
        self.number("SELECT COUNT(*) FROM logs WHERE project_id = $1", &[project.into()]).await
    }

    /// The logs of some ports that are on.
    pub(crate) async fn logged(
        &mut self,
        ports: &[PortId],
    ) -> Result<BTreeMap<PortId, Vec<Logged>>, DbError> {
        let mut found: BTreeMap<PortId, Vec<Logged>> = BTreeMap::new();
        if ports.is_empty() || self.number("SELECT COUNT(*) FROM logs WHERE enabled = TRUE", &[]).await? == 0
        {
            return Ok(found);
        }
        let among = dialect::among(self.engine(), "$1");
        let sql = format!(
            "SELECT p.id, l.id, l.project_id, l.event FROM ports p JOIN logs l ON {OF} \
             WHERE l.enabled = TRUE AND p.id IN {among} ORDER BY l.id"
        );
        self.each(&sql, &[json!(ports).to_string().into()], |row| {
            let event = match row.text(3) {
                "ACCEPT" => Event::Accept,
                "DROP" => Event::Drop,
                _ => Event::All,
            };
            let ids = row.text(0).parse().ok().zip(row.text(1).parse().ok());
            if let Some((port, log)) = ids {
                found.entry(port).or_default().push((log, row.text(2).to_owned(), event));
            }
        })
        .await?;
        Ok(found)
    }
}

/// The condition for ports whose hosts hear of a log, and what it binds.
pub(crate) fn heard_by(touch: &Touch) -> Option<(&'static str, String)> {
    let Touch::Logged { port, group, project } = touch else { return None };
    let by_port = port.map(|id| ("id = $1", id.to_string()));
    let by_group = || {
        let condition = "id IN (SELECT port_id FROM port_groups WHERE group_id = $1)";
        group.map(|id| (condition, id.to_string()))
    };
    by_port.or_else(by_group).or_else(|| project.clone().map(|project| ("project_id = $1", project)))
}
