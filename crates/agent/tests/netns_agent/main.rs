//! Agents on real kernels: hosts and guests are namespaces of this machine, made and removed by
//! each test; nothing of the machine's own is touched.

mod netns {
    mod arrivals;
    mod carry;
    mod ctpurge;
    mod dhcp;
    mod dvr;
    mod forgotten;
    mod fragments;
    mod frames;
    mod given_up;
    mod groups;
    mod groups_live;
    mod groups_under_way;
    mod heirs;
    mod lazy;
    mod local_ips;
    mod logs;
    mod outside;
    mod place;
    mod purging;
    mod qos;
    mod ready;
    mod repair;
    mod routers;
    mod scale;
    mod server;
    mod spoof;
    mod table;
    mod wait;
}
