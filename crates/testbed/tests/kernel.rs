//! Whole clouds on the real kernel: hosts and guests as namespaces, ping as the assertion.
//! They need root and say so; NEUTRINO_ROOT_TESTS=skip leaves them out.

mod netns {
    mod advertised;
    mod boot;
    mod cold;
    mod faults;
    mod full_disk;
    mod lazy;
    mod paths;
    mod provider;
    mod ready;
    mod small;
    mod trunks;
}
