//! The alias list of `/v2.0/extensions`: clients gate features on it, so only what works is in it.

/// One extension of the network API.
#[derive(Debug, Clone, Copy)]
pub struct Extension {
    pub alias: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    /// The reference's date for it.
    pub updated: &'static str,
}

const fn extension(
    alias: &'static str,
    name: &'static str,
    updated: &'static str,
    description: &'static str,
) -> Extension {
    Extension { alias, name, description, updated }
}

/// Sorted by alias.
pub const EXTENSIONS: &[Extension] = &[
    extension(
        "aap-reject-multicast",
        "Allowed address pairs reject multicast extension",
        "2026-04-01T00:00:00-00:00",
        "Refuses multicast addresses in address pairs.",
    ),
    extension(
        "address-group",
        "Address group",
        "2020-07-15T10:00:00-00:00",
        "Names lists of prefixes that rules of security groups are about.",
    ),
    extension(
        "address-scope",
        "Address scope",
        "2015-07-26T10:00:00-00:00",
        "Within one address scope no address means two things.",
    ),
    extension(
        "agent",
        "agent",
        "2013-02-03T10:00:00-00:00",
        "Shows the agents of hosts, whether they are alive, and lets them be disabled.",
    ),
    extension(
        "agent-resources-synced",
        "Agent's Resource View Synced to Placement",
        "2018-12-19T00:00:00-00:00",
        "Shows whether Placement has what an agent offers: null where nothing is told it.",
    ),
    extension(
        "agent_sort_key",
        "Agents Sort Key",
        "2013-02-03T10:00:00-00:00",
        "Sorts agents by their attributes.",
    ),
    extension(
        "allowed-address-pairs",
        "Allowed Address Pairs",
        "2013-07-23T10:00:00-00:00",
        "Lets a port use more addresses than its own.",
    ),
    extension(
        "auto-allocated-topology",
        "Auto Allocated Topology Services",
        "2016-01-01T00:00:00-00:00",
        "Gives a project a network with a way out.",
    ),
    extension(
        "availability_zone",
        "Availability Zone",
        "2015-01-01T10:00:00-00:00",
        "Shows the availability zone of agents.",
    ),
    extension(
        "availability_zone_filter",
        "Availability Zone Filter Extension",
        "2018-06-22T10:00:00-00:00",
        "Filters availability zones.",
    ),
    extension("binding", "Port Binding", "2014-02-03T10:00:00-00:00", "Binds ports to hosts."),
    extension(
        "binding-extended",
        "Port Bindings Extended",
        "2017-07-17T10:00:00-00:00",
        "Lets ports of instances stand ready on the host that they move to.",
    ),
    extension(
        "data-plane-status",
        "Port data plane status extension",
        "2017-01-24T10:00:00-00:00",
        "Carries the state of the data plane below a port.",
    ),
    extension(
        "default-subnetpools",
        "Default Subnetpools",
        "2016-02-18T18:00:00-00:00",
        "Takes subnets from the default pool.",
    ),
    extension(
        "dhcp_agent_scheduler",
        "DHCP Agent Scheduler",
        "2013-02-07T10:00:00-00:00",
        "Moves networks between agents that serve DHCP.",
    ),
    extension(
        "dns-domain-ports",
        "dns_domain for ports",
        "2017-04-24T10:00:00-00:00",
        "Gives ports a DNS domain.",
    ),
    extension(
        "dns-integration",
        "DNS Integration",
        "2015-08-15T18:00:00-00:00",
        "Gives networks and ports DNS names.",
    ),
    extension(
        "dvr",
        "Distributed Virtual Router",
        "2014-06-1T10:00:00-00:00",
        "Routes on the hosts of the instances.",
    ),
    extension(
        "empty-string-filtering",
        "Empty String Filtering Extension",
        "2018-05-01T10:00:00-00:00",
        "Filters by empty text.",
    ),
    extension(
        "expose-l3-conntrack-helper",
        "Expose CT target rules for conntrack helper",
        "2019-04-04T10:00:00-00:00",
        "Shows with a router its helpers of connection tracking.",
    ),
    extension(
        "expose-port-forwarding-in-fip",
        "Expose Floating IP port forwardings",
        "2018-06-28T16:00:00-00:00",
        "Shows with a floating IP what it forwards.",
    ),
    extension(
        "ext-gw-mode",
        "Neutron L3 Configurable external gateway mode",
        "2013-03-28T10:00:00-00:00",
        "Switches address translation of a gateway.",
    ),
    extension(
        "external-net",
        "Neutron external network",
        "2013-01-14T10:00:00-00:00",
        "Marks networks that lead outside.",
    ),
    extension(
        "extra_dhcp_opt",
        "Neutron Extra DHCP options",
        "2013-03-17T12:00:00-00:00",
        "Adds DHCP options to a port.",
    ),
    extension(
        "extraroute",
        "Neutron Extra Route",
        "2013-02-01T10:00:00-00:00",
        "Gives routers static routes.",
    ),
    extension(
        "extraroute-atomic",
        "Atomically add/remove extra routes",
        "2019-07-10T00:00:00+00:00",
        "Adds and removes single static routes.",
    ),
    extension(
        "filter-validation",
        "Filter parameters validation",
        "2018-07-04T10:00:00-00:00",
        "Refuses filters that are not known.",
    ),
    extension(
        "fip-port-details",
        "Floating IP Port Details Extension",
        "2018-04-09T10:00:00-00:00",
        "Shows with a floating IP the port that it leads to.",
    ),
    extension(
        "flavors",
        "Neutron Service Flavors",
        "2015-09-17T10:00:00-00:00",
        "Offers kinds of routers by name.",
    ),
    extension(
        "floating-ip-port-forwarding",
        "Floating IP Port Forwarding",
        "2018-01-19T10:00:00-00:00",
        "Forwards single ports of a floating IP.",
    ),
    extension(
        "floating-ip-port-forwarding-description",
        "Floating IP Port Forwarding new attribute description",
        "2019-11-01T10:00:00-00:00",
        "Describes port forwardings.",
    ),
    extension(
        "floating-ip-port-forwarding-detail",
        "Floating IP port forwarding detail",
        "2022-05-06T10:00:00-00:00",
        "Shows with a floating IP which port each of its forwardings leads to.",
    ),
    extension(
        "floating-ip-port-forwarding-port-ranges",
        "Floating IP Port Forwarding support port ranges",
        "2020-07-01T10:00:00-00:00",
        "Forwards ranges of ports.",
    ),
    extension(
        "floating-ip-router-writable",
        "Floating IP Router (writable)",
        "2026-08-05T00:00:00-00:00",
        "Chooses the router of a floating IP.",
    ),
    extension(
        "floatingip-pools",
        "Floating IP Pools Extension",
        "2018-03-21T10:00:00-00:00",
        "Lists the subnets that floating IPs come from.",
    ),
    extension(
        "ip-substring-filtering",
        "IP address substring filtering",
        "2017-11-28T09:00:00-00:00",
        "Filters ports by part of an address.",
    ),
    extension(
        "ip_allocation",
        "IP Allocation",
        "2016-06-10T23:00:00-00:00",
        "Shows when the addresses of a port are chosen.",
    ),
    extension(
        "l2_adjacency",
        "L2 Adjacency",
        "2016-04-12T16:00:00-00:00",
        "Shows whether the ports of a network share one segment.",
    ),
    extension(
        "l3-conntrack-helper",
        "L3 Conntrack helper",
        "2019-04-04T10:00:00-00:00",
        "Lets routers look into connections of protocols such as FTP and SIP.",
    ),
    extension(
        "l3-ext-ndp-proxy",
        "Router support to enable NDP proxy",
        "2020-08-25T00:00:00-00:00",
        "Lets a router answer outside for addresses behind it.",
    ),
    extension(
        "l3-flavors",
        "Router Flavor Extension",
        "2016-05-17T00:00:00-00:00",
        "Makes routers of a flavor.",
    ),
    extension(
        "l3-ha",
        "HA Router extension",
        "2014-04-26T00:00:00-00:00",
        "Keeps a router ready on several hosts.",
    ),
    extension(
        "l3-ndp-proxy",
        // So the reference calls it.
        "name",
        "2021-06-29T10:00:00-00:00",
        "Says which addresses behind a router it answers for outside.",
    ),
    extension(
        "l3-port-ip-change-not-allowed",
        "Prevent L3 router ports IP address change extension",
        "2018-10-09T10:00:00-00:00",
        "Refuses to change the addresses of router interfaces.",
    ),
    extension(
        "l3_agent_scheduler",
        "L3 Agent Scheduler",
        "2013-02-07T10:00:00-00:00",
        "Moves routers between agents.",
    ),
    extension(
        "metering",
        "Neutron Metering",
        "2013-06-12T10:00:00-00:00",
        "Counts routers' traffic to the outside.",
    ),
    extension(
        "metering_source_and_destination_fields",
        "Neutron Metering with source and destination filtering",
        "2020-08-21T08:12:00-00:00",
        "Rules of metering name sources and destinations.",
    ),
    extension(
        "multi-provider",
        "Multi Provider Network",
        "2013-06-27T10:00:00-00:00",
        "Gives a network several segments.",
    ),
    extension("net-mtu", "Network MTU", "2015-03-25T10:00:00-00:00", "Shows the MTU of a network."),
    extension(
        "net-mtu-writable",
        "Network MTU (writable)",
        "2017-07-12T00:00:00-00:00",
        "Sets the MTU of a network.",
    ),
    extension(
        "network-ip-availability",
        "Network IP Availability",
        "2015-09-24T00:00:00-00:00",
        "Tells how full networks are.",
    ),
    extension(
        "network-ip-availability-details",
        "Network IP Availability Details Extension",
        "2025-10-31T00:00:00-00:00",
        "Tells pools from the rest of subnets.",
    ),
    extension(
        "network-segment-range",
        "Neutron Network Segment Range",
        "2018-11-29T00:00:00-00:00",
        "Lets administrators say where the segments of networks are chosen from.",
    ),
    extension(
        "network_availability_zone",
        "Network Availability Zone",
        "2015-01-01T10:00:00-00:00",
        "Hints where a network is served, shows where it is.",
    ),
    extension("pagination", "Pagination support", "2016-06-12T00:00:00-00:00", "Pages lists."),
    extension(
        "port-device-profile",
        "Port device profile",
        "2020-12-17T10:00:00-00:00",
        "Carries the accelerator profile of a port.",
    ),
    extension(
        "port-hardware-offload-type",
        "Port hardware offload",
        "2023-05-09T10:00:00-00:00",
        "Carries the offload type of a port.",
    ),
    extension(
        "port-hint-ovs-tx-steering",
        "Port hint: Open vSwitch Tx steering",
        "2023-01-01T00:00:00-00:00",
        "Carries the transmit steering hint of a port.",
    ),
    extension(
        "port-hints",
        "Port hints",
        "2023-01-01T00:00:00-00:00",
        "Carries hints for the backend of a port.",
    ),
    extension(
        "port-mac-address-regenerate",
        "Neutron Port MAC address regenerate",
        "2018-05-03T10:00:00-00:00",
        "Makes a new MAC address for a port on demand.",
    ),
    extension(
        "port-mac-override",
        "Neutron Port MAC address override",
        "2022-03-18T10:00:00-00:00",
        "Sets the MAC address of ports that are physical devices.",
    ),
    extension(
        "port-numa-affinity-policy",
        "Port NUMA affinity policy",
        "2020-07-08T10:00:00-00:00",
        "Carries the NUMA affinity policy of a port.",
    ),
    extension(
        "port-numa-affinity-policy-socket",
        "Port NUMA affinity policy \"socket\"",
        "2024-02-09T10:00:00-00:00",
        "Adds the socket policy to NUMA affinity.",
    ),
    extension(
        "port-security",
        "Port Security",
        "2012-07-23T10:00:00-00:00",
        "Switches anti-spoofing of a network or port.",
    ),
    extension(
        "port-security-groups-filtering",
        "Port filtering on security groups",
        "2018-01-09T09:00:00-00:00",
        "Finds ports by their security groups.",
    ),
    extension(
        "port-trusted-vif",
        "Port trusted vif",
        "2024-07-10T10:00:00-00:00",
        "Carries the trusted flag of a port.",
    ),
    extension(
        "project-id",
        "project_id field enabled",
        "2016-09-09T09:09:09-09:09",
        "Names projects by project_id.",
    ),
    extension(
        "provider",
        "Provider Network",
        "2012-09-07T10:00:00-00:00",
        "Shows and sets how a network is carried.",
    ),
    extension(
        "qos",
        "Quality of Service",
        "2015-06-08T10:00:00-00:00",
        "Holds ports to policies of quality of service.",
    ),
    extension(
        "qos-bw-limit-direction",
        "Direction for QoS bandwidth limit rule",
        "2017-04-10T10:00:00-00:00",
        "Limits what ports send and what they get.",
    ),
    extension(
        "qos-bw-minimum-ingress",
        "Ingress direction for QoS minimum bandwidth rule",
        "2018-07-09T10:00:00-00:00",
        "Lets rules of least bandwidth be about what a port receives.",
    ),
    extension(
        "qos-default",
        "QoS default policy",
        "2017-041-06T10:00:00-00:00",
        "Gives networks their project's default QoS policy.",
    ),
    extension(
        "qos-fip",
        "Floating IP QoS",
        "2017-07-20T00:00:00-00:00",
        "Holds floating IPs to QoS policies.",
    ),
    extension(
        "qos-gateway-ip",
        "Router gateway IP QoS",
        "2018-02-24T00:00:00-00:00",
        "Holds what leaves by a router's own address to a QoS policy.",
    ),
    extension(
        "qos-port-network-policy",
        "QoS port network policy ID",
        "2019-11-01T10:00:00-00:00",
        "Shows with a port the QoS policy of its network.",
    ),
    extension(
        "qos-pps",
        "QoS Rule Type Packet per Second Extension",
        "2021-05-12T10:00:00-00:00",
        "Limits how many packets ports send and get.",
    ),
    extension(
        "qos-pps-minimum",
        "QoS minimum packet rate rule",
        "2021-07-14T10:00:00-00:00",
        "Keeps with a policy how many packets its ports are to have.",
    ),
    extension(
        "qos-pps-minimum-rule-alias",
        "QoS minimum packet rate rule alias",
        "2021-10-22T10:00:00-00:00",
        "Names such rules without their policy.",
    ),
    extension(
        "qos-rule-type-details",
        "Details of QoS rule types",
        "2017-06-22T10:00:00-00:00",
        "Shows which values hosts take of a kind of QoS rule.",
    ),
    extension(
        "qos-rule-type-filter",
        "Allow to filter the list of QoS rule types",
        "2022-02-02T10:00:00-00:00",
        "Lists the kinds of QoS rules that policies can have, and those that ports can.",
    ),
    extension(
        "qos-rules-alias",
        "Quality of Service rules alias API",
        "2018-10-07T10:00:00-00:00",
        "Names QoS rules without their policy.",
    ),
    extension(
        "quota-check-limit",
        "Quota engine limit check",
        "2021-09-08T16:00:00-00:00",
        "Compares a quota with what the project has before it is set.",
    ),
    extension(
        "quota-check-limit-default",
        "Quota engine limit check by default",
        "2024-08-21T16:00:00-00:00",
        "Does so without being asked.",
    ),
    extension(
        "quota_details",
        "Quota details management support",
        "2017-02-10T10:00:00-00:00",
        "Shows what a project has used of its quotas.",
    ),
    extension(
        "quotas",
        "Quota management support",
        "2012-07-29T10:00:00-00:00",
        "Limits how many resources a project may have.",
    ),
    extension(
        "rbac-address-group",
        "Add address_group type to RBAC",
        "2021-01-20T00:00:00-00:00",
        "Shares address groups with other projects.",
    ),
    extension(
        "rbac-address-scope",
        "Add address_scope type to RBAC",
        "2020-02-12T00:00:00-00:00",
        "Shares address scopes with projects.",
    ),
    extension(
        "rbac-policies",
        "RBAC Policies",
        "2015-06-17T12:15:12-00:00",
        "Shares things with some other projects.",
    ),
    extension(
        "rbac-security-groups",
        "Add security_group type to network RBAC",
        "2019-02-14T00:00:00-00:00",
        "Shares security groups with other projects.",
    ),
    extension(
        "rbac-subnetpool",
        "Add subnetpool type to RBAC",
        "2020-02-05T00:00:00-00:00",
        "Shares subnet pools with projects.",
    ),
    extension(
        "revision-if-match",
        "If-Match constraints based on revision_number",
        "2016-12-11T00:00:00-00:00",
        "Changes a resource only at a given revision.",
    ),
    extension(
        "router",
        "Neutron L3 Router",
        "2012-07-20T10:00:00-00:00",
        "Routes between subnets, and to external networks.",
    ),
    extension(
        "router-admin-state-down-before-update",
        "Enforce Router's Admin State Down Before Update Extension",
        "2019-07-02T15:56:00",
        "Changes the kind of a router only while it is down.",
    ),
    extension(
        "router_availability_zone",
        "Router Availability Zone",
        "2015-01-01T10:00:00-00:00",
        "Hints where a router is carried, shows where it is.",
    ),
    extension(
        "security-group",
        "security-group",
        "2012-10-05T10:00:00-00:00",
        "Says by rules what may reach and leave ports.",
    ),
    extension(
        "security-groups-default-rules",
        "Default rules for security groups",
        "2022-12-19T10:00:00-00:00",
        "Sets the rules that security groups begin with.",
    ),
    extension(
        "security-groups-normalized-cidr",
        "Normalized CIDR field for security group rules",
        "2020-07-28T10:00:00-00:00",
        "Shows the prefix of a rule without host bits.",
    ),
    extension(
        "security-groups-remote-address-group",
        "Remote address group id field for security group rules",
        "2020-08-25T10:00:00-00:00",
        "Makes rules about address groups.",
    ),
    extension(
        "security-groups-rules-belongs-to-default-sg",
        "Security group rule belongs to the project's default security group",
        "2023-05-23T10:00:00-00:00",
        "Shows whether a rule is of a default security group.",
    ),
    extension(
        "security-groups-shared-filtering",
        "Security group filtering on the shared field",
        "2021-10-05T09:00:00-00:00",
        "Finds security groups that others share.",
    ),
    extension(
        "segment",
        "Segment",
        "2016-02-24T17:00:00-00:00",
        "Shows and changes the segments of networks, and puts subnets on them.",
    ),
    extension(
        "segments-peer-subnet-host-routes",
        "Segments peer-subnet host routes",
        "2018-06-12T10:00:00-00:00",
        "Leads subnets on different segments of a network to each other.",
    ),
    extension(
        "service-type",
        "Neutron Service Type Management",
        "2013-01-20T00:00:00-00:00",
        "Lists who provides what.",
    ),
    extension(
        "software",
        "Software",
        "2026-11-22T00:00:00-00:00",
        "Keeps software packages, and has instances install them.",
    ),
    extension("sorting", "Sorting support", "2016-06-12T00:00:00-00:00", "Sorts lists."),
    extension(
        "standard-attr-description",
        "standard-attr-description",
        "2016-02-10T10:00:00-00:00",
        "Describes resources.",
    ),
    extension(
        "standard-attr-revisions",
        "Resource revision numbers",
        "2016-04-11T10:00:00-00:00",
        "Counts the revisions of resources.",
    ),
    extension(
        "standard-attr-segment",
        "Standard Attribute Segment Extension",
        "2018-04-09T10:00:00-00:00",
        "Gives segments what every resource has.",
    ),
    extension(
        "standard-attr-tag",
        "Tag support for resources with standard attribute: port, subnet, subnetpool, network, router, floatingip, policy, security_group, trunk, network_segment_range",
        "2017-01-01T00:00:00-00:00",
        "Puts tags on resources.",
    ),
    extension(
        "standard-attr-timestamp",
        "Resource timestamps",
        "2016-09-12T10:00:00-00:00",
        "Shows when resources were created and updated.",
    ),
    extension(
        "stateful-security-group",
        "Stateful security group",
        "2019-11-26T09:00:00-00:00",
        "Makes security groups that remember no connections.",
    ),
    extension(
        "subnet-dns-publish-fixed-ip",
        "Subnet DNS publish fixed IP",
        "2019-05-24T10:00:00-00:00",
        "Keeps with a subnet whether a DNS service is to publish its addresses.",
    ),
    extension(
        "subnet-external-network",
        "Subnet belongs to an external network",
        "2024-02-05T18:00:00-00:00",
        "Shows whether a subnet is on an external network.",
    ),
    extension(
        "subnet-segmentid-writable",
        "Subnet SegmentID (writable)",
        "2018-03-12T00:00:00-00:00",
        "Puts a subnet that is there on a segment.",
    ),
    extension(
        "subnet-service-types",
        "Subnet service types",
        "2016-03-15T18:00:00-00:00",
        "Reserves subnets for kinds of ports.",
    ),
    extension(
        "subnet_allocation",
        "Subnet Allocation",
        "2015-03-30T10:00:00-00:00",
        "Takes the ranges of subnets from pools.",
    ),
    extension(
        "subnet_onboard",
        "Subnet Onboard",
        "2018-12-18T09:00:00-00:00",
        "Brings the subnets of a network to a pool.",
    ),
    extension(
        "subnetpool-prefix-ops",
        "Subnet Pool Prefix Operations",
        "2019-02-08T10:00:00-00:00",
        "Adds and removes prefixes of pools.",
    ),
    extension(
        "tag-creation",
        "Tag creation extension",
        "2024-23-07T10:00:00-00:00",
        "Adds several tags at once.",
    ),
    extension(
        "tag-ports-during-bulk-creation",
        "Tag Ports During Bulk Creation",
        "2019-12-29T19:00:00-00:00",
        "Takes tags when ports are created.",
    ),
    extension(
        "trunk",
        "Trunk Extension",
        "2016-01-01T10:00:00-00:00",
        "Gives an instance several ports behind one, told apart by VLAN tags.",
    ),
    extension(
        "trunk-details",
        "Trunk port details",
        "2016-01-01T10:00:00-00:00",
        "Shows with a port what is in the trunk that it is the parent of.",
    ),
    extension(
        "uplink-status-propagation",
        "Uplink status propagation extension",
        "2018-05-31T18:00:00-00:00",
        "Carries whether the uplink state reaches a port.",
    ),
    extension(
        "uplink-status-propagation-updatable",
        "Uplink status propagation updatable extension",
        "2024-09-03T18:00:00-00:00",
        "Changes uplink propagation of a port.",
    ),
];

/// The extension of an alias.
pub fn find(alias: &str) -> Option<&'static Extension> {
    EXTENSIONS.iter().find(|extension| extension.alias == alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_each_once() {
        assert!(EXTENSIONS.windows(2).all(|pair| pair[0].alias < pair[1].alias));
    }
}
