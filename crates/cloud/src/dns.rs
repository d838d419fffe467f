//! The names of a port's addresses.

use model::api::port::{DnsAssignment, FixedIp};

use crate::Rules;

/// One name per address: the port's own, or `host-` and the address with dashes.
pub fn assignments(dns_name: &str, addresses: &[FixedIp], rules: &Rules) -> Vec<DnsAssignment> {
    let domain = rules.dns_domain.trim_end_matches('.');
    let name = |fixed: &FixedIp| {
        let hostname = match dns_name {
            "" => format!("host-{}", fixed.ip_address.to_string().replace(['.', ':'], "-")),
            // A name that ends with a dot is whole; its first label is the host's.
            name => name.trim_end_matches('.').split('.').next().unwrap_or(name).to_owned(),
        };
        let fqdn = if dns_name.ends_with('.') {
            dns_name.to_owned()
        } else if domain.is_empty() {
            hostname.clone()
        } else {
            format!("{}.{domain}.", if dns_name.is_empty() { &hostname } else { dns_name })
        };
        DnsAssignment { ip_address: fixed.ip_address, hostname, fqdn }
    };
    addresses.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SubnetId;
    use uuid::Uuid;

    #[test]
    fn names_of_addresses() {
        let fixed = |ip: &str| FixedIp { subnet_id: SubnetId(Uuid::nil()), ip_address: ip.parse().unwrap() };
        let rules = Rules::default();
        let made = assignments("", &[fixed("10.0.0.9"), fixed("2001:db8::1")], &rules);
        assert_eq!(made[0].fqdn, "host-10-0-0-9.openstacklocal.");
        assert_eq!(made[1].hostname, "host-2001-db8--1");
        let named = assignments("vm", &[fixed("10.0.0.9")], &rules);
        assert_eq!((named[0].hostname.as_str(), named[0].fqdn.as_str()), ("vm", "vm.openstacklocal."));
        let whole = assignments("vm.example.org.", &[fixed("10.0.0.9")], &rules);
        assert_eq!((whole[0].hostname.as_str(), whole[0].fqdn.as_str()), ("vm", "vm.example.org."));
    }
}
