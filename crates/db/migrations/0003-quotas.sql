-- What a project may have of a resource, where it differs from the default.
CREATE TABLE quotas (
    project_id TEXT NOT NULL,
    resource TEXT NOT NULL,
    most BIGINT NOT NULL,
    PRIMARY KEY (project_id, resource)
);
