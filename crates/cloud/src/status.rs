//! What statuses are, from what hosts reported.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::api::port::Port;
use model::desired::{Revision, Router};
use model::lazy::Load;
use model::report::{HaState, RouterState, State};

use crate::bind::{DISTRIBUTED, is_bound};

/// ACTIVE needs both: the host wired the port, and DHCP answers for it where the port needs it.
pub fn of(port: &Port, needs_dhcp: bool) -> &'static str {
    // It is never on a host: it holds an address.
    let holds = |owner: &str| port.device_owner == owner;
    if holds(crate::floatingip::OWNER) && port.project_id.is_empty() || holds(crate::local_ip::OWNER) {
        return "N/A";
    }
    if port.failure.is_some() {
        return "ERROR";
    }
    let has_place = is_bound(&port.vif_type) || port.vif_type == DISTRIBUTED;
    if !port.admin_state_up || !has_place || !port.l2_ready {
        return "DOWN";
    }
    // A port that works keeps its status when DHCP must learn something of it.
    if port.dhcp_ready || !needs_dhcp || port.status == "ACTIVE" { "ACTIVE" } else { "BUILD" }
}

/// What a floating IP's status is by what the host that carries it says of its router.
pub fn of_floatingip(state: &State) -> &'static str {
    match state {
        State::Up => "ACTIVE",
        State::Down => "DOWN",
        State::Failed { .. } => "ERROR",
    }
}

/// The floating IPs that a host's word on its part of their router is the status of, by address: those
/// that it carries by itself, and of the centralized ones all or none. A lazy router carries none, nor
/// does one of several that stand ready unless it is the active one.
pub fn carried(part: &Router, said: Option<RouterState>, state: HaState, ha: bool) -> BTreeSet<IpAddr> {
    let is_lazy = said.is_some_and(|said| said.load == Load::Lazy);
    let is_gateway = !is_lazy && (!ha || state == HaState::Active);
    let tied = part.floating_ips.iter().filter(|ip| is_gateway || !ip.centralized).map(|ip| ip.floating_ip);
    let forwarding =
        part.port_forwardings.iter().filter(|_| is_gateway).map(|forwarding| forwarding.floating_ip);
    tied.chain(forwarding).collect()
}

/// Neutron's word for a router on a network node: a lazy one stands by, and one that is not in place
/// is not known of.
pub fn of_router(state: &State, said: Option<RouterState>, ha: bool) -> HaState {
    match (state, said) {
        (State::Up, Some(RouterState { load: Load::Lazy, .. })) => HaState::Standby,
        // One that lacks a piece still is what it is among those that stand ready.
        (State::Up | State::Failed { .. }, said) if ha => {
            said.and_then(|said| said.ha).unwrap_or(HaState::Unknown)
        }
        (State::Up, _) => HaState::Active,
        (State::Down | State::Failed { .. }, _) => HaState::Unknown,
    }
}

/// Whether an outcome is of a part as it is, and not as it was before it last `changed`. `told`: up
/// to which revision the host and the database agree on what revisions stand for; `None`: on none.
/// What is of an earlier part says nothing of this one: the host will be told, and tell.
pub fn is_of_newest(reported: Revision, changed: Revision, told: Option<Revision>) -> bool {
    told.is_some_and(|told| changed <= reported && reported <= told)
}

