//! From "no" and "broken" to status and error type. Nowhere else.

use cloud::Refusal;
use cloud::flavor::FlavorRefusal;
use cloud::local_ip::LocalIpRefusal;
use cloud::log::LogRefusal;
use cloud::metering::MeteringRefusal;
use cloud::ndp_proxy::NdpProxyRefusal;
use cloud::trunk::TrunkRefusal;
use db::DbError;
use model::api::{Invalid, InvalidKind};

use crate::repository::Trouble;

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Database(#[from] DbError),
    /// The URL names nothing.
    #[error("The URL names nothing here.")]
    NoSuchUrl,
    /// The same outside of `/v2.0`; answered as text.
    #[error("The URL names nothing here; the API is under /v2.0.")]
    NothingOutside,
    #[error("The method is not offered on this URL.")]
    MethodNotAllowed,
    /// An extension alias that is not served; answered as text.
    #[error("The extension '{0}' is not served here.")]
    NoSuchExtension(String),
    #[error("The body is not JSON: {0}.")]
    NotJson(String),
    #[error("The body is not JSON: {0}.")]
    NotJsonForExtension(String),
    #[error("The body is larger than {0} bytes.")]
    TooLarge(usize),
    #[error("The request needs a body.")]
    NoBody,
    #[error("If-Match takes one revision_number=N.")]
    IfMatchMalformed,
    #[error("Without authentication, requests from web pages and to other names than localhost are refused.")]
    FromAPage,
    /// Answered as Keystone's own filter does, with the place to get a token.
    #[error("The request you have made requires authentication.")]
    Unauthenticated { keystone: String },
    #[error("Keystone does not tell who asks; try again.")]
    KeystoneDown,
    #[error("The body did not arrive.")]
    BodyBroken,
    /// A rule of the policy says no.
    #[error("The policy does not allow {0}.")]
    Forbidden(String),
    /// Something of another project, which only administrators ask for.
    #[error("It is another project's.")]
    NotAuthorized,
    #[error("{0} takes tokens that are scoped to a project.")]
    OutOfScope(String),
    #[error("The token is for no project: name one in project_id.")]
    NoProject,
    /// The same, of a resource that the caller may not even see.
    #[error("The resource was not found.")]
    NotForYou,
    #[error(
        "Only administrators and services create for another project than their own: leave project_id out."
    )]
    OtherProject,
    #[error("Only administrators see the quotas of another project.")]
    AdminRequired,
    #[error("POST creates no quotas: every project has them; PUT changes them.")]
    QuotasAreThere,
    #[error("This cloud has no software repository: an operator names one in [software].")]
    SoftwareOff,
    #[error("The software repository is not there; try again when it is back.")]
    Repository(#[from] Trouble),
    #[error("The software repository has no space left.")]
    RepositoryFull,
    #[error("The repository does not take the file: {0}.")]
    FileTooLarge(String),
    #[error("How long the file is has to be said, by Content-Length, Content-Range or 'size'.")]
    LengthRequired,
    #[error("Another request uploads this version.")]
    UploadBusy,
    #[error("The upload is elsewhere than the request says: look at upload_offset, and go on from there.")]
    UploadMoved,
    #[error("POST creates no agents: they appear when a host reports itself.")]
    AgentsReportThemselves,
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Fault {
        Fault::Refused(Refusal::Invalid(invalid))
    }
}

impl Fault {
    /// True when the whole transaction may be tried again.
    pub fn may_retry(&self) -> bool {
        matches!(self, Fault::Database(error) if error.is_conflict())
    }

