CREATE TABLE address_scopes (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    ip_version BIGINT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX address_scopes_project ON address_scopes (project_id);

CREATE TABLE subnetpools (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    prefixes TEXT NOT NULL,
    default_quota BIGINT,
    ip_version BIGINT NOT NULL,
    default_prefixlen BIGINT NOT NULL,
    min_prefixlen BIGINT NOT NULL,
    max_prefixlen BIGINT NOT NULL,
    is_default BOOLEAN NOT NULL,
    address_scope_id TEXT REFERENCES address_scopes (id),
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX subnetpools_project ON subnetpools (project_id);
CREATE INDEX subnetpools_scope ON subnetpools (address_scope_id);
-- Of two that would be the default of a family, one is.
CREATE UNIQUE INDEX subnetpools_default ON subnetpools (ip_version) WHERE is_default = TRUE;

CREATE INDEX subnets_pool ON subnets (subnetpool_id);
