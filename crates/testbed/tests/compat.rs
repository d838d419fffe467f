//! Judges from outside: the reference's answers, the rule library, and the real `openstack` command.

mod compat {
    mod clients;
    mod keystone;
    mod nova;
    mod openapi;
    mod openstack;
    mod policy;
    mod reference;
    mod schema;
    mod tables;
    mod tempest;
    mod tls;
}
