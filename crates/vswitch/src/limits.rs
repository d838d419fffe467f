//! What a switch may hold at most, and how long. Whatever instances and machines send, it holds no more.

use std::time::Duration;

/// Bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a neighbour's MAC is used that nothing confirms; at half of it the neighbour is asked.
    pub neighbour_for: Duration,
    /// Frames that wait for one neighbour.
    pub neighbour_frames: usize,
    pub neighbour_bytes: usize,
    /// Memory of all frames that wait.
    pub waiting_bytes: usize,
    /// How long a frame waits.
    pub waiting: Duration,
    /// Memory of frames that leave, beyond which nothing is copied and nothing cut.
    pub leaving_bytes: usize,
    /// MACs learned in one network, and in all.
    pub learned_per_network: usize,
    pub learned: usize,
    /// How long a MAC is known that sends nothing.
    pub learned_for: Duration,
    pub ports: usize,
    pub networks: usize,
    pub tunnels: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            neighbour_for: Duration::from_secs(60),
            neighbour_frames: 4096,
            neighbour_bytes: 8 << 20,
            waiting_bytes: 64 << 20,
            waiting: Duration::from_secs(3),
            leaving_bytes: 128 << 20,
            learned_per_network: 8192,
            learned: 262_144,
            learned_for: Duration::from_secs(300),
            ports: 4096,
            networks: 16_384,
            tunnels: 65_536,
        }
    }
}
