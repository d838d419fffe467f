//! Judges from outside: the reference's answers, and the real `openstack` command.

mod compat {
    mod openapi;
    mod openstack;
    mod reference;
}