/// The services' own ports do not wait for DHCP.
pub fn may_need_dhcp(port: &Port) -> bool {
    !port.device_owner.starts_with("network:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::l3::fixture;
    use model::lazy::Reason;

    #[test]
    fn only_words_on_the_newest_part_count() {
        for (reported, changed, told, counts, what) in [
            (7, 7, Some(Revision::MAX), true, "at its revision"),
            (9, 7, Some(Revision::MAX), true, "heard of later with others"),
            (6, 7, Some(Revision::MAX), false, "before its last change"),
            (0, 7, Some(Revision::MAX), false, "of a host that was told nothing"),
            (9, 7, Some(8), false, "of a time that the database has gone back from"),
            (8, 7, Some(8), true, "of a time that it has not"),
            (9, 0, None, false, "of another database"),
            (9, 0, Some(Revision::MAX), true, "of a part that is gone"),
        ] {
            assert_eq!(is_of_newest(reported, changed, told), counts, "{what}");
        }
    }

    #[test]
    fn a_router_that_failed_is_active_all_the_same() {
        let (lazy, loaded) = (Load::Lazy, Load::Loaded(Reason::Snat));
        let (active, standby, unknown) = (HaState::Active, HaState::Standby, HaState::Unknown);
        let (up, down) = (State::Up, State::Down);
        let failed = State::Failed { reason: "no route".into() };
        for (state, load, said, ha, wanted, what) in [
            (&up, loaded, Some(active), true, active, "active"),
            (&up, loaded, Some(standby), true, standby, "standing by"),
            (&up, loaded, None, true, unknown, "of several, and says nothing"),
            (&up, lazy, Some(active), true, standby, "lazy"),
            (&up, loaded, None, false, active, "alone"),
            (&failed, loaded, Some(active), true, active, "active without some piece"),
            (&failed, loaded, Some(standby), true, standby, "standing by without some piece"),
            (&failed, loaded, None, true, unknown, "failed, and says nothing"),
            (&failed, loaded, None, false, unknown, "failed alone"),
            (&down, loaded, Some(active), true, unknown, "not there"),
        ] {
            assert_eq!(of_router(state, Some(RouterState { load, ha: said }), ha), wanted, "{what}");
        }
    }

    #[test]
    fn a_host_speaks_for_the_floating_ips_that_it_carries() {
        let ip = |n: u8| IpAddr::from([203, 0, 113, n]);
        let lazy = Some(RouterState { load: Load::Lazy, ha: None });
        let loaded = Some(RouterState { load: Load::Loaded(Reason::Snat), ha: None });
        let (active, standby, unknown) = (HaState::Active, HaState::Standby, HaState::Unknown);
        // 5 is carried by cmp-1 itself, 6 is of a host that carries none, 7 forwards.
        type Case<'a> = (&'a str, bool, bool, &'a str, Option<RouterState>, HaState, &'a [u8]);
        let table: [Case<'_>; 11] = [
            ("a compute host", true, false, "cmp-1", loaded, active, &[5]),
            ("one that says nothing of itself", true, false, "cmp-1", None, active, &[5]),
            ("another compute host", true, false, "far", loaded, active, &[]),
            ("the network node", true, false, "net-1", loaded, active, &[6, 7]),
            ("the network node, failed", true, false, "net-1", None, unknown, &[6, 7]),
            ("the network node, lazy", true, false, "net-1", lazy, standby, &[]),
            ("the active one", true, true, "net-1", loaded, active, &[6, 7]),
            ("one that stands by", true, true, "net-2", loaded, standby, &[]),
            ("one that nobody knows of", true, true, "net-2", loaded, unknown, &[]),
            ("not distributed", false, false, "net-1", loaded, active, &[5, 6, 7]),
            ("a host it is not on", false, false, "cmp-1", loaded, active, &[]),
        ];
        for (what, distributed, ha, host, said, state, wanted) in table {
            let mut facts = fixture::facts(distributed, ha);
            facts.users = ["cmp-1", "far"].map(str::to_owned).into();
            facts.floating_ips = vec![fixture::floating(5, Some("cmp-1")), fixture::floating(6, Some("far"))];
            facts.forwardings = vec![fixture::forwarding(7)];
            let part = crate::view::router::router(&facts, host);
            let carried = part.map(|part| carried(&part, said, state, ha)).unwrap_or_default();
            assert_eq!(carried, wanted.iter().map(|n| ip(*n)).collect(), "{what}");
        }
    }
}