    /// HTTP status and the `type` of the error body.
    pub fn answer(&self) -> (u16, &'static str) {
        match self {
            Fault::Refused(refusal) => refused(refusal),
            Fault::Database(
                DbError::Locked { .. }
                | DbError::Full { .. }
                | DbError::Disk { .. }
                | DbError::Gone(_)
                | DbError::Unavailable { .. }
                | DbError::Exhausted(_),
            ) => (503, "ServiceUnavailable"),
            Fault::Database(DbError::Nul) => (400, "InvalidInput"),
            Fault::Database(DbError::Uncertain { .. }) => (504, "HTTPGatewayTimeout"),
            Fault::Database(DbError::Conflict { .. }) => (409, "Conflict"),
            Fault::Database(_) => (500, "HTTPInternalServerError"),
            Fault::NoSuchUrl | Fault::NoSuchExtension(_) | Fault::NothingOutside => (404, "HTTPNotFound"),
            Fault::MethodNotAllowed => (405, "HTTPMethodNotAllowed"),
            Fault::NotJson(_) | Fault::BodyBroken => (400, "HTTPBadRequest"),
            Fault::NoBody | Fault::IfMatchMalformed => (400, "BadRequest"),
            Fault::NotJsonForExtension(_) => (400, "MalformedRequestBody"),
            Fault::Forbidden(_) => (403, "PolicyNotAuthorized"),
            Fault::NotAuthorized => (403, "NotAuthorized"),
            Fault::OutOfScope(_) => (403, "InvalidScope"),
            Fault::NoProject => (400, "HTTPBadRequest"),
            Fault::AdminRequired => (403, "AdminRequired"),
            Fault::QuotasAreThere => (501, "HTTPNotImplemented"),
            Fault::NotForYou => (404, "HTTPNotFound"),
            Fault::OtherProject => (400, "HTTPBadRequest"),
            Fault::Unauthenticated { .. } => (401, "Unauthorized"),
            Fault::KeystoneDown => (503, "ServiceUnavailable"),
            Fault::FromAPage => (403, "HTTPForbidden"),
            Fault::TooLarge(_) => (413, "HTTPRequestEntityTooLarge"),
            Fault::SoftwareOff | Fault::Repository(_) => (503, "ServiceUnavailable"),
            Fault::RepositoryFull => (507, "HTTPInsufficientStorage"),
            Fault::FileTooLarge(_) => (413, "HTTPRequestEntityTooLarge"),
            Fault::LengthRequired => (411, "HTTPLengthRequired"),
            Fault::UploadBusy => (409, "UploadBusy"),
            Fault::UploadMoved => (409, "UploadOffsetMismatch"),
            Fault::AgentsReportThemselves => (400, "BadRequest"),
        }
    }
}

