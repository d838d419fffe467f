//! Networks: facts in, decision, rows out.

use cloud::network::{CreateFacts, UpdateFacts};
use cloud::segment::{self, Choice, Wanted};
use cloud::{AUTO_DELETE_OWNERS, Refusal, Stamp};
use db::{Allocated, Tx};
use model::api::network::{NETWORK, Network, NetworkCreate, NetworkUpdate, ProviderSegment, SegmentAsk};
use model::api::rbac_policy::{AS_EXTERNAL, AS_SHARED, ObjectType};
use model::api::segment::{SEGMENT, Segment};
use model::desired::{Key, Kind};
use model::{NetworkId, Touch};
use serde_json::Value;

use crate::app::App;
use crate::error::Fault;
use crate::routes::{floatingip, port, qos, rbac_policy, security_group};

pub async fn create(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    mut new: NetworkCreate,
) -> Result<NetworkId, Fault> {
    let defaults = tx.network_defaults(&new.project_id).await?;
    if !new.project_id.is_empty() && defaults.group.is_none() {
        security_group::default_of(tx, stamp, &new.project_id).await?;
    }
    if new.rest.get("qos_policy_id").is_none_or(Value::is_null)
        && let Some(default) = defaults.qos_policy
        && let Some(default) = qos::relied_on_default(tx, default).await?
    {
        new.rest.insert("qos_policy_id".into(), default.to_string().into());
    }
    let facts = CreateFacts {
        segments: segments_for(app, tx, stamp, &new.project_id, &segment::asked(&new)?).await?,
        default_external: defaults.external,
        zones: if new.availability_zone_hints.is_empty() { vec![] } else { zones(tx).await? },
    };
    let network = cloud::network::create(new, facts, app.rules(), stamp)?;
    tx.insert(&NETWORK, &network).await?;
    share(tx, stamp, None, &network).await?;
    for segment in segment::of::begin(&network, stamp) {
        tx.insert(&SEGMENT, &segment).await?;
        hold(tx, network.id, &segment.provider()).await?;
    }
    Ok(network.id)
}

async fn zones(tx: &mut Tx<'_>) -> Result<Vec<String>, Fault> {
    let agents = tx.agents_of_type(model::report::DHCP_AGENT).await?;
    Ok(agents.into_iter().filter_map(|agent| agent.availability_zone).collect())
}

/// Gives a segment to a network; a conflict when it is held.
pub async fn hold(tx: &mut Tx<'_>, network: NetworkId, segment: &ProviderSegment) -> Result<(), Fault> {
    if segment.network_type != "local" {
        tx.hold_segment(&allocated(segment), network).await?;
    }
    Ok(())
}

fn allocated(segment: &ProviderSegment) -> Allocated {
    Allocated {
        network_type: segment.network_type.clone(),
        physical_network: segment.physical_network.clone().unwrap_or_default(),
        segmentation_id: segment.segmentation_id.unwrap_or_default(),
    }
}

/// Finds the segments that a network of a project is asked to have; none of them is held.
pub async fn segments_for(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    project: &str,
    asked: &[SegmentAsk],
) -> Result<Vec<ProviderSegment>, Fault> {
    let ranges = segment::range::of_project(&tx.segment_ranges().await?, project);
    if asked.is_empty() {
        return Ok(vec![free(tx, stamp, &segment::tenant_choices(app.rules(), &ranges)).await?]);
    }
    let mut out: Vec<ProviderSegment> = Vec::new();
    for ask in asked {
        match segment::wanted(ask, app.rules(), &ranges)? {
            Wanted::Exactly(segment) => {
                let is_local = segment.network_type == "local";
                if !is_local && (out.contains(&segment) || tx.segment_held(&allocated(&segment)).await?) {
                    return Err(in_use(segment).into());
                }
                out.push(segment);
            }
            Wanted::OneOf(choices) => out.push(free(tx, stamp, &choices).await?),
        }
    }
    Ok(out)
}

fn in_use(segment: ProviderSegment) -> Refusal {
    let physical_network = segment.physical_network.unwrap_or_default();
    let id = segment.segmentation_id.unwrap_or_default();
    match segment.network_type.as_str() {
        "flat" => Refusal::FlatNetworkInUse(physical_network),
        "vlan" => Refusal::VlanIdInUse { vlan: id, physical_network },
        _ => Refusal::TunnelIdInUse(id),
    }
}

