//! Judges from outside: the reference's answers, and the real `openstack` command.

mod compat {
    mod clients;
    mod keystone;
    mod openapi;
    mod openstack;
    mod reference;
    mod tempest;
    mod tls;
}
