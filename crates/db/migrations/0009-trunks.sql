-- Trunks: ports that an instance has behind a port of another, their parent, each by a tag.
CREATE TABLE trunks (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    port_id TEXT NOT NULL UNIQUE REFERENCES ports (id),
    admin_state_up BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX trunks_project ON trunks (project_id);
-- Of two that take a port or a tag, one does.
CREATE TABLE subports (
    port_id TEXT PRIMARY KEY REFERENCES ports (id),
    trunk_id TEXT NOT NULL REFERENCES trunks (id) ON DELETE CASCADE,
    segmentation_type TEXT NOT NULL,
    segmentation_id BIGINT NOT NULL,
    UNIQUE (trunk_id, segmentation_type, segmentation_id)
);
CREATE INDEX ports_in_trunks ON ports (id) WHERE device_owner = 'trunk:subport';
