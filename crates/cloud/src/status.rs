//! What a port's status is, from what hosts reported.

use model::api::port::Port;

use crate::bind::is_bound;

/// ACTIVE needs both: the host wired the port, and DHCP answers for it where the port needs it.
pub fn of(port: &Port, needs_dhcp: bool) -> &'static str {
    if port.failure.is_some() {
        return "ERROR";
    }
    if !port.admin_state_up || !is_bound(&port.vif_type) || !port.l2_ready {
        return "DOWN";
    }
    // A port that works keeps its status when DHCP must learn something of it.
    if port.dhcp_ready || !needs_dhcp || port.status == "ACTIVE" { "ACTIVE" } else { "BUILD" }
}

/// The services' own ports do not wait for DHCP.
pub fn may_need_dhcp(port: &Port) -> bool {
    !port.device_owner.starts_with("network:")
}
