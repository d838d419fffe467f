use super::*;
use serde_json::json;
use uuid::Uuid;

fn id(n: u128) -> AgentId {
    Uuid::from_u128(n).into()
}

fn agent(n: u128, mode: &str, zone: &str) -> Agent {
    serde_json::from_value(json!({
        "id": id(n), "agent_type": L3_AGENT, "binary": "b", "topic": "l3_agent", "host": format!("h{n}"),
        "admin_state_up": true, "created_at": "", "started_at": "", "heartbeat_timestamp": "",
        "configurations": { "agent_mode": mode }, "description": null, "resources_synced": null,
        "availability_zone": zone, "heartbeat_us": 10, "started_us": 0,
    }))
    .expect("an agent")
}

fn router(distributed: bool, ha: bool, hints: &[&str]) -> Router {
    serde_json::from_value(json!({
        "id": Uuid::from_u128(99), "project_id": "p", "admin_state_up": true, "status": "ACTIVE",
        "external_gateway_info": null, "gw_port_id": null, "gw_network_id": null, "enable_snat": true,
        "ha": ha, "ha_vr_id": null, "distributed": distributed, "enable_ndp_proxy": false, "flavor_id": null,
        "availability_zone_hints": hints, "routes": [],
    }))
    .expect("a router")
}

fn facts(agents: &[Agent]) -> Facts {
    Facts { agents: agents.to_vec(), alive_since_us: 5, ..Facts::default() }
}

fn placed(router: &Router, facts: &Facts) -> (Vec<u128>, Vec<u128>) {
    let placement = place(router, facts, &Rules::default());
    let numbers = |ids: Vec<AgentId>| ids.into_iter().map(|id| id.0.as_u128()).collect();
    (numbers(placement.add), numbers(placement.remove))
}

#[test]
fn the_least_loaded_agent_of_a_fitting_mode_gets_the_router() {
    let all =
        [agent(1, "legacy", "a"), agent(2, "dvr_snat", "a"), agent(3, "dvr", "a"), agent(4, "dvr_snat", "a")];
    let mut facts = facts(&all);
    facts.load = [(id(1), 5), (id(2), 3), (id(4), 2)].into();
    assert_eq!(placed(&router(false, false, &[]), &facts).0, [4]);
    facts.load.insert(id(4), 9);
    assert_eq!(placed(&router(true, false, &[]), &facts).0, [2]);
    facts.load.insert(id(1), 0);
    assert_eq!(placed(&router(false, false, &[]), &facts).0, [1]);
    assert_eq!(
        placed(&router(true, false, &[]), &facts).0,
        [2],
        "a legacy agent carries nothing distributed"
    );
    facts.agents.retain(|agent| mode(agent) == Some(L3Mode::Dvr));
    assert_eq!(
        placed(&router(true, false, &[]), &facts).0,
        Vec::<u128>::new(),
        "compute hosts are not told to"
    );
}

#[test]
fn dead_disabled_and_strange_agents_get_none() {
    let mut all =
        [agent(1, "legacy", "a"), agent(2, "legacy", "a"), agent(3, "legacy", "a"), agent(4, "x", "a")];
    all[0].heartbeat_us = 5;
    all[1].admin_state_up = false;
    all[2].agent_type = "DHCP agent".into();
    assert_eq!(placed(&router(false, false, &[]), &facts(&all)).0, Vec::<u128>::new());
}

#[test]
fn an_ha_router_gets_as_many_as_the_operator_says_or_as_there_are() {
    let all: Vec<Agent> = (1..=5).map(|n| agent(n, "legacy", "a")).collect();
    let mut facts = facts(&all);
    assert_eq!(placed(&router(false, true, &[]), &facts).0, [1, 2, 3]);
    facts.current = [id(1), id(4)].into();
    assert_eq!(placed(&router(false, true, &[]), &facts), (vec![2], vec![]), "one more beside those it has");
    facts.agents.truncate(2);
    facts.current.clear();
    assert_eq!(placed(&router(false, true, &[]), &facts).0, [1, 2]);
}

#[test]
fn an_ha_router_is_spread_over_zones() {
    let all =
        [agent(1, "legacy", "a"), agent(2, "legacy", "a"), agent(3, "legacy", "b"), agent(4, "legacy", "c")];
    let mut facts = facts(&all);
    facts.load = [(id(3), 7), (id(4), 8)].into();
    assert_eq!(placed(&router(false, true, &[]), &facts).0, [1, 3, 4]);
    assert_eq!(placed(&router(false, true, &["a"]), &facts).0, [1, 2], "hints count more");
    assert_eq!(placed(&router(false, false, &["c"]), &facts).0, [4]);
    assert_eq!(placed(&router(false, false, &["d"]), &facts).0, Vec::<u128>::new());
}

#[test]
fn the_routers_of_dead_agents_stay_unless_the_operator_says_otherwise() {
    let mut all = [agent(1, "legacy", "a"), agent(2, "legacy", "a")];
    all[0].heartbeat_us = 1;
    let mut facts = facts(&all);
    facts.current = [id(1)].into();
    assert_eq!(placed(&router(false, false, &[]), &facts), (vec![], vec![]));
    facts.abandoned_since_us = Some(0);
    assert_eq!(placed(&router(false, false, &[]), &facts), (vec![], vec![]), "not for so long");
    facts.abandoned_since_us = Some(1);
    assert_eq!(placed(&router(false, false, &[]), &facts), (vec![2], vec![1]));
    assert_eq!(placed(&router(false, false, &["z"]), &facts), (vec![], vec![]), "nobody else takes it");
    facts.agents[0].admin_state_up = false;
    assert_eq!(placed(&router(false, false, &[]), &facts), (vec![], vec![]), "the operator took it out");
    facts.agents[0].admin_state_up = true;
    facts.current = [id(1), id(2)].into();
    assert_eq!(placed(&router(false, false, &[]), &facts), (vec![], vec![1]));
    assert_eq!(placed(&router(false, true, &[]), &facts), (vec![], vec![]), "it sees to itself");
}

