//! Trunks: which ports may be in one, and by which tag.

use std::collections::BTreeMap;

use model::api::network::Network;
use model::api::port::Port;
use model::api::trunk::{MAX_SUBPORTS, SubPort, SubPortAsk, Trunk, TrunkCreate, TrunkUpdate};
use model::{PortId, TrunkId};
use serde_json::Value;

use crate::standard::begin;
use crate::{Refusal, Stamp};

/// The one way in which subports are told apart.
const VLAN: &str = "vlan";
/// A subport that asks for the tag that its network's frames have.
const INHERIT: &str = "inherit";

/// Why a trunk cannot be so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrunkRefusal {
    #[error("Port {0} is a subport of another trunk.")]
    SubPortElsewhere(PortId),
    #[error("Port {0} is bound to a host, or is the parent of another trunk, and cannot be one here.")]
    ParentInUse(PortId),
    #[error("Port {port} has an MTU of {mtu}, more than the {parents} of the trunk's parent.")]
    MtuAboveParents { port: PortId, mtu: i64, parents: i64 },
    #[error("Port {port} is no subport of trunk {trunk}.")]
    NoSubPort { port: PortId, trunk: TrunkId },
    #[error("VLAN {vid} is in use on trunk {trunk}.")]
    TagInUse { trunk: TrunkId, vid: i64 },
    #[error("Trunk {0} is disabled: admin_state_up is false.")]
    Disabled(TrunkId),
    #[error("A subport of trunk {0} cannot be where its parent is: take it out first.")]
    Broken(TrunkId),
    #[error("The parent of trunk {0} is in use at a host.")]
    InUse(TrunkId),
    #[error("Port {port} is the parent of trunk {trunk}.")]
    IsParent { port: PortId, trunk: TrunkId },
    #[error("Port {port} is a subport of trunk {trunk}.")]
    IsSubPort { port: PortId, trunk: TrunkId },
}

/// What is known of a port that is to be in a trunk.
#[derive(Debug, Clone, Copy)]
pub struct PortFacts<'a> {
    pub port: &'a Port,
    pub network: &'a Network,
    /// The caller finds it.
    pub found: bool,
    /// Whether it is in a trunk already: as its parent, or below one.
    pub in_trunk: Option<bool>,
}

pub fn create(new: TrunkCreate, stamp: &mut Stamp) -> Trunk {
    let mut rest = new.rest;
    begin(&mut rest, stamp);
    rest.insert("revision_number".into(), 0.into());
    Trunk {
        id: TrunkId(stamp.uuid()),
        project_id: new.project_id,
        port_id: new.port_id,
        admin_state_up: new.admin_state_up,
        rest,
    }
}

pub fn update(before: &Trunk, change: TrunkUpdate) -> Trunk {
    let mut after = before.clone();
    after.admin_state_up = change.admin_state_up.unwrap_or(after.admin_state_up);
    after.rest.extend(change.rest);
    after
}

/// May the port be the parent of a trunk? `facts` are of the port, if it is there.
pub fn check_parent(id: PortId, facts: Option<&PortFacts<'_>>) -> Result<(), Refusal> {
    match facts.and_then(|facts| facts.in_trunk) {
        Some(false) => return Err(TrunkRefusal::SubPortElsewhere(id).into()),
        Some(true) => return Err(TrunkRefusal::ParentInUse(id).into()),
        None => {}
    }
    match facts.filter(|facts| facts.found) {
        None => Err(unknown(id)),
        // What belongs to a service goes with what it serves.
        Some(facts) if !facts.port.host.is_empty() || facts.port.device_owner.starts_with("network:") => {
            Err(TrunkRefusal::ParentInUse(id).into())
        }
        Some(_) => Ok(()),
    }
}

fn unknown(port: PortId) -> Refusal {
    Refusal::NotFound { table: &model::api::port::PORT, id: port.to_string() }
}

