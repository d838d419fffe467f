//! A network with a way out that a project gets by asking for it: what it takes, and what it is made of.

use model::api::auto_allocated_topology::Ground;
use serde_json::{Value, json};

use crate::Refusal;

/// The external network and the pools to make one with.
pub fn check(ground: Ground) -> Result<(String, Vec<(i64, String)>), Refusal> {
    let Some(external) = ground.external else {
        return Err(Refusal::AutoAllocation("there is no default external network".into()));
    };
    if ground.pools.is_empty() {
        return Err(Refusal::AutoAllocation("there is no default subnet pool".into()));
    }
    Ok((external, ground.pools))
}

/// What a part of it cannot be, the whole cannot.
pub fn failed(refusal: &Refusal) -> Refusal {
    Refusal::AutoAllocation(refusal.to_string().trim_end_matches('.').to_owned())
}

pub fn network() -> Value {
    json!({ "name": "auto_allocated_network" })
}

pub fn subnet(network: &str, (version, pool): &(i64, String)) -> Value {
    json!({
        "name": format!("auto_allocated_subnet_v{version}"),
        "network_id": network,
        "ip_version": version,
        "subnetpool_id": pool,
    })
}

pub fn router(external: &str) -> Value {
    json!({ "name": "auto_allocated_router", "external_gateway_info": { "network_id": external } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_a_way_out_and_a_pool() {
        let whole = Ground { external: Some("x".into()), pools: vec![(6, "p".into())] };
        assert_eq!(check(whole.clone()).expect("enough"), ("x".into(), vec![(6, "p".into())]));
        for lacking in [Ground { external: None, ..whole.clone() }, Ground { pools: vec![], ..whole }] {
            assert!(matches!(check(lacking), Err(Refusal::AutoAllocation(_))));
        }
    }
}
