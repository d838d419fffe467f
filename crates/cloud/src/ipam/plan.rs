//! From what a request says of addresses to what is wanted, before any is looked up.

use std::net::IpAddr;

use ipnet::IpNet;
use model::api::port::{FixedIp, FixedIpAsk};
use model::api::subnet::Subnet;
use model::{NetworkId, SubnetId};
use wire::Mac;

use crate::ipam::number::{last_of, network_of};
use crate::{ROUTER_INTERFACE_OWNERS, Refusal};

/// One address to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// This one; refused when it is held.
    Exactly(FixedIp),
    /// Any free one of the first of these subnets that has room.
    AnyOf(Vec<SubnetId>),
}

/// The port and network whose addresses are planned.
#[derive(Debug, Clone, Copy)]
pub struct PlanFacts<'a> {
    pub network: NetworkId,
    /// Oldest first.
    pub subnets: &'a [Subnet],
    pub mac: Mac,
    pub device_owner: &'a str,
}

impl PlanFacts<'_> {
    fn is_router_interface(&self) -> bool {
        ROUTER_INTERFACE_OWNERS.contains(&self.device_owner)
    }

    /// Subnets that serve this owner, those made for it first.
    fn eligible(&self) -> Result<Vec<&Subnet>, Refusal> {
        let (mut typed, mut open) = (Vec::new(), Vec::new());
        for subnet in self.subnets {
            if subnet.service_types.is_empty() {
                open.push(subnet);
            } else if subnet.service_types.iter().any(|owner| owner == self.device_owner) {
                typed.push(subnet);
            } else if self.device_owner == "network:dhcp" && subnet.enable_dhcp {
                open.push(subnet);
            }
        }
        if typed.is_empty() && open.is_empty() && !self.subnets.is_empty() {
            let owner = self.device_owner.to_owned();
            return Err(Refusal::NoSubnetForOwner { network: self.network, owner });
        }
        typed.extend(open);
        Ok(typed)
    }

    fn subnet(&self, id: SubnetId) -> Result<&Subnet, Refusal> {
        self.subnets
            .iter()
            .find(|subnet| subnet.id == id)
            .ok_or(Refusal::SubnetNotOnNetwork { subnet: id, network: self.network })
    }
}

/// The addresses that a new port wants. `asked` is `None` when the request does not say.
pub fn plan(asked: Option<&[FixedIpAsk]>, facts: &PlanFacts<'_>) -> Result<Vec<Want>, Refusal> {
    let mut wants = Vec::new();
    match asked {
        Some(entries) => {
            if facts.subnets.is_empty() && !entries.is_empty() {
                return Err(Refusal::Input(format!(
                    "Network {} has no subnets to take addresses of.",
                    facts.network
                )));
            }
            if !entries.is_empty() {
                facts.eligible()?;
            }
            for entry in entries {
                wants.push(one(entry, facts)?);
            }
        }
        None => {
            let eligible = facts.eligible()?;
            for version in [4, 6] {
                let of_version = eligible.iter().filter(|s| s.ip_version == version && !s.is_auto_address());
                let any: Vec<SubnetId> = of_version.map(|subnet| subnet.id).collect();
                if !any.is_empty() {
                    wants.push(Want::AnyOf(any));
                }
            }
        }
    }
    add_auto_addresses(&mut wants, facts, &[])?;
    Ok(wants)
}

/// What an update of `fixed_ips` keeps, and what it wants besides.
///
/// The request replaces the list: the same address is kept, a subnet without address keeps one it
/// had, addresses that instances make for themselves stay unless `delete_subnet` says otherwise.
pub fn keep_and_plan(
    before: &[FixedIp],
    asked: &[FixedIpAsk],
    facts: &PlanFacts<'_>,
) -> Result<(Vec<FixedIp>, Vec<Want>), Refusal> {
    let mut left: Vec<FixedIp> = before.to_vec();
    let mut kept = Vec::new();
    let mut open = Vec::new();
    let dropped: Vec<SubnetId> =
        asked.iter().filter(|ask| ask.delete_subnet).filter_map(|ask| ask.subnet_id).collect();
    let mut keep = |left: &mut Vec<FixedIp>, fits: &dyn Fn(&FixedIp) -> bool| {
        let at = left.iter().position(fits)?;
        kept.push(left.remove(at));
        Some(())
    };
    for ask in asked.iter().filter(|ask| !ask.delete_subnet) {
        if let Some(ip) = ask.ip_address {
            let same =
                |had: &FixedIp| had.ip_address == ip && ask.subnet_id.is_none_or(|id| id == had.subnet_id);
            if keep(&mut left, &same).is_none() {
                open.push(*ask);
            }
        }
    }
    for ask in asked.iter().filter(|ask| !ask.delete_subnet && ask.ip_address.is_none()) {
        let same = |had: &FixedIp| Some(had.subnet_id) == ask.subnet_id;
        if keep(&mut left, &same).is_none() {
            open.push(*ask);
        }
    }
    for had in left {
        let auto = facts.subnets.iter().any(|s| s.id == had.subnet_id && s.is_auto_address());
        let eui =
            facts.subnets.iter().any(|s| s.id == had.subnet_id && eui64(s.cidr, facts.mac) == had.ip_address);
        if auto && eui && !dropped.contains(&had.subnet_id) && !facts.is_router_interface() {
            kept.push(had);
        }
    }
    let mut wants = Vec::new();
    for ask in &open {
        wants.push(one(ask, facts)?);
    }
    let mut covered: Vec<SubnetId> = kept.iter().map(|fixed| fixed.subnet_id).collect();
    covered.extend(dropped);
    add_auto_addresses(&mut wants, facts, &covered)?;
    Ok((kept, wants))
}

