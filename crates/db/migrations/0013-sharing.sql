-- Networks are shared by RBAC policies, as everything is. Those that there are get theirs; an id is the network's
-- with another version of UUID, as no random one has.
INSERT INTO rbac_policies (id, project_id, object_type, object_id, action, target_tenant, created_us)
    SELECT substr(id, 1, 14) || '5' || substr(id, 16), project_id, 'network', id, 'access_as_shared', '*', created_us
    FROM networks WHERE shared = TRUE;
INSERT INTO rbac_policies (id, project_id, object_type, object_id, action, target_tenant, created_us)
    SELECT substr(id, 1, 14) || '8' || substr(id, 16), project_id, 'network', id, 'access_as_external', '*', created_us
    FROM networks WHERE router_external = TRUE;
