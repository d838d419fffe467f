//! Routes between segments: a subnet has host routes to those of its network on other segments, by its own
//! gateway, beside those that a user says.

use std::net::IpAddr;

use ipnet::IpNet;
use model::api::subnet::Subnet;
use model::desired::HostRoute;

use crate::Rules;

/// A subnet's routes, and one to each subnet elsewhere that none of them leads to; as many as a subnet may have.
pub fn with_others(subnet: &Subnet, subnets: &[Subnet], rules: &Rules) -> Vec<HostRoute> {
    let mut routes = subnet.host_routes.clone();
    let Some(nexthop) = subnet.gateway_ip else { return routes };
    for destination in others(subnet, subnets) {
        let is_led_to = routes.iter().any(|route| route.destination.contains(&destination));
        if !is_led_to && routes.len() < rules.max_subnet_host_routes {
            routes.push(HostRoute { destination, nexthop });
        }
    }
    routes
}

/// What is left of a subnet's routes when its gateway is another, or none.
pub fn without_others(subnet: &Subnet, gateway: IpAddr, subnets: &[Subnet]) -> Vec<HostRoute> {
    let others: Vec<IpNet> = others(subnet, subnets).collect();
    without(subnet.host_routes.clone(), gateway, &others)
}

/// A subnet after another of its network came or went; `subnets` are those that are there then.
pub fn follow(before: &Subnet, subnets: &[Subnet], gone: Option<IpNet>, rules: &Rules) -> Subnet {
    let mut after = before.clone();
    if let (Some(gateway), Some(gone)) = (before.gateway_ip, gone) {
        after.host_routes = without(after.host_routes, gateway, &[gone]);
    }
    after.host_routes = with_others(&after, subnets, rules);
    after
}

fn without(mut routes: Vec<HostRoute>, gateway: IpAddr, to: &[IpNet]) -> Vec<HostRoute> {
    routes.retain(|route| route.nexthop != gateway || !to.contains(&route.destination));
    routes
}

fn others(subnet: &Subnet, subnets: &[Subnet]) -> impl Iterator<Item = IpNet> {
    let elsewhere = subnets.iter().filter(|other| other.segment_id != subnet.segment_id);
    elsewhere.filter(|other| other.ip_version == subnet.ip_version).map(|other| other.cidr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipam::test_subnet;

    fn on(cidr: &str, segment: &str, gateway: Option<&str>) -> Subnet {
        let gateway_ip = gateway.map(|gateway| gateway.parse().expect("ip"));
        Subnet { segment_id: Some(segment.into()), gateway_ip, ..test_subnet(cidr) }
    }

    fn routes(said: &[(&str, &str)]) -> Vec<HostRoute> {
        let one = |(to, via): &(&str, &str)| HostRoute {
            destination: to.parse().expect("range"),
            nexthop: via.parse().expect("ip"),
        };
        said.iter().map(one).collect()
    }

    #[test]
    fn subnets_lead_to_those_on_other_segments() {
        let here = on("10.0.0.0/24", "a", Some("10.0.0.1"));
        let all = [
            here.clone(),
            on("10.1.0.0/24", "a", None),
            on("10.2.0.0/24", "b", None),
            on("2001:db8::/64", "b", None),
            on("10.3.0.0/24", "c", None),
        ];
        let rules = Rules::default();
        for (said, left) in [
            (&[][..], &[("10.2.0.0/24", "10.0.0.1"), ("10.3.0.0/24", "10.0.0.1")][..]),
            (&[("10.2.0.0/24", "10.0.0.9")], &[("10.2.0.0/24", "10.0.0.9"), ("10.3.0.0/24", "10.0.0.1")]),
            (&[("10.0.0.0/8", "10.0.0.9")], &[("10.0.0.0/8", "10.0.0.9")]),
        ] {
            let subnet = Subnet { host_routes: routes(said), ..here.clone() };
            assert_eq!(with_others(&subnet, &all, &rules), routes(left), "{said:?}");
        }
        assert_eq!(with_others(&Subnet { gateway_ip: None, ..here.clone() }, &all, &rules), []);
        let rules = Rules { max_subnet_host_routes: 1, ..rules };
        assert_eq!(with_others(&here, &all, &rules).len(), 1);
    }

    #[test]
    fn routes_go_with_the_gateway_and_with_the_subnet() {
        let said = [("10.2.0.0/24", "10.0.0.1"), ("10.3.0.0/24", "10.0.0.9"), ("10.8.0.0/16", "10.0.0.1")];
        let here = Subnet { host_routes: routes(&said), ..on("10.0.0.0/24", "a", Some("10.0.0.1")) };
        let others = [on("10.2.0.0/24", "b", None), on("10.3.0.0/24", "b", None)];
        let old = here.gateway_ip.expect("has one");
        assert_eq!(without_others(&here, old, &others), routes(&said[1..]));
        let rules = Rules::default();
        let gone = follow(&here, &[], Some(others[0].cidr), &rules);
        assert_eq!(gone.host_routes, routes(&said[1..]));
        assert_eq!(follow(&gone, &others, None, &rules).host_routes.len(), 3);
        // What a user said of it stays.
        assert_eq!(follow(&here, &[], Some(others[1].cidr), &rules), here);
    }
}
