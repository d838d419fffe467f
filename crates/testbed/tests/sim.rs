//! A real server and simulated hosts, no root: what must hold when messages do not arrive.

mod sim {
    mod bus;
    mod converge;
    mod database;
    mod groups;
    mod hosts;
    mod outage;
    mod routers;
    mod told;
}
