//! host

pub mod dhcp;
