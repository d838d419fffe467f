//! Which MAC and IP addresses a port gets: wishes in, addresses that nobody holds out.

use cloud::ipam::{PlanFacts, Search, Want};
use cloud::{Refusal, Stamp};
use db::Tx;
use model::api::port::{FixedIp, FixedIpAsk, Port};
use model::api::subnet::Subnet;
use model::{NetworkId, SubnetId};
use wire::Mac;

use crate::app::App;
use crate::error::Fault;
use crate::routes::subnet;

/// Generated MAC addresses that may turn out to be taken before the request fails.
const MAC_TRIES: usize = 16;

/// A subnet that does not exist is "not found"; one of another network is for `ipam` to refuse.
pub(super) async fn check_subnets_exist(
    tx: &mut Tx<'_>,
    asked: Option<&[FixedIpAsk]>,
    subnets: &[Subnet],
) -> Result<(), Fault> {
    let known = |id: &SubnetId| subnets.iter().any(|subnet| subnet.id == *id);
    let strange = asked.into_iter().flatten().filter_map(|ask| ask.subnet_id).find(|id| !known(id));
    match strange {
        // With no subnets at all there is nothing to compare with.
        Some(id) if !subnets.is_empty() => subnet::load(tx, &id.to_string()).await.map(drop),
        _ => Ok(()),
    }
}

/// The MAC address asked for, or one that no port of the network has.
pub(super) async fn mac(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    network: NetworkId,
    asked: Option<Mac>,
) -> Result<Mac, Fault> {
    if let Some(mac) = asked {
        let in_use = tx.mac_in_use(network, &mac.to_string()).await?;
        return if in_use { Err(Refusal::MacInUse { mac, network }.into()) } else { Ok(mac) };
    }
    let mut made = stamp.mac(app.rules().base_mac);
    for _ in 0..MAC_TRIES {
        if !tx.mac_in_use(network, &made.to_string()).await? {
            break;
        }
        made = stamp.mac(app.rules().base_mac);
    }
    Ok(made)
}

/// Turns wishes into addresses that nobody holds; `kept` are held by the port already.
pub(super) async fn find_addresses(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    wants: Vec<Want>,
    facts: &PlanFacts<'_>,
    kept: &[FixedIp],
) -> Result<Vec<FixedIp>, Fault> {
    let mut found: Vec<FixedIp> = kept.to_vec();
    // Whichever is chosen is none of those that the same request names.
    let asked = wants.iter().filter_map(|want| match want {
        Want::Exactly(fixed) => Some(*fixed),
        Want::AnyOf(_) => None,
    });
    let asked: Vec<FixedIp> = asked.collect();
    for want in wants {
        match want {
            Want::Exactly(fixed) => {
                let ip = fixed.ip_address;
                let held = tx.held_between(fixed.subnet_id, ip, ip).await?;
                if !held.is_empty() || found.contains(&fixed) {
                    return Err(Refusal::IpInUse { ip, subnet: fixed.subnet_id }.into());
                }
                found.push(fixed);
            }
            Want::AnyOf(choices) => {
                let taken = [&found[..], &asked].concat();
                let fixed = any_address(tx, stamp, &choices, facts, &taken).await?;
                found.push(fixed);
            }
        }
    }
    Ok(found)
}

async fn any_address(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    choices: &[SubnetId],
    facts: &PlanFacts<'_>,
    taken: &[FixedIp],
) -> Result<FixedIp, Fault> {
    let lowest = matches!(facts.device_owner, "network:dhcp" | "network:distributed");
    for id in choices {
        let Some(subnet) = facts.subnets.iter().find(|subnet| subnet.id == *id) else { continue };
        let mut search = if lowest { Search::lowest(subnet) } else { Search::random(subnet, stamp) };
        while let Some((from, to)) = search.window() {
            let mut held = tx.held_between(*id, from, to).await?;
            let mine = taken.iter().filter(|fixed| fixed.subnet_id == *id).map(|fixed| fixed.ip_address);
            held.extend(mine.filter(|ip| (from..=to).contains(ip)));
            held.sort_unstable();
            held.dedup();
            if let Some(ip_address) = search.free(&held) {
                return Ok(FixedIp { subnet_id: *id, ip_address });
            }
        }
    }
    Err(Refusal::NoAddressLeft { network: facts.network, subnets: choices.to_vec() }.into())
}

/// The addresses that a port keeps when only its MAC address changes: those not made of it.
pub(super) fn as_asked(port: &Port, subnets: &[Subnet]) -> Vec<FixedIpAsk> {
    let auto = |fixed: &&FixedIp| subnets.iter().any(|s| s.id == fixed.subnet_id && s.is_auto_address());
    port.fixed_ips
        .iter()
        .filter(|fixed| !auto(fixed))
        .map(|fixed| FixedIpAsk {
            subnet_id: Some(fixed.subnet_id),
            ip_address: Some(fixed.ip_address),
            delete_subnet: false,
        })
        .collect()
}
