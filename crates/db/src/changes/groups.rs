//! Whom changes of security groups concern, looked up behind the lock of the revision.
//!
//! `group_hosts` says which hosts have ports of which groups. It is written here alone, so that of a
//! port that comes and another that leaves at the same time the later one finds what the earlier left.

use std::collections::{BTreeMap, BTreeSet};

use model::Touch;
use model::desired::Kind;

use super::{INTO, NEWEST, REVISION};
use crate::engine::{DbError, Param, Tx};

const HAS_PORT: &str = "EXISTS (SELECT 1 FROM port_groups WHERE group_id = $2 AND host = $1)";
const HAD_PORT: &str = "EXISTS (SELECT 1 FROM group_hosts WHERE group_id = $2 AND host = $1)";

/// What of a rule names another: a group, or an address group.
const NAMES: [&str; 2] = ["remote_group_id", "remote_address_group_id"];

/// True where a rule of a group other than `but`, which `host` has as well, names the same: the host has
/// of it what there is to have.
fn knows(host: &str, column: &str, named: &str, but: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM security_group_rules o \
         JOIN group_hosts og ON og.group_id = o.security_group_id \
         WHERE o.{column} = {named} AND o.security_group_id <> {but} AND og.host = {host})"
    )
}

/// The host `$1` has the first port of the group `$2`, or none any more: the group, and all that its
/// rules are about, and no other's.
fn moved() -> String {
    let differs = format!("{HAS_PORT} <> {HAD_PORT}");
    let fresh = |column: &str| {
        let knows = knows("$1", column, &format!("r.{column}"), "$2");
        format!(
            "(SELECT DISTINCT r.{column} AS named FROM security_group_rules r WHERE r.security_group_id = $2 \
             AND r.{column} IS NOT NULL AND {differs} AND NOT {knows}) AS fresh"
        )
    };
    let [groups, addresses] = NAMES.map(fresh);
    format!(
        "{INTO} SELECT CAST($1 AS TEXT), 'group', CAST($2 AS TEXT), ({REVISION}) WHERE {differs} \
         UNION ALL SELECT DISTINCT CAST($1 AS TEXT), 'member', pg.port_id, ({REVISION}) \
         FROM {groups} CROSS JOIN port_groups pg WHERE pg.group_id = fresh.named \
         UNION ALL SELECT CAST($1 AS TEXT), 'addresses', fresh.named, ({REVISION}) \
         FROM {addresses} WHERE 1 = 1 {NEWEST}"
    )
}

fn joins() -> String {
    format!(
        "INSERT INTO group_hosts (group_id, host) SELECT CAST($2 AS TEXT), CAST($1 AS TEXT) \
         WHERE {HAS_PORT} ON CONFLICT DO NOTHING"
    )
}

fn leaves() -> String {
    format!("DELETE FROM group_hosts WHERE group_id = $2 AND host = $1 AND NOT {HAS_PORT}")
}

fn holders() -> String {
    format!(
        "{INTO} SELECT host, CAST($2 AS TEXT), CAST($3 AS TEXT), ({REVISION}) FROM group_hosts \
         WHERE group_id = $1 {NEWEST}"
    )
}

/// `column`: what of a rule names the group.
fn namers(column: &str) -> String {
    format!(
        "{INTO} SELECT DISTINCT gh.host, CAST($2 AS TEXT), CAST($3 AS TEXT), ({REVISION}) \
         FROM security_group_rules r JOIN group_hosts gh ON gh.group_id = r.security_group_id \
         WHERE r.{column} = $1 {NEWEST}"
    )
}

/// Of the group `$1`: members of the group `$2`, or the address group that it is, if no rules of it but the
/// `$3` that came are about them; for hosts that know of them by no other group.
fn remotes() -> [String; 2] {
    let fresh = |column: &str| {
        let knows = knows("gh.host", column, "$2", "$1");
        format!(
            "gh.group_id = $1 AND NOT {knows} AND (SELECT COUNT(*) FROM security_group_rules r \
             WHERE r.security_group_id = $1 AND r.{column} = $2) <= $3"
        )
    };
    let [groups, addresses] = NAMES.map(fresh);
    [
        format!(
            "{INTO} SELECT gh.host, 'member', pg.port_id, ({REVISION}) \
             FROM group_hosts gh CROSS JOIN port_groups pg WHERE pg.group_id = $2 AND {groups} {NEWEST}"
        ),
        format!(
            "{INTO} SELECT gh.host, 'addresses', a.id, ({REVISION}) \
             FROM group_hosts gh CROSS JOIN address_groups a WHERE a.id = $2 AND {addresses} {NEWEST}"
        ),
    ]
}

/// Every statement here by name, how many parameters it takes with it; for those who look at plans.
pub fn statements() -> Vec<(&'static str, String, usize)> {
    let [members, addresses] = remotes();
    vec![
        ("moved", moved(), 2),
        ("joins", joins(), 2),
        ("leaves", leaves(), 2),
        ("holders", holders(), 3),
        ("namers of a group", namers("remote_group_id"), 3),
        ("namers of an address group", namers("remote_address_group_id"), 3),
        ("remote members", members, 3),
        ("remote addresses", addresses, 3),
    ]
}

impl Tx<'_> {
    pub(super) async fn write_groups(&mut self, touch: Touch) -> Result<(), DbError> {
        let texts = |texts: &[&str]| texts.iter().map(|text| Param::from((*text).to_owned())).collect();
        match touch {
            Touch::Group { host, group } => {
                let group = group.to_string();
                for sql in [moved(), joins(), leaves()] {
                    self.later(&sql, texts(&[&host, &group])).await?;
                }
            }
            Touch::Holders { group, key } => {
                let params = texts(&[&group.to_string(), key.kind.as_str(), &key.id.to_string()]);
                self.later(&holders(), params).await?;
            }
            Touch::Namers { named, key } => {
                let column = match key.kind {
                    Kind::Addresses => "remote_address_group_id",
                    _ => "remote_group_id",
                };
                let params = texts(&[&named.to_string(), key.kind.as_str(), &key.id.to_string()]);
                self.later(&namers(column), params).await?;
            }
            Touch::Remotes { .. }
            | Touch::Logged { .. }
            | Touch::Part { .. }
            | Touch::Members { .. }
            | Touch::Membership { .. }
            | Touch::Service { .. } => {}
        }
        Ok(())
    }

    /// Rules about others that came or went: whether they are the only ones is asked of all together.
    pub(super) async fn write_remotes(&mut self, wide: &BTreeSet<Touch>) -> Result<(), DbError> {
        let mut came = BTreeMap::new();
        for touch in wide {
            if let Touch::Remotes { group, named, came: rule } = touch {
                *came.entry((group, named)).or_insert(0) += i64::from(rule.is_some());
            }
        }
        for ((group, named), came) in came {
            for sql in remotes() {
                let params = vec![group.to_string().into(), named.to_string().into(), came.into()];
                self.later(&sql, params).await?;
            }
        }
        Ok(())
    }
}