fn refused(refusal: &Refusal) -> (u16, &'static str) {
    use Refusal as R;
    match refusal {
        R::Invalid(why) => invalid(why.kind),
        R::Input(_) => (400, "InvalidInput"),
        R::Request(_) => (400, "BadRequest"),
        R::NotFound { table, .. } => (404, table.not_found),
        R::AvailabilityZoneNotFound(_) => (404, "AvailabilityZoneNotFound"),
        R::QosPolicyNotFound(_) => (404, "QosPolicyNotFound"),
        R::SecurityGroupNotFound(_) => (404, "SecurityGroupNotFound"),
        R::TagNotFound(_) => (404, "TagNotFound"),
        R::SegmentNotFound(_) => (404, "SegmentNotFound"),
        R::RevisionMismatch { .. } => (412, "RevisionNumberConstraintFailed"),
        R::OverQuota { .. } => (409, "OverQuota"),
        R::QuotaBelowUse { .. } => (400, "HTTPBadRequest"),
        R::QuotaNotFound(_) => (404, "TenantQuotaNotFound"),
        R::NoNetworkAvailable(_) => (503, "NoNetworkAvailable"),
        R::FlatNetworkInUse(_) => (409, "FlatNetworkInUse"),
        R::VlanIdInUse { .. } => (409, "VlanIdInUse"),
        R::TunnelIdInUse(_) => (409, "TunnelIdInUse"),
        R::SegmentInUse { .. } => (409, "SegmentInUse"),
        R::SegmentOfOtherNetwork { .. } => (400, "NetworkIdsDontMatch"),
        R::SubnetsNotAllOnSegments(_) => (400, "SubnetsNotAllAssociatedWithSegments"),
        R::SeveralSegments(_) => (400, "NoUpdateSubnetWhenMultipleSegmentsOnNetwork"),
        R::SubnetStaysOnSegment(_) => (400, "SubnetSegmentAssociationChangeNotAllowed"),
        R::HostOnNoSegment { .. } => (409, "HostNotConnectedToAnySegment"),
        R::HostOnOtherSegment { .. } => (409, "HostNotCompatibleWithFixedIps"),
        R::RangeTypeUnknown(_) => (400, "NetworkSegmentRangeNetTypeNotSupported"),
        R::RangesOverlap { .. } => (409, "NetworkSegmentRangeOverlaps"),
        R::RangeOfConfiguration(_) => (400, "NetworkSegmentRangeDefaultReadOnly"),
        R::RangeInUse(_) => (409, "NetworkSegmentRangeReferencedByProject"),
        R::DefaultQosPolicyExists(_) => (409, "QoSPolicyDefaultAlreadyExists"),
        R::QosPolicyInUse { .. } => (409, "QosPolicyInUse"),
        R::QosRulesConflict { .. } => (409, "QoSRulesConflict"),
        R::QosDirectionsConflict { .. } => (409, "QoSRuleParameterConflict"),
        R::QosMinimumAboveMaximum { .. } => (409, "QoSRuleParameterConflict"),
        R::QosRuleNotSupported { .. } => (409, "QosRuleNotSupported"),
        R::SegmentsWithProvider => (400, "SegmentsSetInConjunctionWithProviders"),
        R::DuplicateSegments => (400, "SegmentsContainDuplicateEntry"),
        R::NetworkInUse { .. } => (409, "NetworkInUse"),
        R::DefaultExternalNetworkExists(_) => (409, "DefaultExternalNetworkExists"),
        R::InvalidSharedSetting(_) => (409, "InvalidSharedSetting"),
        R::MtuTooSmallForSubnet { .. } => (409, "NetworkMTUSubnetConflict"),
        R::GatewayInPool { .. } => (409, "GatewayConflictWithAllocationPools"),
        R::GatewayInUse { .. } => (409, "GatewayIpInUse"),
        R::InvalidPool(_) => (400, "InvalidAllocationPool"),
        R::PoolOutOfBounds { .. } => (400, "OutOfBoundsAllocationPool"),
        R::PoolsOverlap { .. } => (409, "OverlappingAllocationPools"),
        R::TooManyNameServers(_) => (400, "DNSNameServersExhausted"),
        R::TooManyHostRoutes(_) => (400, "HostRoutesExhausted"),
        R::SubnetInUse { .. } => (409, "SubnetInUse"),
        R::NoPrefixes => (400, "EmptySubnetPoolPrefixList"),
        R::PrefixesOfBothFamilies => (400, "PrefixVersionMismatch"),
        R::BadPrefixBounds { .. } => (400, "IllegalSubnetPoolPrefixBounds"),
        R::BadPrefixes(_) => (400, "IllegalSubnetPoolPrefixUpdate"),
        R::BadPoolUpdate(_) => (400, "IllegalSubnetPoolUpdate"),
        R::ScopePrefixConflict => (409, "AddressScopePrefixConflict"),
        R::ScopeOfOtherFamily(_) => (400, "IllegalSubnetPoolIpVersionAssociationToAddressScope"),
        R::AddressScopeInUse(_) => (409, "AddressScopeInUse"),
        R::ScopeStaysShared(_) => (400, "AddressScopeUpdateError"),
        R::SubnetPoolInUse(_) => (400, "SubnetPoolDeleteError"),
        R::SubnetTooLarge { .. } => (400, "MinPrefixSubnetAllocationError"),
        R::SubnetTooSmall { .. } => (400, "MaxPrefixSubnetAllocationError"),
        R::NoSubnetLeft(_) => (409, "SubnetAllocationError"),
        R::PoolQuotaExceeded => (409, "SubnetPoolQuotaExceeded"),
        R::MixedPools => (400, "NetworkSubnetPoolAffinityError"),
        R::MixedScopes => (400, "NetworkAddressScopeAffinityError"),
        R::ScopeNotShared { .. } => (400, "InvalidInput"),
        R::AutoAllocation(_) => (409, "AutoAllocationFailure"),
        R::Flavor(refusal) => flavor(refusal),
        R::Metering(refusal) => metering(refusal),
        R::NdpProxy(refusal) => ndp_proxy(refusal),
        R::LocalIp(refusal) => local_ip(refusal),
        R::Log(refusal) => log(refusal),
        R::HelperNotAllowed(_) => (400, "ConntrackHelperNotAllowed"),
        R::HelperNotOfProtocol { .. } => (400, "InvalidProtocolForHelper"),
        R::HelperExists(_) => (400, "BadRequest"),
        R::RouterInUse { .. } => (409, "RouterInUse"),
        R::GatewayInUseByFloatingIps { .. } => (409, "RouterExternalGatewayInUseByFloatingIp"),
        R::InterfaceNotFound { .. } => (404, "RouterInterfaceNotFound"),
        R::InterfaceNotFoundForSubnet { .. } => (404, "RouterInterfaceNotFoundForSubnet"),
        R::SubnetMismatchForPort { .. } => (400, "SubnetMismatchForPort"),
        R::InterfaceInUseByRoute { .. } => (409, "RouterInterfaceInUseByRoute"),
        R::InterfaceInUseByFloatingIps { .. } => (409, "RouterInterfaceInUseByFloatingIP"),
        R::InvalidRoutes(_) => (400, "InvalidRoutes"),
        R::TooManyRoutes { .. } => (409, "OverQuota"),
        R::ExternalNetworkInUse(_) => (409, "ExternalNetworkInUse"),
        R::DeviceNotOwned { .. } => (409, "DeviceIDNotOwnedByTenant"),
        R::PortInUse { .. } => (409, "PortInUse"),
        R::ServicePortInUse { .. } => (409, "ServicePortInUse"),
        R::Trunk(refusal) => trunk(refusal),
        R::MacInUse { .. } => (409, "MacAddressInUse"),
        R::BindingExists { .. } => (409, "PortBindingAlreadyExists"),
        R::BindingActive { .. } => (409, "PortBindingAlreadyActive"),
        // As the reference has it, whose clients look for it.
        R::BindingFailed { .. } => (500, "PortBindingError"),
        R::PortBound { .. } => (409, "PortBound"),
        R::VnicTypeInUse { .. } => (409, "PortInUse"),
        R::SubnetNotOnNetwork { .. } => (400, "InvalidInput"),
        R::IpNotOnNetwork { .. } => (400, "InvalidIpForNetwork"),
        R::IpNotUsable { .. } => (400, "InvalidIpForSubnet"),
        R::IpOnAutoSubnet { .. } => (400, "AllocationOnAutoAddressSubnet"),
        R::IpInUse { .. } => (409, "IpAddressAlreadyAllocated"),
        R::NoAddressLeft { .. } => (409, "IpAddressGenerationFailure"),
        R::NoSubnetForOwner { .. } => (409, "IpAddressGenerationFailureNoMatchingSubnet"),
        R::DuplicateAddressPair { .. } => (400, "DuplicateAddressPairInRequest"),
        R::GroupsNeedPortSecurity => (400, "PortSecurityAndIPRequiredForSecurityGroups"),
        R::ExternalAddressesExhausted(_) => (400, "ExternalIpAddressExhausted"),
        R::NoRouterBetween { .. } => (404, "ExternalGatewayForFloatingIPNotFound"),
        R::FloatingIpTaken { .. } => (409, "FloatingIPPortAlreadyAssociated"),
        R::NoGatewayThere { .. } => (409, "Conflict"),
        R::FloatingIpForwards(_) => (409, "FipInUseByPortForwarding"),
        R::PortIsForwardedTo(_) => (400, "PortHasPortForwarding"),
        R::TooManyShiftedPorts { .. } => (409, "OverQuota"),
        R::PortHasFloatingIp { .. } => (409, "PortHasBindingFloatingIP"),
        R::FloatingIpOfOthers(_) => (409, "FipAssociated"),
        R::NoDhcpAgent(_) => (404, "InvalidDHCPAgent"),
        R::NetworkServed { .. } => (409, "NetworkHostedByDHCPAgent"),
        R::NetworkNotServed { .. } => (409, "NetworkNotHostedByDhcpAgent"),
        R::NoL3Agent(_) => (404, "InvalidL3Agent"),
        R::RouterHosted { .. } => (409, "RouterHostedByL3Agent"),
        R::AgentNotForDistributed { .. } => (409, "RouterL3AgentMismatch"),
        R::TooManyHaRouters { .. } => (409, "NoVRIDAvailable"),
        R::ComputeAgentTakesNone => (409, "DVRL3CannotAssignToDvrAgent"),
        R::ComputeAgentLeavesNone => (409, "DVRL3CannotRemoveFromDvrAgent"),
        R::PortHasGroups(_) => (409, "PortSecurityPortHasSecurityGroup"),
        R::StatefulAndStateless => (409, "SecurityGroupConflict"),
        R::SecurityGroupInUse(_) => (409, "SecurityGroupInUse"),
        R::DefaultGroupKeepsName(_) => (409, "SecurityGroupCannotUpdateDefault"),
        R::DefaultGroupStays(_) => (409, "SecurityGroupCannotRemoveDefault"),
        R::RuleExists(_) => (409, "SecurityGroupRuleExists"),
        R::DefaultRuleExists(_) => (409, "DefaultSecurityGroupRuleExists"),
        R::RuleListedTwice => (409, "DuplicateSecurityGroupRuleInPost"),
        R::RulesOfSeveralGroups => (400, "SecurityGroupNotSingleGroupRules"),
        R::RulesOfSeveralProjects => (400, "SecurityGroupRulesNotSingleProject"),
        R::PortsNeedProtocol => (400, "SecurityGroupProtocolRequiredWithPorts"),
        R::PortIsZero => (400, "SecurityGroupInvalidPortValue"),
        R::BadPortRange => (400, "SecurityGroupInvalidPortRange"),
        R::BadIcmp { .. } => (400, "SecurityGroupInvalidIcmpValue"),
        R::IcmpCodeWithoutType(_) => (400, "SecurityGroupMissingIcmpType"),
        R::ProtocolHasNoPorts(_) => (400, "SecurityGroupInvalidProtocolForPort"),
        R::PrefixOfOtherFamily(_) => (400, "SecurityGroupRuleParameterConflict"),
        R::ProtocolOfIpv6(_) => (400, "SecurityGroupEthertypeConflictWithProtocol"),
        R::SeveralRemotes => (400, "SecurityGroupMultipleRemoteEntites"),
        R::AddressGroupInUse(_) => (409, "AddressGroupInUse"),
        R::AddressesExist { .. } => (400, "AddressesAlreadyExist"),
        R::AddressesNotFound { .. } => (404, "AddressesNotFound"),
        R::NoSuchSharing { .. } => (400, "InvalidActionForType"),
        R::DuplicateSharing => (409, "DuplicateRbacPolicy"),
        R::SharingInUse { .. } => (409, "RbacPolicyInUse"),
        R::SoftwarePackageExists { .. } => (409, "SoftwarePackageExists"),
        R::SoftwarePackageInUse { .. } => (409, "SoftwarePackageInUse"),
        R::SoftwareVersionExists(_) => (409, "SoftwareVersionExists"),
        R::SoftwareVersionInUse(_) => (409, "SoftwareVersionInUse"),
        R::SoftwareVersionTakesNone(_) => (409, "SoftwareVersionNotUploading"),
        R::SoftwareVersionHasNone(_) => (409, "SoftwareVersionNotActive"),
        R::UploadElsewhere { .. } => (409, "UploadOffsetMismatch"),
        R::UploadSize { .. } => (400, "UploadSizeMismatch"),
        R::SoftwareNotFound(_) => (404, "SoftwarePackageNotFound"),
        R::SoftwareAmbiguous(_) => (409, "SoftwarePackageAmbiguous"),
        R::TooManyOrders { .. } => (409, "OverQuota"),
        R::SoftwareOrderInUse(_) => (409, "SoftwareOrderInUse"),
        R::SoftwareOrderHasNone { .. } => (409, "SoftwareOrderEnded"),
        R::PairsNeedPortSecurity => (409, "AddressPairAndPortSecurityRequired"),
    }
}

