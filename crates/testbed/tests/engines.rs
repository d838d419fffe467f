//! Both engines behind the `db` door, and what only PostgreSQL has: several servers at a time.

mod engines {
    mod probe;
}