#[test]
fn a_router_of_another_kind_leaves_those_who_cannot_carry_it() {
    let mut all =
        [agent(1, "legacy", "a"), agent(2, "dvr_snat", "a"), agent(3, "legacy", "a"), agent(4, "x", "a")];
    all[0].heartbeat_us = 1;
    let with = |current: &[u128]| Facts { current: current.iter().map(|n| id(*n)).collect(), ..facts(&all) };
    // Distributed, HA, who has it; who gets it, who loses it.
    type Line<'a> = (bool, bool, &'a [u128], &'a [u128], &'a [u128]);
    let table: [Line<'_>; 7] = [
        (false, false, &[1, 2, 3], &[], &[1, 3]),
        (false, false, &[1], &[], &[]),
        (false, true, &[1, 2, 3], &[], &[]),
        (true, false, &[3], &[2], &[3]),
        (true, false, &[2, 3], &[], &[3]),
        (true, true, &[1, 2, 3], &[], &[1, 3]),
        (true, false, &[4], &[], &[]),
    ];
    for (distributed, ha, current, add, remove) in table {
        let placed = placed(&router(distributed, ha, &[]), &with(current));
        assert_eq!(
            placed,
            (add.to_vec(), remove.to_vec()),
            "distributed {distributed}, HA {ha}, {current:?}"
        );
    }
}

#[test]
fn operators_are_told_what_does_not_fit() {
    let add = |router: &Router, agent: &Agent, current: &[AgentId]| check_add(router, agent, current);
    let (plain, distributed, ha) =
        (router(false, false, &[]), router(true, false, &[]), router(false, true, &[]));
    let (legacy, snat, dvr) =
        (agent(1, "legacy", "a"), agent(2, "dvr_snat", "a"), agent(3, "dvr_no_external", "a"));
    assert!(matches!(add(&plain, &legacy, &[]), Ok(true)));
    assert!(matches!(add(&plain, &legacy, &[id(1)]), Ok(false)));
    assert!(
        matches!(add(&plain, &snat, &[id(1)]), Err(Refusal::RouterHosted { agent, .. }) if agent == id(1))
    );
    assert!(matches!(add(&ha, &snat, &[id(1)]), Ok(true)));
    assert!(matches!(add(&distributed, &legacy, &[]), Err(Refusal::AgentNotForDistributed { .. })));
    assert!(matches!(add(&distributed, &dvr, &[]), Err(Refusal::ComputeAgentTakesNone)));
    let mut down = snat;
    down.admin_state_up = false;
    assert!(matches!(add(&plain, &down, &[]), Err(Refusal::NoL3Agent(_))));
    assert!(check_remove(&legacy).is_ok());
    assert!(matches!(check_remove(&dvr), Err(Refusal::ComputeAgentLeavesNone)));
}

/// Whoever is told that it is enough does not place: nothing may be left to do then.
#[test]
fn enough_is_when_placing_finds_nothing_to_do() {
    let all = [
        agent(1, "legacy", "a"),
        agent(2, "dvr_snat", "a"),
        agent(3, "dvr_snat", "a"),
        agent(4, "dvr_snat", "a"),
        agent(5, "dvr", "a"),
    ];
    let table: [(bool, bool, &[u128], bool); 10] = [
        (false, false, &[], false),
        (false, false, &[1], true),
        (false, false, &[1, 2], false),
        (true, false, &[1], false),
        (true, false, &[2], true),
        (true, false, &[5], false),
        (false, true, &[1, 2], false),
        (false, true, &[1, 2, 3], true),
        (true, true, &[1, 2, 3], false),
        (true, true, &[2, 3, 4], true),
    ];
    for (distributed, ha, current, wanted) in table {
        let router = router(distributed, ha, &[]);
        let carrying: Vec<Agent> =
            all.iter().filter(|of| current.contains(&of.id.0.as_u128())).cloned().collect();
        let enough = |since| suffice(&carrying, &router, since, &Rules::default());
        assert_eq!(enough(None), wanted, "{distributed} {ha} {current:?}");
        // Who stands ready takes over; the others are replaced.
        assert_eq!(enough(Some(i64::MAX)), wanted && ha, "{distributed} {ha} {current:?}, all abandoned");
        let facts = Facts { current: carrying.iter().map(|of| of.id).collect(), ..facts(&all) };
        assert_eq!(placed(&router, &facts) == (vec![], vec![]), wanted, "{distributed} {ha} {current:?}");
    }
    // Nobody in the zone: placed again and again to no end, unless it is seen that it adds nobody.
    let apart = router(true, true, &["z"]);
    let facts = Facts { current: [id(2)].into(), ..facts(&all) };
    assert!(
        !suffice(&all[1..2], &apart, None, &Rules::default())
            && place(&apart, &facts, &Rules::default()).add.is_empty()
    );
}