fn trunk(refusal: &TrunkRefusal) -> (u16, &'static str) {
    use TrunkRefusal as T;
    match refusal {
        T::SubPortElsewhere(_) => (409, "TrunkPortInUse"),
        T::ParentInUse(_) => (409, "ParentPortInUse"),
        T::MtuAboveParents { .. } => (409, "SubPortMtuGreaterThanTrunkPortMtu"),
        T::NoSubPort { .. } => (404, "SubPortNotFound"),
        T::TagInUse { .. } => (409, "DuplicateSubPort"),
        T::Disabled(_) => (409, "TrunkDisabled"),
        T::Broken(_) => (409, "TrunkInErrorState"),
        T::InUse(_) => (409, "TrunkInUse"),
        T::IsParent { .. } => (409, "PortInUseAsTrunkParent"),
        T::IsSubPort { .. } => (409, "PortInUseAsSubPort"),
    }
}

fn flavor(refusal: &FlavorRefusal) -> (u16, &'static str) {
    use FlavorRefusal as F;
    match refusal {
        F::NotFound(_) => (404, "FlavorNotFound"),
        F::InUse(_) => (409, "FlavorInUse"),
        F::ProfileInUse(_) => (409, "ServiceProfileInUse"),
        F::ProfileEmpty => (400, "ServiceProfileEmpty"),
        F::NoDriver(_) => (404, "ServiceProfileDriverNotFound"),
        F::ProfileDisabled => (503, "ServiceProfileDisabled"),
        F::Tied { .. } => (409, "FlavorServiceProfileBindingExists"),
        F::NotTied { .. } => (404, "FlavorServiceProfileBindingNotFound"),
        F::NotByProvider { .. } | F::KeepsKind => (400, "InvalidInput"),
    }
}

