//! Who may do what: the rules of the cloud, in the language of oslo.policy.
//!
//! A rule is asked by name (`create_network`, `create_network:shared`) for a caller and a target.
//! A [`Target`] is the resource as a JSON object: its own attributes, and those of its parents
//! behind a prefix (`network:project_id`, `network:shared`, `network:router:external`).
//!
//! ```text
//! policies   all rules in force: load, ask, list      defaults/  the rules there are, a file per resource
//! parse      text -> tree            check     one `kind:match` of it
//! lists      the older spelling as lists -> text      template   texts with `%(attribute)s` in them
//! link       names -> indexes; loops and sizes        eval       tree, caller, target -> verdict
//! look       which attributes of the target a rule looks at
//! problem    what is wrong with a rule
//! ```
//!
//! What the requests are refused with, and which rules an operation asks, is the server's.

mod check;
pub mod defaults;
mod eval;
mod link;
mod lists;
mod look;
mod parse;
mod policies;
mod problem;
mod template;

pub use eval::{Target, Verdict};
pub use lists::text_of;
pub use policies::{Policies, Rule};
pub use problem::{Fault, PolicyError, Problem};
