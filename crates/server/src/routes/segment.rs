//! Segments of networks, and the subnets on them: facts in, decision, rows out.

use cloud::segment::of;
use cloud::{Refusal, Stamp, bind};
use db::Tx;
use model::api::network::{NETWORK, Network, SegmentAsk};
use model::api::segment::{SEGMENT, Segment, SegmentCreate, SegmentUpdate};
use model::api::subnet::{Subnet, SubnetUpdate};
use model::desired::{Key, Kind};
use model::report::L2Configuration;
use model::{NetworkId, SegmentId, Touch};

use crate::app::App;
use crate::error::Fault;
use crate::routes::network;

pub async fn create(
    app: &App,
    tx: &mut Tx<'_>,
    stamp: &mut Stamp,
    new: SegmentCreate,
) -> Result<String, Fault> {
    let before = network::load(tx, new.network_id).await?;
    let ask = SegmentAsk {
        network_type: Some(new.network_type.clone()),
        physical_network: new.physical_network.clone(),
        segmentation_id: new.segmentation_id,
    };
    let provider = network::segments_for(app, tx, stamp, &before.project_id, &[ask]).await?.remove(0);
    let mut segments = tx.segments_of(before.id).await?;
    let segment = of::create(new, &before, &segments, provider.clone(), app.rules(), stamp)?;
    tx.insert(&SEGMENT, &segment).await?;
    network::hold(tx, before.id, &provider).await?;
    segments.push(segment.clone());
    save_network(tx, stamp, &before, &segments).await?;
    Ok(segment.id.to_string())
}

async fn save_network(
    tx: &mut Tx<'_>,
    stamp: &Stamp,
    before: &Network,
    segments: &[Segment],
) -> Result<(), Fault> {
    tx.update(&NETWORK, before.id, before, &of::listed(before, segments), &stamp.now).await?;
    let touches = tx.network_hosts(before.id).await?.into_iter().map(|host| {
        let key = Key::new(Kind::Network, before.id.0);
        Touch::Part { host, key }
    });
    let touches: Vec<Touch> = touches.collect();
    tx.mark(&touches);
    Ok(())
}

async fn load(tx: &mut Tx<'_>, id: &str) -> Result<Segment, Fault> {
    let found = tx.get(&SEGMENT, id).await?;
    found.ok_or_else(|| Refusal::NotFound { table: &SEGMENT, id: id.to_owned() }.into())
}

pub async fn update(tx: &mut Tx<'_>, stamp: &Stamp, id: &str, change: SegmentUpdate) -> Result<(), Fault> {
    let before = load(tx, id).await?;
    tx.update(&SEGMENT, before.id, &before, &of::update(&before, change), &stamp.now).await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx<'_>, stamp: &Stamp, id: &str) -> Result<(), Fault> {
    let segment = load(tx, id).await?;
    let network = network::load(tx, segment.network_id).await?;
    let subnets = tx.subnets_of(network.id).await?;
    let mut hosts = Vec::new();
    for host in tx.network_hosts(network.id).await? {
        hosts.extend(configuration(tx, &host).await?);
    }
    of::delete(&segment, &network, &subnets, &hosts)?;
    let mut segments = tx.segments_of(network.id).await?;
    segments.retain(|other| other.id != segment.id);
    tx.delete(&SEGMENT, segment.id).await?;
    tx.release_segments(network.id).await?;
    for left in &segments {
        network::hold(tx, network.id, &left.provider()).await?;
    }
    save_network(tx, stamp, &network, &segments).await
}

/// What the agent that wires ports says of a host.
async fn configuration(tx: &mut Tx<'_>, host: &str) -> Result<Option<L2Configuration>, Fault> {
    let agents = tx.agents_of_host(host).await?;
    let l2 = agents.into_iter().find(|agent| agent.topic == bind::L2_TOPIC);
    Ok(l2.and_then(|agent| serde_json::from_value(agent.configurations).ok()))
}

/// The segment by which a host has a network.
async fn of_host(tx: &mut Tx<'_>, network: &Network, host: &str) -> Result<Option<SegmentId>, Fault> {
    let Some(configuration) = configuration(tx, host).await? else { return Ok(None) };
    let Some(provider) = bind::segment_for(network, &configuration) else { return Ok(None) };
    let segments = tx.segments_of(network.id).await?;
    Ok(segments.iter().find(|segment| segment.provider() == *provider).map(|segment| segment.id))
}

/// The subnets that a port at a host may have addresses of.
pub async fn reachable(
    tx: &mut Tx<'_>,
    network: &Network,
    subnets: &[Subnet],
    host: &str,
) -> Result<Vec<Subnet>, Fault> {
    let mut segment = None;
    if !host.is_empty() && of::is_routed(subnets) {
        segment = of_host(tx, network, host).await?;
    }
    Ok(of::reachable(network.id, subnets, host, segment)?)
}

pub async fn check_new_subnet(
    tx: &mut Tx<'_>,
    network: NetworkId,
    segment: Option<&str>,
    siblings: &[Subnet],
) -> Result<(), Fault> {
    let segment = match segment {
        Some(id) => Some(load(tx, id).await?),
        None => None,
    };
    Ok(of::check_new_subnet(network, segment.as_ref(), siblings)?)
}

pub async fn check_subnet(tx: &mut Tx<'_>, before: &Subnet, change: &SubnetUpdate) -> Result<(), Fault> {
    let Some(wanted) = &change.segment_id else { return Ok(()) };
    let wanted = match wanted {
        Some(id) => Some(load(tx, id).await?),
        None => None,
    };
    let siblings = tx.subnets_of(before.network_id).await?;
    let segments = tx.segments_of(before.network_id).await?;
    Ok(of::check_subnet(before, wanted.as_ref(), &siblings, &segments)?)
}
