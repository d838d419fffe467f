//! Both engines behind the `db` door, and what only PostgreSQL has: several servers at a time.

mod engines {
    mod bounds;
    mod carriage;
    mod centralized;
    mod door;
    mod faults;
    mod floatingips;
    mod found;
    mod group_locks;
    mod group_touches;
    mod groups;
    mod hostile;
    mod local_ips;
    mod log;
    mod logs;
    mod migrated;
    mod ndp_proxies;
    mod notifications;
    mod order;
    mod pages;
    mod qos;
    mod races;
    mod racing;
    mod relay;
    mod routers;
    mod rows;
    mod same;
    mod secrets;
    mod sharing;
    mod software;
    mod software_leftovers;
    mod software_orders;
    mod software_roles;
    mod topology;
    mod trips;
    mod trunks;
}
