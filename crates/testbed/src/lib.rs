//! Clouds on one machine: hosts and guests as network namespaces, in one process.
//!
//! ```text
//! underlay   hosts and guests as namespaces      cloud   server, agents and a client around them
//! demo       what `neutrino demo` shows          wait    the only place that waits
//! ```

pub mod demo;