fn metering(refusal: &MeteringRefusal) -> (u16, &'static str) {
    use MeteringRefusal as M;
    match refusal {
        M::LabelNotFound(_) => (404, "MeteringLabelNotFound"),
        M::Overlaps(_) => (409, "MeteringLabelRuleOverlaps"),
        M::NoPrefix | M::TwoKinds | M::TooMany => (400, "InvalidInput"),
    }
}

fn ndp_proxy(refusal: &NdpProxyRefusal) -> (u16, &'static str) {
    use NdpProxyRefusal as N;
    match refusal {
        N::Unreachable { .. } => (409, "PortUnreachableRouter"),
        N::NotEnabled(_) => (409, "RouterNDPProxyNotEnable"),
        N::NoIpv6(_) => (400, "BadRequest"),
        N::NotOfPort { .. } | N::NotOfRouter { .. } => (400, "InvalidAddress"),
        N::OtherScope(_) => (409, "AddressScopeConflict"),
        N::Exists { .. } => (409, "NeutronDbObjectDuplicateEntry"),
        N::TooMany(_) => (409, "OverQuota"),
        N::GatewayUnfit(_) => (409, "RouterGatewayNotValid"),
        N::GatewayInUse(_) => (409, "RouterGatewayInUseByNDPProxy"),
        N::GatewayNeedsIpv6(_) => (409, "RouterIPv6GatewayInUse"),
        N::InterfaceInUse { .. } => (409, "RouterInterfaceInUseByNDPProxy"),
    }
}