/// The subports that a request asks for below a parent; `facts` are of those of the ports that are there.
pub fn subports(
    asked: &[SubPortAsk],
    parent: PortId,
    parents_mtu: Option<i64>,
    facts: &BTreeMap<PortId, PortFacts<'_>>,
) -> Result<Vec<SubPort>, Refusal> {
    asked.iter().map(|ask| subport(ask, parent, parents_mtu, facts.get(&ask.port_id))).collect()
}

fn subport(
    ask: &SubPortAsk,
    parent: PortId,
    parents_mtu: Option<i64>,
    facts: Option<&PortFacts<'_>>,
) -> Result<SubPort, Refusal> {
    let id = ask.port_id;
    if id == parent {
        return Err(TrunkRefusal::ParentInUse(id).into());
    }
    let seen = facts.filter(|facts| facts.found);
    if let (Some(facts), Some(parents)) = (seen, parents_mtu)
        && facts.network.mtu > parents
    {
        return Err(TrunkRefusal::MtuAboveParents { port: id, mtu: facts.network.mtu, parents }.into());
    }
    let vid = tag(ask, seen)?;
    match facts.and_then(|facts| facts.in_trunk) {
        Some(false) => return Err(TrunkRefusal::SubPortElsewhere(id).into()),
        Some(true) => return Err(TrunkRefusal::ParentInUse(id).into()),
        None => {}
    }
    let port = seen.ok_or_else(|| unknown(id))?.port;
    if !port.device_id.is_empty() {
        return Err(Refusal::PortInUse { port: id, device: port.device_id.clone() });
    }
    Ok(SubPort { port_id: id, segmentation_type: VLAN.into(), segmentation_id: vid })
}

/// The tag that a subport asks for, or that its network's frames have.
fn tag(ask: &SubPortAsk, seen: Option<&PortFacts<'_>>) -> Result<i64, Refusal> {
    let input = |why: String| Err(Refusal::Input(why));
    let id = ask.port_id;
    let (kind, tag) = match (ask.segmentation_type.as_deref(), seen) {
        (Some(INHERIT), Some(facts)) => {
            (facts.network.network_type.as_deref(), facts.network.segmentation_id.map(Value::from))
        }
        (kind, _) => (kind, ask.segmentation_id.clone()),
    };
    let (Some(kind), Some(tag)) = (kind, tag) else {
        return input(format!("Subport {id} needs segmentation_type and segmentation_id."));
    };
    let number = tag.as_i64().or_else(|| tag.as_str()?.trim().parse().ok());
    let Some(number) = number else {
        return input(format!("The segmentation_id {tag} of subport {id} is not a number."));
    };
    if kind != VLAN {
        return input(format!("'{kind}' is not a segmentation_type of subports; say '{VLAN}'."));
    }
    if !(1..=4094).contains(&number) {
        return input(format!("{number} is not a VLAN id (1 to 4094)."));
    }
    Ok(number)
}

/// May these be added to what a trunk has?
pub fn add(trunk: &Trunk, has: &[SubPort], more: &[SubPort], is_broken: bool) -> Result<(), Refusal> {
    check_enabled(trunk)?;
    if is_broken {
        return Err(TrunkRefusal::Broken(trunk.id).into());
    }
    let taken = |sub: &&SubPort| has.iter().any(|other| other.segmentation_id == sub.segmentation_id);
    if let Some(sub) = more.iter().find(taken) {
        return Err(TrunkRefusal::TagInUse { trunk: trunk.id, vid: sub.segmentation_id }.into());
    }
    // A tag of its own and one that is inherited may be the same.
    for (at, sub) in more.iter().enumerate() {
        if more[..at].iter().any(|other| other.segmentation_id == sub.segmentation_id) {
            return Err(TrunkRefusal::TagInUse { trunk: trunk.id, vid: sub.segmentation_id }.into());
        }
    }
    match has.len() + more.len() {
        ..=MAX_SUBPORTS => Ok(()),
        _ => Err(Refusal::Request(format!("A trunk has at most {MAX_SUBPORTS} subports."))),
    }
}

