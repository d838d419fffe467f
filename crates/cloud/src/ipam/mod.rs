//! Addresses: what a subnet offers and what a port gets.
//!
//! ```text
//! pools   gateway and allocation pools of a subnet      plan    a port's wishes -> addresses wanted
//! search  a free address among many, window by window   number  addresses as numbers
//! ```

mod number;
mod plan;
mod pools;
mod search;

pub use number::{last_of, network_of, span, usable, whole};
pub use plan::{PlanFacts, Want, keep_and_plan, plan};
pub use pools::{check_gateway, check_pools, default_gateway, default_pools};
pub use search::Search;

#[cfg(test)]
pub(crate) use plan::tests::a_subnet as test_subnet;
