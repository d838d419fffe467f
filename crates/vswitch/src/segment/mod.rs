//! Several frames laid in one: how they are cut apart, and how runs of them are joined.

mod cut;
mod layout;
mod merge;

pub use cut::cut;
pub use layout::Layout;
pub use merge::Run;
