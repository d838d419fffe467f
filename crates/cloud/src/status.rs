//! What a port's status is, from what hosts reported.

use model::api::port::Port;
use model::desired::Revision;
use model::lazy::Load;
use model::report::{HaState, RouterState, State};

use crate::bind::{DISTRIBUTED, is_bound};

/// ACTIVE needs both: the host wired the port, and DHCP answers for it where the port needs it.
pub fn of(port: &Port, needs_dhcp: bool) -> &'static str {
    // It is never on a host: it holds an address.
    if port.device_owner == crate::floatingip::OWNER && port.project_id.is_empty() {
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

/// Neutron's word for a router on a network node: a lazy one stands by, and one that is not in place
/// is not known of.
pub fn of_router(state: &State, said: Option<RouterState>, ha: bool) -> HaState {
    match (state, said) {
        (State::Up, Some(RouterState { load: Load::Lazy, .. })) => HaState::Standby,
        (State::Up, said) if ha => said.and_then(|said| said.ha).unwrap_or(HaState::Unknown),
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
}
