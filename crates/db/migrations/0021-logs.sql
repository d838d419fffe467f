-- Of which ports hosts tell what their groups let pass and hold back.
CREATE TABLE logs (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT REFERENCES security_groups (id) ON DELETE CASCADE,
    target_id TEXT REFERENCES ports (id) ON DELETE CASCADE,
    event TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX logs_project ON logs (project_id);
CREATE INDEX logs_resource ON logs (resource_id) WHERE resource_id IS NOT NULL;
CREATE INDEX logs_target ON logs (target_id) WHERE target_id IS NOT NULL;
