//! Both engines behind the `db` door, and what only PostgreSQL has: several servers at a time.

mod engines {
    mod centralized;
    mod door;
    mod faults;
    mod floatingips;
    mod groups;
    mod log;
    mod races;
    mod relay;
    mod routers;
    mod same;
    mod secrets;
    mod trips;
}