fn one(entry: &FixedIpAsk, facts: &PlanFacts<'_>) -> Result<Want, Refusal> {
    match (entry.subnet_id, entry.ip_address) {
        (None, None) => Err(Refusal::Input("An entry of fixed_ips needs subnet_id or ip_address.".into())),
        (None, Some(ip)) => {
            let subnet = facts
                .subnets
                .iter()
                .find(|subnet| subnet.cidr.contains(&ip))
                .ok_or(Refusal::IpNotOnNetwork { ip, network: facts.network })?;
            // Without a subnet in the request, an address it cannot have is one of no subnet.
            exactly(subnet, ip, facts).map_err(|refusal| match refusal {
                Refusal::IpNotUsable { ip, .. } => Refusal::IpNotOnNetwork { ip, network: facts.network },
                other => other,
            })
        }
        (Some(id), Some(ip)) => exactly(facts.subnet(id)?, ip, facts),
        (Some(id), None) => {
            let subnet = facts.subnet(id)?;
            if subnet.is_auto_address() && !facts.is_router_interface() {
                let ip_address = eui64(subnet.cidr, facts.mac);
                return Ok(Want::Exactly(FixedIp { subnet_id: id, ip_address }));
            }
            Ok(Want::AnyOf(vec![id]))
        }
    }
}

fn exactly(subnet: &Subnet, ip: IpAddr, facts: &PlanFacts<'_>) -> Result<Want, Refusal> {
    let unusable = Refusal::IpNotUsable { ip, subnet: subnet.id };
    if !subnet.cidr.contains(&ip) {
        return Err(unusable);
    }
    let whole = match subnet.cidr {
        IpNet::V4(net) => net.prefix_len() >= 31,
        IpNet::V6(_) => false,
    };
    if !whole && (ip == network_of(subnet.cidr) || (ip.is_ipv4() && ip == last_of(subnet.cidr))) {
        // The anycast address of an IPv6 subnet is its gateway's; who says nothing may be a router.
        let may_be_router = facts.is_router_interface() || facts.device_owner.is_empty();
        if !(may_be_router && ip.is_ipv6()) {
            return Err(unusable);
        }
    }
    if subnet.is_auto_address() && !facts.is_router_interface() && ip != eui64(subnet.cidr, facts.mac) {
        return Err(Refusal::IpOnAutoSubnet { ip, subnet: subnet.id });
    }
    Ok(Want::Exactly(FixedIp { subnet_id: subnet.id, ip_address: ip }))
}

/// Adds the address that the instance makes for itself on each auto-address subnet.
fn add_auto_addresses(
    wants: &mut Vec<Want>,
    facts: &PlanFacts<'_>,
    covered: &[SubnetId],
) -> Result<(), Refusal> {
    if facts.is_router_interface() {
        return Ok(());
    }
    for subnet in facts.eligible().unwrap_or_default() {
        if subnet.is_auto_address() && !covered.contains(&subnet.id) {
            let want =
                Want::Exactly(FixedIp { subnet_id: subnet.id, ip_address: eui64(subnet.cidr, facts.mac) });
            if !wants.contains(&want) {
                wants.push(want);
            }
        }
    }
    Ok(())
}

