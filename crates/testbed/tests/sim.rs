//! A real server and simulated hosts, no root: what must hold when messages do not arrive.

mod sim {
    mod bus;
    mod carried;
    mod converge;
    mod database;
    mod failover;
    mod groups;
    mod hosts;
    mod outage;
    mod routed;
    mod routers;
    mod told;
    mod wander;
}
