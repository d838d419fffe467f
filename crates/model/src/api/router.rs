//! Routers: the table, and the typed router of the decisions.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::api::convert::Convert;
use crate::api::port::{FixedIp, FixedIpAsk};
use crate::api::table::{
    ADMIN_STATE_UP, Attr, CREATED_AT, DESCRIPTION, Default, ID, NAME, NOT_TAGS, NOT_TAGS_ANY, Ops,
    PROJECT_ID, REVISION_NUMBER, Resource, Source, TAGS, TAGS_ANY, TENANT_ID, UPDATED_AT, boolean, int, json,
    text,
};
use crate::api::validate::Check;
use crate::api::{Invalid, InvalidKind};
use crate::desired::HostRoute;
use crate::{NetworkId, PortId, QosPolicyId, RouterId};

pub const ROUTER: Resource = Resource {
    singular: "router",
    plural: "routers",
    path: "routers",
    parent: None,
    not_found: "RouterNotFound",
    core: false,
    bulk: false,
    ops: Ops { create: true, update: true, delete: true },
    seen_by: "routers.project_id = {project}",
    quota: Some(10),
    attrs: ATTRS,
};

/// How many static routes each router of a project may have; nothing is served under it.
pub const ROUTER_ROUTE: Resource =
    Resource { singular: "router_route", quota: Some(30), attrs: &[], ..ROUTER };

const ZONES: &str = "(SELECT {json_list z.zone} FROM \
    (SELECT DISTINCT a.availability_zone AS zone FROM router_agents ra JOIN agents a ON a.id = ra.agent_id \
     WHERE ra.router_id = routers.id AND a.availability_zone IS NOT NULL ORDER BY zone) z)";

const HELPERS: &str = "(SELECT {json_list {json_object 'protocol', h.protocol, 'port', h.port, \
    'helper', h.helper}} FROM (SELECT protocol, port, helper FROM conntrack_helpers \
    WHERE router_id = routers.id ORDER BY created_us, id) h)";

const ATTRS: &[Attr] = &[
    ID,
    NAME,
    ADMIN_STATE_UP,
    text("status").default(Default::Unset).shown().sort(),
    TENANT_ID,
    json("external_gateway_info")
        .default(Default::Null)
        .check(Check::GatewayInfo)
        .post()
        .put()
        .shown()
        .enforced()
        .via("ext-gw-mode"),
    boolean("ha")
        .default(Default::Unset)
        .convert(Convert::BooleanOrNull)
        .post()
        .put()
        .shown()
        .enforced()
        .via("l3-ha"),
    boolean("enable_ndp_proxy")
        .default(Default::Unset)
        .convert(Convert::BooleanOrNull)
        .post()
        .put()
        .shown()
        .filter()
        .via("l3-ext-ndp-proxy"),
    text("flavor_id")
        .default(Default::Unset)
        .check(Check::TextOrNull(255))
        .post()
        .shown()
        .sort()
        .enforced()
        .via("l3-flavors"),
    REVISION_NUMBER,
    json("availability_zones")
        .from(Source::Sql(ZONES))
        .default(Default::Unset)
        .shown()
        .via("router_availability_zone"),
    json("availability_zone_hints")
        .default(Default::EmptyList)
        .check(Check::ZoneHints)
        .post()
        .shown()
        .via("router_availability_zone"),
    TAGS,
    TAGS_ANY,
    NOT_TAGS,
    NOT_TAGS_ANY,
    CREATED_AT,
    UPDATED_AT,
    boolean("distributed")
        .default(Default::Unset)
        .convert(Convert::BooleanOrNull)
        .post()
        .put()
        .shown()
        .enforced()
        .via("dvr"),
    json("routes")
        .default(Default::Unset)
        .convert(Convert::NullToEmptyList)
        .check(Check::HostRoutes)
        .put()
        .shown()
        .via("extraroute"),
    json("conntrack_helpers")
        .from(Source::Sql(HELPERS))
        .default(Default::Unset)
        .shown()
        .via("expose-l3-conntrack-helper"),
    DESCRIPTION,
    PROJECT_ID,
    // Of the gateway port, for queries; the port itself is among the router's ports.
    text("gw_port_id").default(Default::Unset),
    text("gw_network_id").default(Default::Unset),
    boolean("enable_snat").default(Default::Unset),
    text("gw_qos_policy_id").default(Default::Unset),
    int("ha_vr_id").default(Default::Unset),
    int("created_us").default(Default::Unset),
];