/// A free segment: from a random point of the first range with room, and round.
async fn free(tx: &mut Tx<'_>, stamp: &mut Stamp, choices: &[Choice]) -> Result<ProviderSegment, Fault> {
    for choice in choices {
        let segment = |id| ProviderSegment {
            network_type: choice.network_type.clone(),
            physical_network: choice.physical_network.clone(),
            segmentation_id: id,
        };
        if choice.network_type == "local" {
            return Ok(segment(None));
        }
        let span = u128::try_from(choice.last - choice.first + 1).unwrap_or(0);
        let start = choice.first + i64::try_from(stamp.below(span)).unwrap_or(0);
        let physical = choice.physical_network.as_deref().unwrap_or_default();
        let (network_type, first, last) = (choice.network_type.as_str(), choice.first, choice.last);
        let mut id = tx.free_segment(network_type, physical, start, last).await?;
        if id.is_none() {
            id = tx.free_segment(network_type, physical, first, start - 1).await?;
        }
        if id.is_some() {
            return Ok(segment(id));
        }
    }
    let what = choices.first().map_or("project", |choice| choice.network_type.as_str());
    Err(Refusal::NoNetworkAvailable(what.to_owned()).into())
}

pub async fn load(tx: &mut Tx<'_>, id: impl std::fmt::Display) -> Result<Network, Fault> {
    let found = tx.get(&NETWORK, &id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &NETWORK, id: id.to_string() }.into())
}

pub async fn update(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    before: Network,
    change: NetworkUpdate,
) -> Result<(), Fault> {
    let hosts = tx.network_hosts(before.id).await?;
    let wanted = Allocated {
        network_type: "vlan".into(),
        physical_network: before.physical_network.clone().unwrap_or_default(),
        segmentation_id: change.segmentation_id.unwrap_or_default(),
    };
    let facts = UpdateFacts {
        subnets: if change.mtu.is_some() { tx.subnets_of(before.id).await? } else { vec![] },
        default_external: tx.default_external_network().await?,
        used_by_other_projects: tx.used_by_other_projects(before.id, &before.project_id).await?,
        vlan_is_free: !tx.segment_held(&wanted).await?,
        has_bound_ports: !hosts.is_empty(),
        leads_out: change.external == Some(false) && tx.leads_out(before.id).await?,
    };
    let after = cloud::network::update(&before, change, &facts, app.rules())?;
    if after.segments != before.segments {
        tx.release_segments(before.id).await?;
        for (stored, provider) in tx.segments_of(before.id).await?.iter().zip(&after.segments) {
            hold(tx, before.id, provider).await?;
            let moved = Segment { segmentation_id: provider.segmentation_id, ..stored.clone() };
            tx.update(&SEGMENT, stored.id, stored, &moved, &stamp.now).await?;
        }
    }
    tx.update(&NETWORK, before.id, &before, &after, &stamp.now).await?;
    share(tx, stamp, Some(&before), &after).await?;
    let policy = |network: &Network| network.rest.get("qos_policy_id").cloned().unwrap_or_default();
    if policy(&after) != policy(&before) {
        let touches = tx.set_network_qos(before.id, policy(&after).as_str()).await?;
        tx.mark(&touches);
    }
    if after.mtu != before.mtu || after.dns_domain != before.dns_domain {
        let part = |host: String, kind| Touch::Part { host, key: Key::new(kind, before.id.0) };
        let mut touches: Vec<Touch> = hosts.into_iter().map(|host| part(host, Kind::Network)).collect();
        let served = tx.dhcp_hosts_of(before.id).await?;
        touches.extend(served.into_iter().map(|host| part(host, Kind::Dhcp)));
        tx.mark(&touches);
    }
    Ok(())
}

/// Who may use a network is said by policies; these say what the network's own attributes say of everybody.
async fn share(
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    before: Option<&Network>,
    after: &Network,
) -> Result<(), Fault> {
    let said = |of: &Network| [(AS_SHARED, of.with_everyone), (AS_EXTERNAL, of.external)];
    let was = before.map_or([(AS_SHARED, false), (AS_EXTERNAL, false)], said);
    for ((action, was), (_, is)) in was.into_iter().zip(said(after)) {
        let id = after.id.to_string();
        if is && !was {
            let project = &after.project_id;
            rbac_policy::share_with_everyone(tx, stamp, ObjectType::Network, &id, action, project).await?;
        } else if was && !is {
            tx.unshare(&id, action, action == AS_EXTERNAL).await?;
        }
    }
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let network = load(tx, id).await?;
    floatingip::network_goes(tx, stamp, &network).await?;
    let in_use = tx.ports_in_use(network.id, &AUTO_DELETE_OWNERS).await?;
    cloud::network::delete(&network, in_use)?;
    tx.lock_ports_of(network.id).await?;
    for port in tx.ports_of(network.id).await? {
        port::delete(tx, stamp, &network, port).await?;
    }
    for host in tx.dhcp_hosts_of(network.id).await? {
        tx.mark(&[Touch::Service { host, network: network.id }]);
    }
    // Hosts that have it by a router that is not settled yet.
    for host in tx.network_hosts(network.id).await? {
        tx.mark(&[Touch::Membership { host, network: network.id }]);
    }
    tx.delete(&NETWORK, network.id).await?;
    Ok(tx.forget_policies(id).await?)
}
