CREATE TABLE security_groups (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    stateful BOOLEAN NOT NULL,
    is_default BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX security_groups_project ON security_groups (project_id);
CREATE INDEX security_groups_name ON security_groups (name);

-- Of two that look for a project's default group and find none, one makes it.
CREATE TABLE default_security_groups (
    project_id TEXT PRIMARY KEY,
    group_id TEXT NOT NULL UNIQUE REFERENCES security_groups (id) ON DELETE CASCADE
);

CREATE TABLE address_groups (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    addresses TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX address_groups_project ON address_groups (project_id);

-- canonical: what a rule allows, written in one way only; of two that ask for the same, one gets it.
CREATE TABLE security_group_rules (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    security_group_id TEXT NOT NULL REFERENCES security_groups (id) ON DELETE CASCADE,
    direction TEXT NOT NULL,
    ethertype TEXT NOT NULL,
    protocol TEXT,
    port_range_min BIGINT,
    port_range_max BIGINT,
    remote_ip_prefix TEXT,
    normalized_cidr TEXT,
    remote_group_id TEXT REFERENCES security_groups (id) ON DELETE CASCADE,
    remote_address_group_id TEXT REFERENCES address_groups (id),
    description TEXT,
    canonical TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (security_group_id, canonical)
);
CREATE INDEX security_group_rules_project ON security_group_rules (project_id);
CREATE INDEX security_group_rules_remote ON security_group_rules (remote_group_id);
CREATE INDEX security_group_rules_addresses ON security_group_rules (remote_address_group_id);

-- What the groups of projects begin with, described as clients look for it. A remote group PARENT is the
-- group itself.
CREATE TABLE default_security_group_rules (
    id TEXT PRIMARY KEY,
    direction TEXT NOT NULL,
    ethertype TEXT NOT NULL,
    protocol TEXT,
    port_range_min BIGINT,
    port_range_max BIGINT,
    remote_ip_prefix TEXT,
    remote_group_id TEXT,
    remote_address_group_id TEXT,
    description TEXT NOT NULL,
    used_in_default_sg BOOLEAN NOT NULL,
    used_in_non_default_sg BOOLEAN NOT NULL,
    created_us BIGINT NOT NULL
);
INSERT INTO default_security_group_rules
    (id, direction, ethertype, remote_group_id, description, used_in_default_sg, used_in_non_default_sg, created_us)
VALUES
    ('5e9f6f2c-55d4-4d26-9a0b-0c6f0d1f7a01', 'egress', 'IPv4', NULL, 'Legacy default SG rule for egress traffic', TRUE, TRUE, 1),
    ('5e9f6f2c-55d4-4d26-9a0b-0c6f0d1f7a02', 'egress', 'IPv6', NULL, 'Legacy default SG rule for egress traffic', TRUE, TRUE, 2),
    ('5e9f6f2c-55d4-4d26-9a0b-0c6f0d1f7a03', 'ingress', 'IPv4', 'PARENT', 'Legacy default SG rule for ingress traffic', TRUE, FALSE, 3),
    ('5e9f6f2c-55d4-4d26-9a0b-0c6f0d1f7a04', 'ingress', 'IPv6', 'PARENT', 'Legacy default SG rule for ingress traffic', TRUE, FALSE, 4);

-- A port's groups as the API shows them: a JSON list. Ports from before groups have NULL: nothing of
-- theirs is held back until they are given groups.
ALTER TABLE ports ADD COLUMN group_ids TEXT;

-- The same, by group. host: where the port is bound and filtered; else empty.
CREATE TABLE port_groups (
    port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES security_groups (id),
    host TEXT NOT NULL,
    PRIMARY KEY (port_id, group_id)
);
CREATE INDEX port_groups_group ON port_groups (group_id, host);

-- Which hosts have ports of which groups; written behind the lock of the revision.
CREATE TABLE group_hosts (
    group_id TEXT NOT NULL,
    host TEXT NOT NULL,
    PRIMARY KEY (group_id, host)
);
CREATE INDEX group_hosts_host ON group_hosts (host);

-- What is shared with other projects; target_tenant * is all of them.
CREATE TABLE rbac_policies (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    object_type TEXT NOT NULL,
    object_id TEXT NOT NULL,
    action TEXT NOT NULL,
    target_tenant TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (object_id, action, target_tenant)
);
CREATE INDEX rbac_policies_project ON rbac_policies (project_id);
CREATE INDEX rbac_policies_target ON rbac_policies (target_tenant, object_id);