pub fn check_enabled(trunk: &Trunk) -> Result<(), Refusal> {
    if trunk.admin_state_up { Ok(()) } else { Err(TrunkRefusal::Disabled(trunk.id).into()) }
}

/// Those that a request takes out of what a trunk has.
pub fn remove(trunk: &Trunk, has: &[SubPort], asked: &[SubPortAsk]) -> Result<Vec<PortId>, Refusal> {
    check_enabled(trunk)?;
    let missing = asked.iter().find(|ask| has.iter().all(|sub| sub.port_id != ask.port_id));
    match missing {
        Some(ask) => Err(TrunkRefusal::NoSubPort { port: ask.port_id, trunk: trunk.id }.into()),
        None => Ok(asked.iter().map(|ask| ask.port_id).collect()),
    }
}

/// A trunk goes while its parent is at no host.
pub fn delete(trunk: &Trunk, parents_host: &str) -> Result<(), Refusal> {
    check_enabled(trunk)?;
    if parents_host.is_empty() { Ok(()) } else { Err(TrunkRefusal::InUse(trunk.id).into()) }
}

/// A port of a trunk stays what it is while it is in it: it does not go, and is no router's.
pub fn check_free(port: PortId, in_trunk: Option<(TrunkId, bool)>) -> Result<(), Refusal> {
    match in_trunk {
        None => Ok(()),
        Some((trunk, true)) => Err(TrunkRefusal::IsParent { port, trunk }.into()),
        Some((trunk, false)) => Err(TrunkRefusal::IsSubPort { port, trunk }.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(kind: Option<&str>, tag: Value) -> SubPortAsk {
        let port_id = PortId(uuid::Uuid::from_u128(7));
        let segmentation_id = Some(tag).filter(|tag| !tag.is_null());
        SubPortAsk { port_id, segmentation_type: kind.map(str::to_owned), segmentation_id }
    }

    #[test]
    fn tags_are_vlan_ids() {
        for (kind, value, want) in [
            (Some("vlan"), json!(1), Some(1)),
            (Some("vlan"), json!("4094"), Some(4094)),
            (Some("vlan"), json!(0), None),
            (Some("vlan"), json!(4095), None),
            (Some("vlan"), json!("x"), None),
            (Some("vlan"), json!(null), None),
            (Some("vxlan"), json!(5), None),
            (None, json!(5), None),
            (Some("inherit"), json!(null), None),
        ] {
            assert_eq!(tag(&ask(kind, value.clone()), None).ok(), want, "{kind:?} {value}");
        }
    }

    #[test]
    fn a_tag_is_one_subports() {
        let trunk = Trunk {
            id: TrunkId(uuid::Uuid::from_u128(1)),
            project_id: "p".into(),
            port_id: PortId(uuid::Uuid::from_u128(2)),
            admin_state_up: true,
            rest: serde_json::Map::new(),
        };
        let sub = |port, tag| SubPort {
            port_id: PortId(uuid::Uuid::from_u128(port)),
            segmentation_type: "vlan".into(),
            segmentation_id: tag,
        };
        let has = [sub(3, 10)];
        assert!(add(&trunk, &has, &[sub(4, 11), sub(5, 12)], false).is_ok());
        assert!(add(&trunk, &has, &[sub(4, 10)], false).is_err());
        assert!(add(&trunk, &has, &[sub(4, 11), sub(5, 11)], false).is_err());
        assert!(add(&trunk, &has, &[sub(4, 11)], true).is_err());
        let down = Trunk { admin_state_up: false, ..trunk.clone() };
        assert!(add(&down, &has, &[], false).is_err() && delete(&down, "").is_err());
        assert!(delete(&trunk, "").is_ok() && delete(&trunk, "h").is_err());
    }
}
