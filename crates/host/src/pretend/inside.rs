//! What the kernel does on an act inside a namespace, done to what was seen of it.

use crate::carrier::IPV6_MIN_MTU_BYTES;
use crate::meter::Count;
use crate::observed::Namespace;
use crate::op::{Inside, Of, Sysctl};

impl Namespace {
    pub(crate) fn pretend(&mut self, act: &Inside) {
        match act {
            Inside::DeleteLink { device } => self.delete_link(device),
            Inside::AddRoute { route } => {
                self.routes.retain(|known| (known.table, known.to) != (route.table, route.to));
                self.routes.insert(route.clone());
            }
            Inside::DeleteRoute { route } => drop(self.routes.remove(route)),
            Inside::AddRule { rule } => drop(self.rules.insert(rule.clone())),
            Inside::DeleteRule { rule } => drop(self.rules.remove(rule)),
            Inside::SetNeighbour { device, ip, mac } => {
                self.neighbours.entry(device.clone()).or_default().insert(*ip, *mac);
            }
            Inside::DeleteNeighbour { device, ip } => {
                if let Some(known) = self.neighbours.get_mut(device) {
                    known.remove(ip);
                }
                self.neighbours.retain(|_, known| !known.is_empty());
            }
            Inside::AddProxy { device, ip } => drop(self.proxies.insert((device.clone(), *ip))),
            Inside::DeleteProxy { device, ip } => drop(self.proxies.remove(&(device.clone(), *ip))),
            Inside::SetSysctl {
                name: name @ (Sysctl::AcceptRa(Of::Device(_)) | Sysctl::ProxyNdp(Of::Device(_))),
                value: 0,
            } => {
                self.sysctls.remove(name);
            }
            Inside::SetSysctl { name, value } => drop(self.sysctls.insert(name.clone(), *value)),
            Inside::ReplaceTable { content } => self.table = Some(content.hash()),
            Inside::DeleteTable => self.table = None,
            Inside::ReplaceHelpers { content } => self.helpers = Some(content.hash()),
            Inside::DeleteHelpers => self.helpers = None,
            Inside::ReplaceMeters { content, stale } => {
                let meters = self.meters.get_or_insert_default();
                meters.hash = content.hash();
                meters.counts.retain(|label, _| !stale.contains(label));
                for (label, _) in content.labels() {
                    meters.counts.entry(label).or_insert(Count { born_us: 0, packets: 0, bytes: 0 });
                }
            }
            Inside::DeleteMeters => self.meters = None,
            Inside::Announce { .. } => {}
            Inside::SetMac { device, .. }
            | Inside::SetMtu { device, .. }
            | Inside::SetUp { device }
            | Inside::AddAddress { device, .. }
            | Inside::DeleteAddress { device, .. } => self.pretend_link(device, act),
        }
    }

    fn pretend_link(&mut self, device: &str, act: &Inside) {
        let Some(link) = self.links.get_mut(device) else { return };
        match act {
            Inside::SetMac { mac, .. } => link.mac = *mac,
            Inside::SetMtu { mtu_bytes, .. } => {
                link.mtu_bytes = *mtu_bytes;
                let has_ipv6 = *mtu_bytes >= IPV6_MIN_MTU_BYTES;
                link.addresses.retain(|net| net.addr().is_ipv4() || has_ipv6);
                let stays = |ip: std::net::IpAddr| ip.is_ipv4() || has_ipv6;
                self.routes.retain(|route| route.device != device || stays(route.to.addr()));
            }
            Inside::SetUp { .. } => link.up = true,
            Inside::AddAddress { net, .. } => drop(link.addresses.insert(*net)),
            Inside::DeleteAddress { net, .. } => {
                link.addresses.remove(net);
                // With a device's last IPv4 address go its IPv4 routes.
                if !link.addresses.iter().any(|net| net.addr().is_ipv4()) && net.addr().is_ipv4() {
                    self.routes.retain(|route| route.device != device || !route.to.addr().is_ipv4());
                }
            }
            _ => {}
        }
    }

    pub(crate) fn delete_links(&mut self, which: impl Fn(&str) -> bool) {
        let gone: Vec<String> = self.links.keys().filter(|name| which(name)).cloned().collect();
        gone.iter().for_each(|device| self.delete_link(device));
    }

    /// With a device go its routes, neighbours and settings.
    fn delete_link(&mut self, device: &str) {
        self.links.remove(device);
        self.routes.retain(|route| route.device != device);
        self.neighbours.remove(device);
        self.proxies.retain(|(of, _)| of != device);
        let of = crate::op::Of::Device(device.to_owned());
        self.sysctls.retain(|name, _| name.of() != Some(&of));
    }
}
