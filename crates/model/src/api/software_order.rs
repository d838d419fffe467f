//! Install orders: the table, what a request may ask for, and one instance's share of an order.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::api::table::{
    Attr, CREATED_AT, DESCRIPTION, Default, ID, Ops, PROJECT_ID, REVISION_NUMBER, Resource, Source,
    TENANT_ID, UPDATED_AT, int, json, text,
};
use crate::api::validate::{Check, SoftwareWord};
use crate::api::{Invalid, InvalidKind};
use crate::software::{Ordered, PACKAGES, State};
use crate::{PortId, SoftwareOrderId, SoftwarePackageId, SoftwareVersionId};

pub const SOFTWARE_ORDER: Resource = Resource {
    singular: "software_order",
    plural: "software_orders",
    path: "software-orders",
    parent: None,
    not_found: "SoftwareOrderNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "software_orders.project_id = {project}",
    quota: Some(1000),
    attrs: ATTRS,
};

/// Targets of one order at most.
pub const MAX_TARGETS: usize = 100;
/// Packages that one instance is told of at a time, in all its orders: they travel with its lease.
pub const MAX_TOLD: usize = 256;

const ACTIONS: &[Option<&str>] = &[Some("install")];

// What was called off before its instance said a word is shown as that; the instance's word still counts.
const STATES: &str = "(SELECT {json_list {json_whole 'port_id', t.port_id, 'instance', t.instance, \
    'state', CASE WHEN t.cancelled AND t.state = 'pending' THEN 'cancelled' ELSE t.state END, 'progress', t.progress, 'reason', t.reason, 'output', t.output, 'attempt', t.attempt, \
    'updated_at', t.updated_at}} FROM (SELECT * FROM software_order_targets o \
    WHERE o.order_id = software_orders.id ORDER BY o.instance, o.port_id) t)";

const STATUS: &str = "(SELECT CASE \
    WHEN COUNT(*) = SUM(CASE WHEN t.state = 'pending' THEN 1 ELSE 0 END) THEN 'pending' \
    WHEN SUM(CASE WHEN t.state IN ('pending', 'downloading', 'installing') THEN 1 ELSE 0 END) > 0 \
        THEN 'installing' \
    WHEN SUM(CASE WHEN t.state = 'failed' THEN 1 ELSE 0 END) > 0 THEN 'failed' \
    WHEN SUM(CASE WHEN t.state = 'cancelled' THEN 1 ELSE 0 END) > 0 THEN 'cancelled' \
    ELSE 'installed' END FROM (SELECT CASE WHEN o.cancelled AND o.state = 'pending' THEN 'cancelled' \
    ELSE o.state END AS state FROM software_order_targets o WHERE o.order_id = software_orders.id) t)";

const ATTRS: &[Attr] = &[
    ID,
    DESCRIPTION,
    TENANT_ID,
    PROJECT_ID,
    text("action").default(Default::Text("install")).check(Check::Values(ACTIONS)).post().shown().filter(),
    json("packages").post().shown(),
    json("targets").post().shown(),
    json("states").from(Source::Sql(STATES)).default(Default::Unset).shown(),
    text("status").from(Source::Sql(STATUS)).default(Default::Unset).shown(),
    REVISION_NUMBER,
    CREATED_AT,
    UPDATED_AT,
    int("created_us").default(Default::Unset),
];

/// An order as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SoftwareOrder {
    pub id: SoftwareOrderId,
    pub project_id: String,
    pub packages: Vec<Resolved>,
    pub targets: Vec<Target>,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a POST asks for.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct SoftwareOrderCreate {
    pub project_id: String,
    pub packages: Vec<Wanted>,
    pub targets: Vec<Target>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A package of an order, as it is asked for: by name or by id, the newest version that there is or one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    pub name: Option<String>,
    pub package_id: Option<SoftwarePackageId>,
    pub version: Option<String>,
    pub architecture: Option<String>,
    pub format: Option<String>,
}

/// Where it is to be installed: behind a port, or in an instance by its ports with an address. A text alone
/// is a port's id, or else an instance's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Target {
    Port { port_id: PortId },
    Instance { instance: String },
    Either(String),
}

/// A package of an order, as it was found when the order was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Resolved {
    pub package_id: SoftwarePackageId,
    pub version_id: SoftwareVersionId,
    pub name: String,
    pub format: String,
    pub version: String,
    pub architecture: String,
    pub filename: String,
    pub sha256: String,
    pub size: i64,
}

/// What becomes of an order behind one port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderTarget {
    pub order_id: SoftwareOrderId,
    pub port_id: PortId,
    pub instance: String,
    pub state: State,
    pub progress: u8,
    pub reason: String,
    pub output: String,
    pub attempt: u32,
    /// What was not begun shall not begin.
    pub cancelled: bool,
    pub updated_at: String,
}

impl OrderTarget {
    /// Nothing more is expected of it: it ended, or it was called off before its instance said a word.
    pub fn is_over(&self) -> bool {
        self.state.has_ended() || self.cancelled && self.state == State::Pending
    }
}

impl SoftwareOrderCreate {
    /// What the table does not check.
    pub fn check(&self) -> Result<(), Invalid> {
        let bad = |message: String| Err(Invalid { kind: InvalidKind::Request, message });
        if self.packages.is_empty() || self.packages.len() > PACKAGES {
            return bad(format!("An order is of 1 to {PACKAGES} packages."));
        }
        if self.targets.is_empty() || self.targets.len() > MAX_TARGETS {
            return bad(format!("An order has 1 to {MAX_TARGETS} targets."));
        }
        for wanted in &self.packages {
            if wanted.name.is_some() == wanted.package_id.is_some() {
                return bad("Each package is named by 'name' or by 'package_id'.".into());
            }
            let fits = |text: &Option<String>, word: SoftwareWord| {
                text.as_deref().is_none_or(|text| word.fits(text))
            };
            if !fits(&wanted.name, SoftwareWord::Name)
                || !fits(&wanted.version, SoftwareWord::Version)
                || !fits(&wanted.architecture, SoftwareWord::Architecture)
                || !fits(&wanted.format, SoftwareWord::Name)
            {
                return bad("A package's name, version, architecture or format cannot be one.".into());
            }
        }
        let long = self.targets.iter().any(|target| match target {
            Target::Port { .. } => false,
            Target::Instance { instance: text } | Target::Either(text) => text.is_empty() || text.len() > 255,
        });
        if long { bad("A target is a port's id or an instance's.".into()) } else { Ok(()) }
    }
}

impl Resolved {
    /// What an instance is told of it.
    pub fn ordered(&self) -> Ordered {
        Ordered {
            format: self.format.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            architecture: self.architecture.clone(),
            file: self.filename.clone(),
            sha256: self.sha256.clone(),
            size_bytes: self.size.unsigned_abs(),
        }
    }
}
