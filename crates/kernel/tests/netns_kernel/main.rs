//! The door on the real kernel: each test in namespaces of its own, removed when it ends.

mod netns {
    mod conntrack;
    mod ct_helpers;
    mod filter;
    mod inner;
    mod keepalived;
    mod law;
    mod limits;
    mod many;
    mod meter;
    mod nat;
    mod ndp;
    mod place;
    mod ports;
    mod steps;
    mod traffic;
    #[path = "../../../../host/tests/law/want.rs"]
    mod want;
}
