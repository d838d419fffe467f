//! Which routers are to be settled: those that something happened to, and those that too few carry.

use model::RouterId;
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// The note that a router is due, to be taken off by [`Tx::router_is_settled`]; 0 without one.
    pub async fn router_note(&mut self, router: RouterId) -> Result<i64, DbError> {
        let sql = "SELECT since_us FROM router_dues WHERE router_id = $1";
        self.number(sql, &[router.to_string().into()]).await
    }

    /// Takes a router off the list of those that are due, unless it was put there again since `note`
    /// was read.
    pub fn router_is_settled(&mut self, router: RouterId, note: i64) {
        self.settled = Some((router, note));
    }

    /// Notes of routers are written when the transaction ends, in one order, and after everything that
    /// others wait for: nobody waits for more while he holds one.
    pub(crate) async fn write_dues(&mut self) -> Result<(), DbError> {
        if let Some((router, note)) = self.settled.take().filter(|(id, _)| !self.dues.contains_key(id)) {
            let sql = "DELETE FROM router_dues WHERE router_id = $1 AND since_us = $2";
            self.later(sql, vec![router.to_string().into(), note.into()]).await?;
        }
        let dues = std::mem::take(&mut self.dues);
        let Some(since) = dues.values().next().copied() else { return Ok(()) };
        let ids: Vec<String> = dues.keys().map(RouterId::to_string).collect();
        let items = dialect::json_texts(self.engine(), "$1");
        let sql = format!(
            "INSERT INTO router_dues (router_id, since_us) SELECT item.value, $2 FROM {items} AS item WHERE 1 = 1 \
             ON CONFLICT (router_id) DO UPDATE SET since_us = router_dues.since_us + 1"
        );
        self.later(&sql, vec![json!(ids).to_string().into(), since.into()]).await
    }

    /// Routers that are due and since when, longest first, after one of them.
    pub async fn dues(
        &mut self,
        (since_us, router): (i64, &str),
        most: u32,
    ) -> Result<Vec<(i64, RouterId)>, DbError> {
        let sql = format!(
            "SELECT since_us, router_id FROM router_dues \
             WHERE since_us > $1 OR (since_us = $1 AND router_id > $2) ORDER BY since_us, router_id LIMIT {most}"
        );
        let mut out = Vec::new();
        self.each(&sql, &[since_us.into(), router.into()], |row| {
            out.extend(row.text(1).parse().ok().map(|id| (row.int(0), id)));
        })
        .await?;
        Ok(out)
    }

    /// Routers that a host has to do with, or may have: it carries them, was told of them, or has ports
    /// of a network that they are in.
    pub async fn routers_of_host(&mut self, host: &str) -> Result<Vec<RouterId>, DbError> {
        let sql = "SELECT router_id FROM router_hosts WHERE host = $1 \
                   UNION SELECT ra.router_id FROM router_agents ra JOIN agents a ON a.id = ra.agent_id WHERE a.host = $1 \
                   UNION SELECT rp.router_id FROM network_hosts h JOIN router_ports rp ON rp.network_id = h.network_id \
                   WHERE h.host = $1 AND rp.kind = 'interface'";
        Ok(parsed(self.texts(sql, &[host.into()]).await?))
    }

    /// Routers with ports that too few agents carry: none, or of HA routers less than `wanted`; and those,
    /// HA routers apart, that are with an agent without a heartbeat since `abandoned_us`. Without those
    /// that an operator keeps from agents.
    pub async fn misplaced_routers(
        &mut self,
        after: &str,
        wanted: i64,
        abandoned_us: Option<i64>,
        most: u32,
    ) -> Result<Vec<RouterId>, DbError> {
        let sql = format!(
            "SELECT r.id FROM routers r WHERE r.id > $1 AND r.admin_state_up = TRUE \
             AND (r.ha = TRUE OR EXISTS (SELECT 1 FROM router_ports rp WHERE rp.router_id = r.id)) \
             AND ((SELECT COUNT(*) FROM router_agents ra WHERE ra.router_id = r.id) < CASE WHEN r.ha THEN $2 ELSE 1 END \
             OR (r.ha = FALSE AND EXISTS (SELECT 1 FROM router_agents ra JOIN agents a ON a.id = ra.agent_id \
             WHERE ra.router_id = r.id AND a.admin_state_up = TRUE AND a.heartbeat_us <= $3))) \
             AND NOT EXISTS (SELECT 1 FROM routers_taken t WHERE t.router_id = r.id) \
             ORDER BY r.id LIMIT {most}"
        );
        let abandoned_us = abandoned_us.unwrap_or(-1);
        Ok(parsed(self.texts(&sql, &[after.into(), wanted.into(), abandoned_us.into()]).await?))
    }

    /// Makes all routers that a host has to do with due.
    pub async fn routers_of_host_due(&mut self, host: &str, now_us: i64) -> Result<(), DbError> {
        for router in self.routers_of_host(host).await? {
            self.router_due(router, now_us).await?;
        }
        Ok(())
    }
}

fn parsed(ids: Vec<String>) -> Vec<RouterId> {
    ids.iter().filter_map(|id| id.parse().ok()).collect()
}