fn local_ip(refusal: &LocalIpRefusal) -> (u16, &'static str) {
    use LocalIpRefusal as L;
    match refusal {
        L::Nowhere => (400, "LocalIPPortOrNetworkRequired"),
        L::NoPort(_) | L::NoIpv4(_) | L::NotIpv4(_) | L::OtherNetwork { .. } => (400, "BadRequest"),
        L::OtherProject(_) | L::OfNetwork(_) | L::Gateway(_) => (400, "BadRequest"),
        L::NoAddress(_) => (400, "LocalIPNoIP"),
        L::Which(_) => (400, "LocalIPNoRequestedIP"),
        L::NotOfPort { .. } => (400, "LocalIPRequestedIPNotFound"),
        L::Exists { .. } => (409, "NeutronDbObjectDuplicateEntry"),
        L::TooMany(_) | L::TooManyOfGuest(_) => (409, "OverQuota"),
        L::InUse(_) => (409, "LocalIPInUse"),
        L::PortInUse(_) => (409, "ServicePortInUse"),
    }
}

fn log(refusal: &LogRefusal) -> (u16, &'static str) {
    match refusal {
        LogRefusal::NoType(_) => (400, "InvalidLogResourceType"),
        LogRefusal::NoGroup(_) => (404, "ResourceNotFound"),
        LogRefusal::NoPort(_) => (404, "TargetResourceNotFound"),
        LogRefusal::NotOfKind(_) => (409, "LoggingTypeNotSupported"),
        LogRefusal::OtherGroup { .. } => (400, "InvalidResourceConstraint"),
        LogRefusal::TooMany(_) => (409, "OverQuota"),
    }
}

fn invalid(kind: InvalidKind) -> (u16, &'static str) {
    let status = if kind == InvalidKind::NamedDefault { 409 } else { 400 };
    (status, invalid_type(kind))
}

fn invalid_type(kind: InvalidKind) -> &'static str {
    match kind {
        InvalidKind::RuleProtocol => "SecurityGroupRuleInvalidProtocol",
        InvalidKind::RuleEthertype => "SecurityGroupRuleInvalidEtherType",
        InvalidKind::RulePort => "SecurityGroupInvalidPortValue",
        InvalidKind::RulePrefix => "InvalidCIDR",
        InvalidKind::NamedDefault => "SecurityGroupDefaultAlreadyExists",
        InvalidKind::Input => "InvalidInput",
        InvalidKind::Request => "HTTPBadRequest",
        InvalidKind::Page => "BadRequest",
        InvalidKind::AddressPairsExhausted => "AllowedAddressPairExhausted",
        InvalidKind::DuplicateAddressPair => "DuplicateAddressPairInRequest",
        InvalidKind::AddressPairMissingIp => "AllowedAddressPairsMissingIP",
        InvalidKind::ServiceTypeNotText => "InvalidInputSubnetServiceType",
        InvalidKind::ServicePlugin => "InvalidServiceType",
        InvalidKind::ServiceType => "InvalidSubnetServiceType",
    }
}
