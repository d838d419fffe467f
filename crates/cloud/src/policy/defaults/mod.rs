//! The rules there are where the operator says nothing: a file per resource, a row per rule.

mod address_group;
mod address_scope;
mod agent;
mod auto_allocated_topology;
mod availability;
mod conntrack_helper;
mod dhcp_agent;
mod flavor;
mod floatingip;
mod l3_agent;
mod local_ip;
mod log;
mod metering;
mod ndp_proxy;
mod network;
mod port;
mod qos;
mod quota;
mod rbac_policy;
mod router;
mod security_group;
mod segment;
mod software;
mod subnet;
mod subnetpool;
mod terms;
mod trunk;

use crate::Reach;

/// Whoever works in the project that a thing belongs to.
const ADMIN_OR_MEMBER: &str = "(rule:admin_only) or (role:member and project_id:%(project_id)s)";

/// Whoever works in the project of what a thing lies below.
const PARENTS_MEMBER: &str = "(rule:admin_only) or (role:member and rule:ext_parent_owner)";
const PARENTS_READER: &str = "(rule:admin_only) or (role:reader and rule:ext_parent_owner)";

/// One rule as it is by default.
#[derive(Debug, PartialEq)]
pub struct Default {
    /// `create_network`, or `create_network:shared` for an attribute.
    pub rule: &'static str,
    pub check: &'static str,
    /// Tokens of which kind it takes.
    pub scope: Reach,
    /// The requests that ask it.
    pub operations: &'static [&'static str],
    /// What it stands for, where no request tells.
    pub about: &'static str,
}

const fn rule(rule: &'static str, check: &'static str, operations: &'static [&'static str]) -> Default {
    Default { rule, check, scope: Reach::Project, operations, about: "" }
}

const fn term(rule: &'static str, check: &'static str, about: &'static str) -> Default {
    Default { rule, check, scope: Reach::Project, operations: &[], about }
}

const TABLES: [&[Default]; 27] = [
    terms::RULES,
    network::RULES,
    subnet::RULES,
    subnetpool::RULES,
    address_scope::RULES,
    port::RULES,
    router::RULES,
    conntrack_helper::RULES,
    flavor::RULES,
    floatingip::RULES,
    metering::RULES,
    ndp_proxy::RULES,
    local_ip::RULES,
    log::RULES,
    dhcp_agent::RULES,
    l3_agent::RULES,
    security_group::RULES,
    address_group::RULES,
    rbac_policy::RULES,
    segment::RULES,
    qos::RULES,
    trunk::RULES,
    agent::RULES,
    auto_allocated_topology::RULES,
    availability::RULES,
    quota::RULES,
    software::RULES,
];

pub fn all() -> impl Iterator<Item = &'static Default> {
    TABLES.into_iter().flatten()
}
