-- Addresses behind routers that they answer for outside.
CREATE TABLE ndp_proxies (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    router_id TEXT NOT NULL REFERENCES routers (id) ON DELETE CASCADE,
    port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
    ip_address TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (router_id, ip_address)
);
CREATE INDEX ndp_proxies_project ON ndp_proxies (project_id);
CREATE INDEX ndp_proxies_port ON ndp_proxies (port_id);
