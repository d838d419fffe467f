//! Metering: labels and their rules, and which routers count by them.

use std::collections::BTreeSet;

use model::api::metering::{METERING_LABEL_RULE, MeteringLabelRule};
use model::meter::{Known, MeterFacts, Place, Reading};
use model::{MeteringLabelId, RouterId};
use serde_json::json;

use crate::dialect;
use crate::engine::{DbError, Tx};

impl Tx<'_> {
    /// How many labels a project has.
    pub async fn metering_labels_of(&mut self, project: &str) -> Result<usize, DbError> {
        let sql = "SELECT COUNT(*) FROM metering_labels WHERE project_id = $1";
        Ok(usize::try_from(self.number(sql, &[project.into()]).await?).unwrap_or_default())
    }

    /// A label's rules, oldest first.
    pub async fn metering_rules_of(
        &mut self,
        label: MeteringLabelId,
    ) -> Result<Vec<MeteringLabelRule>, DbError> {
        let condition = "metering_label_id = $1 ORDER BY created_us, id";
        self.find(&METERING_LABEL_RULE, condition, &[label.to_string().into()]).await
    }

    /// Routers with a way out that count by a label, if it has rules.
    pub async fn metered_routers(&mut self, label: MeteringLabelId) -> Result<Vec<RouterId>, DbError> {
        let sql = "SELECT r.id FROM routers r JOIN metering_labels l ON l.id = $1 \
                   AND (l.shared = TRUE OR l.project_id = r.project_id) \
                   WHERE EXISTS (SELECT 1 FROM router_ports p WHERE p.router_id = r.id AND p.kind = 'gateway')";
        let ids = self.texts(sql, &[label.to_string().into()]).await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// What some readings of a host are judged by. The labels stay until the commit; the routers are locked.
    pub async fn meter_facts(
        &mut self,
        host: &str,
        routers: &[RouterId],
        readings: &[Reading],
    ) -> Result<MeterFacts, DbError> {
        let mut facts = MeterFacts::default();
        let routers: Vec<String> = routers.iter().map(RouterId::to_string).collect();
        let routers = json!(routers).to_string();
        let labels: BTreeSet<String> = readings.iter().map(|one| one.place.label.to_string()).collect();
        let labels: Vec<String> = labels.into_iter().collect();
        self.lock_all("metering_labels", &labels).await?;
        let engine = self.engine();
        let (of_labels, of_routers) = (dialect::among(engine, "$1"), dialect::among(engine, "$2"));
        let sql = format!("SELECT id, shared, project_id FROM metering_labels WHERE id IN {of_labels}");
        self.each(&sql, &[json!(labels).to_string().into()], |row| {
            let project = (row.int(1) == 0).then(|| row.text(2).to_owned());
            facts.labels.extend(row.text(0).parse().ok().map(|id| (id, project)));
        })
        .await?;
        let sql = format!(
            "SELECT r.id, r.project_id FROM routers r JOIN router_hosts h ON h.router_id = r.id \
             WHERE h.host = $1 AND r.id IN {of_routers}"
        );
        self.each(&sql, &[host.into(), routers.as_str().into()], |row| {
            facts.routers.extend(row.text(0).parse().ok().map(|id| (id, row.text(1).to_owned())));
        })
        .await?;
        let sql = format!(
            "SELECT router_id, snat, label_id, born_us, packets, bytes, first_us, told_us FROM meter_counts \
             WHERE host = $1 AND router_id IN {of_routers}"
        );
        self.each(&sql, &[host.into(), routers.as_str().into()], |row| {
            let (Ok(router), Ok(label)) = (row.text(0).parse(), row.text(2).parse()) else { return };
            let number = |at| u64::try_from(row.int(at)).unwrap_or_default();
            let known = Known {
                born_us: row.int(3),
                packets: number(4),
                bytes: number(5),
                first_us: row.int(6),
                told_us: row.int(7),
            };
            facts.known.insert(Place { router, snat: row.int(1) != 0, label }, known);
        })
        .await?;
        Ok(facts)
    }

    /// Keeps what a host said of a count.
    pub async fn keep_count(&mut self, host: &str, place: &Place, known: &Known) -> Result<(), DbError> {
        let sql = "INSERT INTO meter_counts \
                   (host, router_id, snat, label_id, born_us, packets, bytes, first_us, told_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
                   ON CONFLICT (host, router_id, snat, label_id) DO UPDATE SET born_us = excluded.born_us, \
                   packets = excluded.packets, bytes = excluded.bytes, told_us = excluded.told_us";
        let number = |of: u64| i64::try_from(of).unwrap_or(i64::MAX);
        let params = vec![
            host.to_owned().into(),
            place.router.to_string().into(),
            place.snat.into(),
            place.label.to_string().into(),
            known.born_us.into(),
            number(known.packets).into(),
            number(known.bytes).into(),
            known.first_us.into(),
            known.told_us.into(),
        ];
        self.later(sql, params).await
    }
}
