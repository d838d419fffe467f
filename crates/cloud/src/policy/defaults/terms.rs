//! Terms: rules that other rules are made of. No request asks them by itself.

use super::{Default, term};

pub const RULES: &[Default] = &[
    term("admin_only", "rule:context_is_admin", "Administrators."),
    term(
        "admin_or_data_plane_int",
        "rule:context_is_admin or role:data_plane_integrator",
        "Administrators, and those who report the state of data planes.",
    ),
    term(
        "admin_or_ext_parent_owner",
        "rule:context_is_admin or project_id:%(ext_parent:project_id)s",
        "Administrators, and the owner of the resource it belongs to.",
    ),
    term(
        "admin_or_network_owner",
        "rule:context_is_admin or project_id:%(network:project_id)s",
        "Administrators, and the owner of the network it is on.",
    ),
    term("admin_or_owner", "rule:context_is_admin or rule:owner", "Administrators, and the owner."),
    term(
        "admin_or_sg_owner",
        "rule:context_is_admin or project_id:%(security_group:project_id)s",
        "Administrators, and the owner of the security group it belongs to.",
    ),
    term(
        "admin_owner_or_network_owner",
        "rule:owner or rule:admin_or_network_owner",
        "Administrators, the owner, and the owner of the network it is on.",
    ),
    term(
        "admin_owner_or_sg_owner",
        "rule:owner or rule:admin_or_sg_owner",
        "Administrators, the owner, and the owner of the security group it belongs to.",
    ),
    term("baremetal_device", "field:port:device_owner=~^baremetal:", "A port of a bare machine."),
    term("compute_device", "field:port:device_owner=~^compute:", "A port of an instance."),
    term(
        "context_can_set_project_id",
        "!",
        "Who creates resources for other projects without administering the cloud.",
    ),
    term("context_is_admin", "role:admin", "Who administers the cloud."),
    term(
        "context_is_advsvc",
        "role:advsvc",
        "Services that act in many projects at once, by their older role.",
    ),
    term(
        "context_with_global_access",
        "!",
        "Who sees the resources of every project without administering them.",
    ),
    term("default", "rule:admin_or_owner", "Stands in for rules that do not exist."),
    term(
        "ext_parent_owner",
        "project_id:%(ext_parent:project_id)s",
        "Whose project the resource is of that it belongs to.",
    ),
    term("external", "field:networks:router:external=True", "An external network."),
    term("external_network", "field:subnets:router:external=True", "A subnet of an external network."),
    term("manila_device", "field:port:device_owner=~^manila:", "A port of a file share."),
    term("network_device", "field:port:device_owner=~^network:", "A port of the network services."),
    term(
        "network_owner",
        "project_id:%(network:project_id)s",
        "Whose project the network is of that it is on.",
    ),
    term("owner", "project_id:%(project_id)s", "Whose project the resource is of."),
    term("regular_user", "", "Everyone."),
    term(
        "restrict_wildcard",
        "(not field:rbac_policy:target_tenant=* and not field:rbac_policy:target_project=*) or \
            rule:admin_only",
        "Sharing with everyone at once is for administrators.",
    ),
    term(
        "rule_default_sg",
        "field:security_group_rules:belongs_to_default_sg=True",
        "A rule of a default security group.",
    ),
    term("service_api", "role:service", "Services that speak to this one for their users, such as compute."),
    term(
        "sg_owner",
        "project_id:%(security_group:project_id)s",
        "Whose project the security group is of that it belongs to.",
    ),
    term("shared", "field:networks:shared=True", "On a network that is shared with everyone."),
    term("shared_address_groups", "field:address_groups:shared=True", "A shared address group."),
    term("shared_address_scopes", "field:address_scopes:shared=True", "A shared address scope."),
    term("shared_qos_policy", "field:policies:shared=True", "A shared QoS policy."),
    term("shared_security_group", "field:security_groups:shared=True", "A shared security group."),
    term("shared_subnetpools", "field:subnetpools:shared=True", "A shared subnet pool."),
];