/// The address an interface makes of a /64 prefix (RFC 4291 appendix A).
pub fn eui64(cidr: IpNet, mac: Mac) -> IpAddr {
    match network_of(cidr) {
        IpAddr::V6(prefix) => {
            let interface = u64::from_be_bytes(mac.eui64());
            IpAddr::V6((u128::from(prefix) | u128::from(interface)).into())
        }
        v4 => v4,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ipam::{default_gateway, default_pools};
    use model::desired::Ipv6Mode;
    use uuid::Uuid;

    /// A subnet with the usual gateway and pools; its id is made of its cidr.
    pub(crate) fn a_subnet(cidr: &str) -> Subnet {
        let cidr: IpNet = cidr.parse().unwrap();
        let gateway_ip = default_gateway(cidr);
        Subnet {
            id: SubnetId(Uuid::new_v5(&Uuid::NAMESPACE_DNS, cidr.to_string().as_bytes())),
            project_id: "p".into(),
            network_id: NetworkId(Uuid::nil()),
            ip_version: if cidr.addr().is_ipv4() { 4 } else { 6 },
            cidr,
            gateway_ip,
            allocation_pools: default_pools(cidr, gateway_ip),
            dns_nameservers: vec![],
            host_routes: vec![],
            enable_dhcp: true,
            ipv6_ra_mode: None,
            ipv6_address_mode: None,
            service_types: vec![],
            subnetpool_id: None,
            segment_id: None,
            rest: Default::default(),
        }
    }

    fn slaac(cidr: &str) -> Subnet {
        Subnet { ipv6_address_mode: Some(Ipv6Mode::Slaac), ..a_subnet(cidr) }
    }

    fn facts(subnets: &[Subnet]) -> PlanFacts<'_> {
        PlanFacts {
            network: NetworkId(Uuid::nil()),
            subnets,
            mac: "fa:16:3e:00:00:01".parse().unwrap(),
            device_owner: "compute:nova",
        }
    }

    fn ask(subnet: Option<&Subnet>, ip: Option<&str>) -> FixedIpAsk {
        let ip_address = ip.map(|ip| ip.parse().unwrap());
        FixedIpAsk { subnet_id: subnet.map(|subnet| subnet.id), ip_address, delete_subnet: false }
    }

    fn eui(subnet: &Subnet) -> Want {
        let ip_address = "2001:db8::f816:3eff:fe00:1".parse().unwrap();
        Want::Exactly(FixedIp { subnet_id: subnet.id, ip_address })
    }

    #[test]
    fn one_address_per_family_and_one_of_each_auto_subnet() {
        let subnets = [a_subnet("10.0.0.0/24"), a_subnet("10.1.0.0/24"), slaac("2001:db8::/64")];
        let wants = plan(None, &facts(&subnets)).unwrap();
        assert_eq!(wants, [Want::AnyOf(vec![subnets[0].id, subnets[1].id]), eui(&subnets[2])]);
        assert_eq!(plan(Some(&[]), &facts(&subnets)).unwrap(), [eui(&subnets[2])]);
    }

    #[test]
    fn explicit_addresses_are_judged() {
        let subnets = [a_subnet("10.0.0.0/24"), slaac("2001:db8::/64")];
        let facts = facts(&subnets);
        let of = |ask: FixedIpAsk| plan(Some(&[ask]), &facts);
        assert!(of(ask(None, Some("10.0.0.200"))).is_ok());
        assert!(matches!(of(ask(None, Some("10.9.0.1"))), Err(Refusal::IpNotOnNetwork { .. })));
        let first = Some(&subnets[0]);
        assert!(matches!(of(ask(first, Some("10.9.0.1"))), Err(Refusal::IpNotUsable { .. })));
        assert!(matches!(of(ask(first, Some("10.0.0.255"))), Err(Refusal::IpNotUsable { .. })));
        assert!(matches!(of(ask(None, Some("2001:db8::5"))), Err(Refusal::IpOnAutoSubnet { .. })));
        assert!(matches!(of(ask(None, None)), Err(Refusal::Input(_))));
        let foreign = of(ask(Some(&a_subnet("10.7.0.0/24")), None));
        assert!(matches!(foreign, Err(Refusal::SubnetNotOnNetwork { .. })));
    }

    #[test]
    fn subnets_for_a_kind_of_port_come_first() {
        let special = Subnet { service_types: vec!["compute:nova".into()], ..a_subnet("10.1.0.0/24") };
        let other = Subnet { service_types: vec!["network:other".into()], ..a_subnet("10.2.0.0/24") };
        let subnets = [a_subnet("10.0.0.0/24"), special, other];
        let wants = plan(None, &facts(&subnets)).unwrap();
        assert_eq!(wants, [Want::AnyOf(vec![subnets[1].id, subnets[0].id])]);
        let refused = plan(None, &facts(&subnets[2..]));
        assert!(matches!(refused, Err(Refusal::NoSubnetForOwner { .. })));
    }

    #[test]
    fn an_update_replaces_but_keeps_what_it_can() {
        let subnets = [a_subnet("10.0.0.0/24"), slaac("2001:db8::/64")];
        let had =
            |subnet: &Subnet, ip: &str| FixedIp { subnet_id: subnet.id, ip_address: ip.parse().unwrap() };
        let auto = had(&subnets[1], "2001:db8::f816:3eff:fe00:1");
        let before = [had(&subnets[0], "10.0.0.5"), had(&subnets[0], "10.0.0.6"), auto];
        let asked = [ask(None, Some("10.0.0.6")), ask(Some(&subnets[0]), None)];
        let (kept, wants) = keep_and_plan(&before, &asked, &facts(&subnets)).unwrap();
        assert_eq!(kept, [before[1], before[0], auto]);
        assert_eq!(wants, []);
        let (kept, wants) = keep_and_plan(&before, &[ask(None, Some("10.0.0.9"))], &facts(&subnets)).unwrap();
        assert_eq!(kept, [auto]);
        assert_eq!(wants, [Want::Exactly(had(&subnets[0], "10.0.0.9"))]);
        let gone = FixedIpAsk { delete_subnet: true, ..ask(Some(&subnets[1]), None) };
        let (kept, wants) = keep_and_plan(&before, &[gone], &facts(&subnets)).unwrap();
        assert_eq!((kept, wants), (vec![], vec![]));
    }
}
