-- Addresses that are another port's on each host, and the ports that stand for them.
CREATE TABLE local_ips (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    local_port_id TEXT NOT NULL REFERENCES ports (id),
    network_id TEXT NOT NULL REFERENCES networks (id),
    local_ip_address TEXT NOT NULL,
    ip_mode TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX local_ips_project ON local_ips (project_id);
CREATE INDEX local_ips_port ON local_ips (local_port_id);
CREATE INDEX local_ips_network ON local_ips (network_id);
CREATE TABLE port_associations (
    id TEXT PRIMARY KEY,
    local_ip_id TEXT NOT NULL REFERENCES local_ips (id),
    fixed_port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
    fixed_ip TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (local_ip_id, fixed_port_id)
);
CREATE INDEX port_associations_port ON port_associations (fixed_port_id);