/// A router as it is stored.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Router {
    pub id: RouterId,
    pub project_id: String,
    pub admin_state_up: bool,
    pub status: String,
    pub external_gateway_info: Option<GatewayInfo>,
    pub gw_port_id: Option<PortId>,
    pub gw_network_id: Option<NetworkId>,
    pub gw_qos_policy_id: Option<QosPolicyId>,
    pub enable_snat: bool,
    pub ha: bool,
    /// Tells the HA routers of one project from each other.
    pub ha_vr_id: Option<i64>,
    pub distributed: bool,
    pub enable_ndp_proxy: bool,
    pub flavor_id: Option<String>,
    pub availability_zone_hints: Vec<String>,
    pub routes: Vec<HostRoute>,
    /// Attributes that no decision looks at.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A router's way out, as the API shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GatewayInfo {
    pub network_id: NetworkId,
    pub external_fixed_ips: Vec<FixedIp>,
    pub enable_snat: bool,
    pub qos_policy_id: Option<QosPolicyId>,
}

/// A way out, as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct GatewayAsk {
    pub network_id: NetworkId,
    #[serde(default)]
    pub external_fixed_ips: Vec<FixedIpAsk>,
    pub enable_snat: Option<bool>,
    /// Inner `None`: of none any more.
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub qos_policy_id: Option<Option<QosPolicyId>>,
}

/// What a port is to its router.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouterPortKind {
    /// A leg in a network of instances.
    Interface,
    /// The leg in the external network.
    Gateway,
    /// A network node's leg beside an interface of a distributed router.
    Snat,
    /// Where the places of an HA router hear of each other.
    Ha,
}

impl RouterPortKind {
    pub const ALL: [RouterPortKind; 4] =
        [RouterPortKind::Interface, RouterPortKind::Gateway, RouterPortKind::Snat, RouterPortKind::Ha];

    pub const fn as_str(self) -> &'static str {
        match self {
            RouterPortKind::Interface => "interface",
            RouterPortKind::Gateway => "gateway",
            RouterPortKind::Snat => "snat",
            RouterPortKind::Ha => "ha",
        }
    }

    pub fn of(word: &str) -> Option<RouterPortKind> {
        RouterPortKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What a POST asks for, checked by the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct RouterCreate {
    pub project_id: String,
    pub admin_state_up: bool,
    pub external_gateway_info: Option<GatewayAsk>,
    pub ha: Option<bool>,
    pub distributed: Option<bool>,
    pub enable_ndp_proxy: Option<bool>,
    pub flavor_id: Option<String>,
    pub availability_zone_hints: Vec<String>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What a PUT changes; absent means untouched.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
pub struct RouterUpdate {
    pub admin_state_up: Option<bool>,
    /// Inner `None`: no way out any more.
    #[serde(default, deserialize_with = "crate::api::body::said")]
    pub external_gateway_info: Option<Option<GatewayAsk>>,
    pub ha: Option<bool>,
    pub distributed: Option<bool>,
    pub enable_ndp_proxy: Option<bool>,
    pub routes: Option<Vec<HostRoute>>,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The body of `add_router_interface` and `remove_router_interface`, which no table checks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InterfaceAsk {
    pub port_id: Option<String>,
    pub subnet_id: Option<String>,
    wrong: Option<String>,
}

impl InterfaceAsk {
    /// What is said; what is wrong with it is kept until somebody may be told.
    pub fn of(body: &Value) -> InterfaceAsk {
        let mut ask = InterfaceAsk::default();
        for (name, id) in [("port_id", &mut ask.port_id), ("subnet_id", &mut ask.subnet_id)] {
            let Some(value) = body.get(name) else { continue };
            match value.as_str().filter(|text| Uuid::parse_str(text).is_ok()) {
                Some(text) => *id = Some(text.to_lowercase()),
                None => ask.wrong = Some(format!("{name} {value} is not a UUID.")),
            }
        }
        ask
    }

    /// One of them is said.
    pub fn check_any(&self) -> Result<(), Invalid> {
        match &self.wrong {
            Some(wrong) => Err(Invalid { kind: InvalidKind::Page, message: wrong.clone() }),
            None if self.port_id.is_none() && self.subnet_id.is_none() => {
                let message = "Say subnet_id or port_id.".into();
                Err(Invalid { kind: InvalidKind::Page, message })
            }
            None => Ok(()),
        }
    }

    /// Exactly one of them is said.
    pub fn check_one(&self) -> Result<(), Invalid> {
        self.check_any()?;
        if self.port_id.is_some() && self.subnet_id.is_some() {
            let message = "Say subnet_id or port_id, not both.".into();
            return Err(Invalid { kind: InvalidKind::Page, message });
        }
        Ok(())
    }
}
