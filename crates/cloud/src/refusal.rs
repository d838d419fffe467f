//! The answers "no": one variant per answer that a caller can act on.

use std::net::IpAddr;

use ipnet::IpNet;
use model::api::Invalid;
use model::api::table::Resource;
use model::{
    AddressGroupId, AddressScopeId, AgentId, FloatingIpId, NetworkId, NetworkSegmentRangeId, PortId,
    QosPolicyId, QosRuleId, RouterId, SecurityGroupId, SegmentId, SoftwareOrderId, SoftwarePackageId,
    SoftwareVersionId, SubnetId, SubnetpoolId,
};

use crate::flavor::FlavorRefusal;
use crate::local_ip::LocalIpRefusal;
use crate::log::LogRefusal;
use crate::metering::MeteringRefusal;
use crate::ndp_proxy::NdpProxyRefusal;
use crate::trunk::TrunkRefusal;
use wire::Mac;

/// Why a well-formed request is not carried out. `server::error` gives each its status and type.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A value that only the resource's own rules can judge.
    #[error("{0}")]
    Input(String),
    /// A request that does not fit the resource.
    #[error("{0}")]
    Request(String),
    #[error("{} {id} was not found.", table.singular)]
    NotFound { table: &'static Resource, id: String },
    #[error("The availability zone '{0}' was not found among those of the agents.")]
    AvailabilityZoneNotFound(String),
    #[error("QoS policy {0} was not found.")]
    QosPolicyNotFound(String),
    #[error("Security group {0} was not found.")]
    SecurityGroupNotFound(String),
    #[error("Tag {0} was not found.")]
    TagNotFound(String),
    #[error("Segment {0} was not found.")]
    SegmentNotFound(String),
    #[error("Revision number of the resource is {stored}, not {asked}: read it again and retry.")]
    RevisionMismatch { stored: i64, asked: i64 },

    #[error("No room for more {resource}s: the project has {used} of {limit}; ask for a higher quota.")]
    OverQuota { resource: &'static str, limit: i64, used: i64 },
    #[error(
        "The project has {used} {resource}s, more than the limit of {limit}; 'force' sets it all the same."
    )]
    QuotaBelowUse { resource: &'static str, limit: i64, used: i64 },
    #[error("Project {0} has no quotas of its own.")]
    QuotaNotFound(String),

    // Networks and segments.
    #[error("No {0} segment is left for a network; free one or widen the ranges.")]
    NoNetworkAvailable(String),
    #[error("The physical network '{0}' carries a flat network already.")]
    FlatNetworkInUse(String),
    #[error("VLAN {vlan} of the physical network '{physical_network}' is in use.")]
    VlanIdInUse { vlan: i64, physical_network: String },
    #[error("The tunnel id {0} is in use.")]
    TunnelIdInUse(i64),
    #[error("Segment {segment} cannot be deleted: {reason}.")]
    SegmentInUse { segment: SegmentId, reason: &'static str },
    #[error("Segment {segment} is not of network {network}.")]
    SegmentOfOtherNetwork { segment: SegmentId, network: NetworkId },
    #[error("All subnets of network {0} are on segments, or none is.")]
    SubnetsNotAllOnSegments(NetworkId),
    #[error("A subnet of network {0}, which has several segments, stays where it is.")]
    SeveralSegments(NetworkId),
    #[error("Subnet {0} is on a segment, and stays there.")]
    SubnetStaysOnSegment(SubnetId),
    #[error("Host {host} is on no segment of network {network}, whose subnets are on segments.")]
    HostOnNoSegment { host: String, network: NetworkId },
    #[error("Host {host} is not on the segment of the addresses of port {port}.")]
    HostOnOtherSegment { host: String, port: PortId },
    #[error("No ranges are for networks of the type '{0}'.")]
    RangeTypeUnknown(String),
    #[error("The range overlaps with {}.", ranges.join(", "))]
    RangesOverlap { ranges: Vec<String> },
    #[error("Range {0} is of the configuration, and changes there only.")]
    RangeOfConfiguration(NetworkSegmentRangeId),
    #[error("Networks have segments of range {0}.")]
    RangeInUse(NetworkSegmentRangeId),
    #[error("Give either provider attributes or segments, not both.")]
    SegmentsWithProvider,
    #[error("The segments list the same segment twice.")]
    DuplicateSegments,
    // Tempest looks for "There are ... on the network".
    #[error(
        "Network {network}: There are one or more ports still in use on the network: {}.",
        ports.join(", ")
    )]
    NetworkInUse { network: NetworkId, ports: Vec<String> },
    #[error("Network {0} is the default external network already; there can be one.")]
    DefaultExternalNetworkExists(String),
    #[error("Network {0} cannot stop being shared: other projects have ports on it.")]
    InvalidSharedSetting(NetworkId),
    #[error("MTU {mtu} is too small for subnets of IPv{ip_version}; they need {least}.")]
    MtuTooSmallForSubnet { mtu: i64, ip_version: i64, least: i64 },

    // QoS.
    #[error("Project {0} has a default QoS policy already.")]
    DefaultQosPolicyExists(String),
    #[error("QoS policy {policy} is in use by the {what} {user}.")]
    QosPolicyInUse { policy: QosPolicyId, what: &'static str, user: String },
    #[error("QoS policy {policy} has rule {rule} of the same kind and direction.")]
    QosRulesConflict { rule: QosRuleId, policy: QosPolicyId },
    #[error("QoS policy {policy} has rule {rule} of the same kind, and one of both directions is alone.")]
    QosDirectionsConflict { rule: QosRuleId, policy: QosPolicyId },
    #[error("The least, {min} kbps, is more than the most, {max} kbps, of QoS policy {policy}.")]
    QosMinimumAboveMaximum { min: u32, max: u32, policy: QosPolicyId },
    #[error("QoS policy {policy} asks for {kind}, which hosts cannot do.")]
    QosRuleNotSupported { kind: &'static str, policy: QosPolicyId },

    // Subnets.
    #[error("The gateway {gateway} lies in the allocation pool {pool}.")]
    GatewayInPool { gateway: IpAddr, pool: String },
    #[error("The gateway {gateway} is held by port {port} and cannot change.")]
    GatewayInUse { gateway: IpAddr, port: String },
    #[error("The allocation pool {0} does not run upwards within one address family.")]
    InvalidPool(String),
    #[error("The allocation pool {pool} leaves the subnet {cidr}.")]
    PoolOutOfBounds { pool: String, cidr: String },
    #[error("The allocation pools {one} and {other} overlap.")]
    PoolsOverlap { one: String, other: String },
    #[error("A subnet takes at most {0} name servers.")]
    TooManyNameServers(usize),
    #[error("A subnet takes at most {0} host routes.")]
    TooManyHostRoutes(usize),
    #[error("Subnet {subnet} is in use by the ports {}.", ports.join(", "))]
    SubnetInUse { subnet: SubnetId, ports: Vec<String> },

    // Subnet pools and address scopes.
    #[error("A subnet pool needs a prefix.")]
    NoPrefixes,
    #[error("The prefixes of a subnet pool are of one family, IPv4 or IPv6.")]
    PrefixesOfBothFamilies,
    #[error("The {what} of a subnet pool is {is}; it cannot be {than} {bound}.")]
    BadPrefixBounds { what: &'static str, is: i64, than: &'static str, bound: i64 },
    #[error("{0}")]
    BadPrefixes(String),
    #[error("{0}")]
    BadPoolUpdate(String),
    #[error("The prefixes are in use by another subnet pool of the address scope.")]
    ScopePrefixConflict,
    #[error("Address scope {0} is of the other family.")]
    ScopeOfOtherFamily(AddressScopeId),
    #[error("Subnet pools are in address scope {0}.")]
    AddressScopeInUse(AddressScopeId),
    #[error("Address scope {0} is shared, and stays so.")]
    ScopeStaysShared(AddressScopeId),
    #[error("Subnets are from subnet pool {0}.")]
    SubnetPoolInUse(SubnetpoolId),
    #[error("A subnet of /{asked} is larger than the subnet pool gives: at least /{min}.")]
    SubnetTooLarge { asked: i64, min: i64 },
    #[error("A subnet of /{asked} is smaller than the subnet pool gives: at most /{max}.")]
    SubnetTooSmall { asked: i64, max: i64 },
    #[error("{0}")]
    NoSubnetLeft(String),
    #[error("The project has had its share of the subnet pool.")]
    PoolQuotaExceeded,
    #[error("All subnets of a family on a network are from one subnet pool, or from none.")]
    MixedPools,
    #[error("All subnets of a family on a network are in one address scope.")]
    MixedScopes,
    #[error("Project {target} does not have the address scope {scope} that the subnet pool is in.")]
    ScopeNotShared { target: String, scope: String },

    #[error("No network is allocated: {0}.")]
    AutoAllocation(String),

    // Routers.
    #[error(transparent)]
    Flavor(#[from] FlavorRefusal),
    #[error(transparent)]
    Metering(#[from] MeteringRefusal),
    #[error(transparent)]
    NdpProxy(#[from] NdpProxyRefusal),
    #[error(transparent)]
    LocalIp(#[from] LocalIpRefusal),
    #[error(transparent)]
    Log(#[from] LogRefusal),
    #[error("The conntrack helper {0} is none that routers may have.")]
    HelperNotAllowed(String),
    #[error("The conntrack helper {helper} is not of {protocol}, but of {}.", protocols.join(", "))]
    HelperNotOfProtocol { helper: String, protocol: String, protocols: Vec<String> },
    #[error("The router has the same conntrack helper: {0}.")]
    HelperExists(String),
    #[error("Router {router} has interfaces still, the ports {}.", ports.join(", "))]
    RouterInUse { router: RouterId, ports: Vec<String> },
    #[error("Floating IPs lead through router {router} to network {network}: its gateway stays.")]
    GatewayInUseByFloatingIps { router: RouterId, network: NetworkId },
    #[error("Router {router} has no interface with the port {port}.")]
    InterfaceNotFound { router: RouterId, port: String },
    #[error("Router {router} has no interface on subnet {subnet}.")]
    InterfaceNotFoundForSubnet { router: RouterId, subnet: SubnetId },
    #[error("Port {port} has no address on subnet {subnet}.")]
    SubnetMismatchForPort { port: PortId, subnet: String },
    #[error("Static routes of router {router} lead to subnet {subnet}: its interface stays.")]
    InterfaceInUseByRoute { router: RouterId, subnet: SubnetId },
    #[error("Floating IPs of router {router} lead to subnet {subnet}: its interface stays.")]
    InterfaceInUseByFloatingIps { router: RouterId, subnet: SubnetId },
    #[error("{0}")]
    InvalidRoutes(String),
    #[error("A router takes at most {limit} static routes, not {asked}.")]
    TooManyRoutes { limit: i64, asked: i64 },
    #[error("Network {0} is a way out of routers: it stays external.")]
    ExternalNetworkInUse(NetworkId),
    #[error("The device {device} belongs to another project than the port.")]
    DeviceNotOwned { device: String },
    #[error("Port {port} is in use by the device {device}.")]
    PortInUse { port: PortId, device: String },
    #[error("Port {port} belongs to a service ({owner}), which alone deletes it.")]
    ServicePortInUse { port: PortId, owner: String },

    #[error(transparent)]
    Trunk(#[from] TrunkRefusal),

    // Ports and addresses.
    #[error("The MAC address {mac} is in use on network {network}.")]
    MacInUse { mac: Mac, network: NetworkId },
    #[error("Port {port} has a binding to host '{host}'.")]
    BindingExists { port: PortId, host: String },
    #[error("Port {port} is at host '{host}' already.")]
    BindingActive { port: PortId, host: String },
    #[error("Host '{host}' cannot carry port {port}.")]
    BindingFailed { port: PortId, host: String },
    #[error("Port {port} is bound: its MAC address cannot change.")]
    PortBound { port: PortId },
    #[error("Port {port} is bound: its vnic type cannot change.")]
    VnicTypeInUse { port: PortId },
    /// Another network's subnet, or none at all: `server` tells them apart by looking it up.
    #[error("Subnet {subnet} is not on network {network}, so it gives no address.")]
    SubnetNotOnNetwork { subnet: SubnetId, network: NetworkId },
    #[error("The address {ip} is on no subnet of network {network}.")]
    IpNotOnNetwork { ip: IpAddr, network: NetworkId },
    #[error("The address {ip} cannot be used in subnet {subnet}.")]
    IpNotUsable { ip: IpAddr, subnet: SubnetId },
    #[error("The address {ip} is not the one that instances make for themselves on subnet {subnet}.")]
    IpOnAutoSubnet { ip: IpAddr, subnet: SubnetId },
    #[error("The address {ip} is in use in subnet {subnet}.")]
    IpInUse { ip: IpAddr, subnet: SubnetId },
    #[error("No address is left in the subnets {} of network {network}.", list(subnets))]
    NoAddressLeft { network: NetworkId, subnets: Vec<SubnetId> },
    #[error("No subnet of network {network} serves ports of '{owner}'.")]
    NoSubnetForOwner { network: NetworkId, owner: String },
    #[error("The address pair {mac} {ip} is listed twice.")]
    DuplicateAddressPair { mac: Mac, ip: String },
    #[error("Security groups need an address, and port security: set port_security_enabled as well.")]
    GroupsNeedPortSecurity,
    #[error("Address pairs need port security.")]
    PairsNeedPortSecurity,

    #[error("Port {0} has security groups: take them away to switch port security off.")]
    PortHasGroups(PortId),
    #[error("A port's security groups are all stateful or all stateless.")]
    StatefulAndStateless,

    // Security groups and their rules.
    #[error("Security group {0} is in use by ports: take it off those that ports?security_groups={0} lists.")]
    SecurityGroupInUse(SecurityGroupId),
    #[error("Security group {0} is a default group, which keeps its name.")]
    DefaultGroupKeepsName(SecurityGroupId),
    #[error("Security group {0} is its project's default group: ask an administrator.")]
    DefaultGroupStays(SecurityGroupId),
    // Tempest and clients look for the id at the end.
    #[error("Security group rule already exists. Rule id is {0}.")]
    RuleExists(String),
    #[error("The same default rule is there: {0}.")]
    DefaultRuleExists(String),
    #[error("The request asks for the same rule twice.")]
    RuleListedTwice,
    #[error("Rules of one request are for one security group.")]
    RulesOfSeveralGroups,
    #[error("Rules of one request are of one project.")]
    RulesOfSeveralProjects,
    #[error("Ports are of a protocol: give one.")]
    PortsNeedProtocol,
    #[error("Ports run from 1 to 65535.")]
    PortIsZero,
    // Tempest looks for parts of these.
    #[error("Give both ports or neither: port_range_min must be <= port_range_max.")]
    BadPortRange,
    #[error("Invalid value for ICMP {what}: {value} is not from 0 to 255.")]
    BadIcmp { what: &'static str, value: u16 },
    #[error("The code {0} is said, the ICMP type (port-range-min) is missing.")]
    IcmpCodeWithoutType(u16),
    #[error("The protocol {0} has no ports; TCP, UDP, UDP-Lite, SCTP and DCCP have.")]
    ProtocolHasNoPorts(String),
    #[error("Conflicting value ethertype: the prefix {0} is of the other one, IPv4 or IPv6.")]
    PrefixOfOtherFamily(String),
    #[error("The protocol {0} is of IPv6.")]
    ProtocolOfIpv6(String),
    #[error("A rule has one remote at most: a prefix, a group or an address group.")]
    SeveralRemotes,
    #[error("Address group {0} is in use by rules.")]
    AddressGroupInUse(AddressGroupId),
    #[error("Address group {group} has {} already.", nets(addresses))]
    AddressesExist { group: AddressGroupId, addresses: Vec<IpNet> },
    #[error("Address group {group} does not have {}.", nets(addresses))]
    AddressesNotFound { group: AddressGroupId, addresses: Vec<IpNet> },

    // Sharing.
    #[error("{object_type} cannot be shared for '{action}', only for 'access_as_shared'.")]
    NoSuchSharing { action: String, object_type: &'static str },
    #[error("The same RBAC policy is there already.")]
    DuplicateSharing,
    #[error("Project {target} relies on {object} being shared with it.")]
    SharingInUse { object: String, target: String },

    // Software.
    #[error("The project has a package '{name}' of format {format} already.")]
    SoftwarePackageExists { name: String, format: String },
    #[error("Software package {package} has {versions} versions: delete them first, or force it.")]
    SoftwarePackageInUse { package: SoftwarePackageId, versions: usize },
    #[error("The package has a file of version {0} already.")]
    SoftwareVersionExists(String),
    #[error("Software version {0} is to be installed by an order that has not ended: wait, or force it.")]
    SoftwareVersionInUse(SoftwareVersionId),
    #[error("Software version {0} takes no file: one came, or was refused.")]
    SoftwareVersionTakesNone(SoftwareVersionId),
    #[error("Software version {0} has no file.")]
    SoftwareVersionHasNone(SoftwareVersionId),
    #[error("{at} bytes of the file are here: go on from there.")]
    UploadElsewhere { at: i64 },
    #[error("The file is of {said} bytes, not of {asked}.")]
    UploadSize { said: i64, asked: i64 },
    #[error("No package to install is {0}, or none of its versions fits.")]
    SoftwareNotFound(String),
    #[error("Several packages are {0}: name one by 'package_id', or say its format.")]
    SoftwareAmbiguous(String),
    #[error("Port {port} has {used} packages to install, of {limit} at a time: wait until orders end.")]
    TooManyOrders { port: PortId, limit: usize, used: usize },
    #[error("Software order {0} is under way: cancel it and wait, or force it.")]
    SoftwareOrderInUse(SoftwareOrderId),
    #[error("Software order {order} has nothing to {action}.")]
    SoftwareOrderHasNone { order: SoftwareOrderId, action: &'static str },

    // Floating IPs and port forwardings.
    #[error("No IPv4 address is left on network {0}.")]
    ExternalAddressesExhausted(NetworkId),
    #[error(
        "Network {network} is not reachable from subnet {subnet}, so port {port} cannot have its address."
    )]
    NoRouterBetween { network: NetworkId, subnet: SubnetId, port: PortId },
    #[error("Port {port} has a floating IP on network {network} for its address {fixed} already.")]
    FloatingIpTaken { port: PortId, fixed: IpAddr, network: NetworkId },
    #[error("Router {router} has no gateway on network {network}.")]
    NoGatewayThere { router: RouterId, network: NetworkId },
    #[error("Floating IP {0} forwards ports: it can neither have a port nor go before they do.")]
    FloatingIpForwards(FloatingIpId),
    #[error("Port {0} has ports forwarded to it.")]
    PortIsForwardedTo(PortId),
    #[error(
        "Router {router} leads {used} ports to ports of other numbers, of at most {limit}: delete port \
         forwardings, or forward ranges to the same ports."
    )]
    TooManyShiftedPorts { router: RouterId, limit: i64, used: i64 },
    #[error("Port {port} has the floating IP {address}.")]
    PortHasFloatingIp { port: PortId, address: IpAddr },
    #[error("Port {0} has a floating IP of another project: ask an administrator.")]
    FloatingIpOfOthers(PortId),

    // Networks and the agents that serve their DHCP.
    #[error("Agent {0} is no DHCP agent that takes networks.")]
    NoDhcpAgent(AgentId),
    #[error("Network {network} is served by agent {agent} already.")]
    NetworkServed { network: NetworkId, agent: AgentId },
    #[error("Network {network} is not served by agent {agent}.")]
    NetworkNotServed { network: String, agent: AgentId },

    // Routers and the agents that carry them.
    #[error("Agent {0} is no L3 agent that takes routers.")]
    NoL3Agent(AgentId),
    #[error("Router {router} is carried by agent {agent} already.")]
    RouterHosted { router: RouterId, agent: AgentId },
    #[error("Router {router} is distributed, which agent {agent} is not for.")]
    AgentNotForDistributed { router: RouterId, agent: AgentId },
    #[error("The project has {limit} HA routers, which is all that are told apart: router {router} is none.")]
    TooManyHaRouters { router: RouterId, limit: u8 },
    #[error("Agents of compute hosts take routers by themselves.")]
    ComputeAgentTakesNone,
    #[error("Agents of compute hosts leave routers by themselves.")]
    ComputeAgentLeavesNone,
}

fn list(subnets: &[SubnetId]) -> String {
    subnets.iter().map(SubnetId::to_string).collect::<Vec<_>>().join(", ")
}

fn nets(nets: &[IpNet]) -> String {
    nets.iter().map(IpNet::to_string).collect::<Vec<_>>().join(", ")
}
