//! Routers between the API and hosts: what they are made of, what hosts were told and said.
//!
//! ```text
//! facts    all that is around a router           counts   who uses it, what needs a network node
//! around   what routers have to do with a port   due      which are to be settled
//! told     what hosts were told                  said     what hosts said
//! ```

mod around;
mod counts;
mod due;
mod facts;
mod said;
mod told;

pub use around::AroundRow;
pub use counts::count_statements;
pub use said::{RouterSaid, SaidRow};
