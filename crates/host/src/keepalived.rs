//! What keepalived is told of a router that stands ready on several hosts.
//!
//! Owns the text of one VRRP instance. Where it is kept, and how the program is started and heard
//! of, is `kernel`'s. Whose instance is active is seen by the address that only an active one has:
//! what instances say of themselves is heard once, and what was seen is there to be seen again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use model::RouterId;
use model::desired::{Ha, Router};
use model::report::HaState;
use serde::{Deserialize, Serialize};

use crate::names::{self, Netns};
use crate::observed::{Keepalived, Namespace, Observed};
use crate::op::{Op, Route};

/// One instance, ready to be written down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instance(String);

/// An address that moves with the active host, and the device that it is on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moving {
    pub net: IpNet,
    pub device: String,
}

impl Instance {
    /// The router's instance on this host; `legs` and `routes` are what only the active host has.
    pub fn new(router: &Router, ha: &Ha, device: &str, legs: &[Moving], routes: &[Route]) -> Instance {
        let mut text = String::new();
        let mut line = |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("strings take all");
        line(format_args!("vrrp_instance {} {{", router.id));
        // Who is active stays so: nobody takes over from one that works.
        line(format_args!("    state BACKUP\n    nopreempt"));
        line(format_args!("    interface {device}"));
        line(format_args!("    virtual_router_id {}", ha.vr_id));
        line(format_args!("    priority {}", ha.priority));
        line(format_args!("    advert_int {}", ha.advert_int_s.max(1)));
        line(format_args!("    garp_master_delay {GRATUITOUS_AGAIN_S}"));
        line(format_args!("    track_interface {{\n        {device}\n    }}"));
        line(format_args!("    virtual_ipaddress {{\n        {} dev {device}\n    }}", sign(ha.vr_id)));
        // Twenty addresses fit into what hosts say of themselves; these are not said.
        if !legs.is_empty() {
            line(format_args!("    virtual_ipaddress_excluded {{"));
            for Moving { net, device } in legs {
                line(format_args!("        {net} dev {device} no_track"));
            }
            line(format_args!("    }}"));
        }
        if !routes.is_empty() {
            line(format_args!("    virtual_routes {{"));
            for route in routes {
                line(format_args!("        {} no_track", spelled(route)));
            }
            line(format_args!("    }}"));
        }
        line(format_args!("}}"));
        Instance(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Recognises the text.
    pub fn hash(&self) -> u64 {
        names::content_hash(&self.0)
    }
}

/// Whether the router is active on this host, by what is seen of the namespace that has the `ha-`
/// device.
pub fn state(ha: &Ha, device: &str, namespace: &Namespace) -> HaState {
    match namespace.links.get(device) {
        Some(link) if link.addresses.contains(&sign(ha.vr_id)) => HaState::Active,
        Some(_) => HaState::Standby,
        None => HaState::Unknown,
    }
}

/// Whether the router is active on this host, by what was seen of it; `None` of one that stands
/// ready nowhere else.
pub fn seen(router: &Router, now: &Observed) -> Option<HaState> {
    let ha = router.ha.as_ref()?;
    let device = names::ha_device(ha.port.port_id);
    let places = [Netns::Router(router.id), Netns::Snat(router.id)];
    let mut namespaces = places.iter().filter_map(|netns| now.namespaces.get(&netns.to_string()));
    let netns = namespaces.find(|netns| netns.links.contains_key(&device));
    Some(netns.map_or(HaState::Unknown, |netns| state(ha, &device, netns)))
}

/// Ends what nobody wants: instances of routers that are here no longer, or are lazy. Only of
/// routers that are looked at.
pub fn ending(
    wanted: &BTreeMap<RouterId, (String, Instance)>,
    seen: &BTreeMap<RouterId, Keepalived>,
    looked_at: impl Fn(RouterId) -> bool,
) -> Vec<Op> {
    let unwanted = seen.keys().filter(|router| !wanted.contains_key(router) && looked_at(**router));
    unwanted.map(|router| Op::StopKeepalived { router: *router }).collect()
}

/// Starts what is wanted in its namespace and does not run, and tells what was told otherwise.
pub fn beginning(
    wanted: &BTreeMap<RouterId, (String, Instance)>,
    seen: &BTreeMap<RouterId, Keepalived>,
) -> Vec<Op> {
    let op = |(router, (netns, instance)): (&RouterId, &(String, Instance))| {
        let (router, instance) = (*router, instance.clone());
        match seen.get(&router) {
            Some(Keepalived { alive: true, hash }) if *hash == instance.hash() => None,
            Some(Keepalived { alive: true, .. }) => Some(Op::ReloadKeepalived { router, instance }),
            _ => Some(Op::StartKeepalived { netns: netns.clone(), router, instance }),
        }
    };
    wanted.iter().filter_map(op).collect()
}

/// Neighbours are told again so long after a change.
const GRATUITOUS_AGAIN_S: u32 = 5;

/// The address by which an active host is known; Neutron's.
pub(crate) fn sign(vr_id: u8) -> IpNet {
    IpNet::new(IpAddr::V4(Ipv4Addr::new(169, 254, 0, vr_id)), 24).expect("a length of IPv4")
}

fn spelled(route: &Route) -> String {
    let mut text = route.to.to_string();
    if let Some(via) = route.via {
        text += &format!(" via {via}");
    }
    text += &format!(" dev {}", route.device);
    if route.onlink {
        text += " onlink";
    }
    if route.table != crate::op::MAIN_TABLE {
        text += &format!(" table {}", route.table);
    }
    // As routes of ours: what is there of them is seen.
    text + " protocol static"
}

#[cfg(test)]
mod tests;
