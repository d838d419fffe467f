//! What ours is compared with: figures stored of a real Neutron, or one measured in the same run.

use crate::api::Work;
use crate::load::Target;

/// Where the stored figures come from.
pub const STORED: &str = "peer: stored figures of Neutron 29.0.0 (ML2/OVS), \
    API and database CPU per request, 2 uwsgi workers, MariaDB, 2 cores, not measured in this run; \
    --peer URL --peer-cpu PID,PID measures one";

/// Resident and proportional memory of Neutron's ten processes (API, RPC, periodic), idle, in KiB.
pub const RESIDENT_KIB: u64 = 1_487_092;
pub const PROPORTIONAL_KIB: u64 = 722_713;

/// Another server of the API, measured in this run.
pub struct Peer {
    pub target: Target,
}

/// CPU of one request in ms, where there is a figure.
pub fn stored_ms(work: Work) -> Option<f64> {
    Some(match work {
        Work::CreateNetwork => 95.0,
        Work::CreateSubnet => 122.0,
        Work::CreatePort => 206.0,
        Work::ShowPort => 33.0,
        Work::ListPorts => 1280.0,
        Work::UpdatePort => 178.0,
        Work::DeletePort => 206.0,
        Work::CreateRouter => 40.0,
        Work::AddInterface => 695.0,
        Work::CreateFloatingIp => 546.0,
        Work::DevicePorts => 35.0,
        Work::BulkPorts => return None,
    })
}
