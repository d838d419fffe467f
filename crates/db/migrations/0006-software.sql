CREATE TABLE software_packages (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    format TEXT NOT NULL,
    description TEXT NOT NULL,
    project_id TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (project_id, name, format)
);
CREATE INDEX software_packages_name ON software_packages (name);

-- taken: version and architecture of a file that came whole; of two that bring the same, one has them.
CREATE TABLE software_versions (
    id TEXT PRIMARY KEY,
    package_id TEXT NOT NULL REFERENCES software_packages (id),
    description TEXT NOT NULL,
    project_id TEXT NOT NULL,
    version TEXT,
    architecture TEXT,
    filename TEXT,
    size BIGINT,
    sha256 TEXT,
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL,
    yanked BOOLEAN NOT NULL,
    control TEXT NOT NULL,
    upload_offset BIGINT NOT NULL,
    upload_id TEXT,
    taken TEXT,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (package_id, taken)
);
CREATE INDEX software_versions_project ON software_versions (project_id);
CREATE INDEX software_versions_sum ON software_versions (sha256);

-- Versions of which the repository has to hear, by the newest revision at which; also those that are gone.
CREATE TABLE software_dues (
    version_id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL
);
CREATE INDEX software_dues_revision ON software_dues (revision);
-- software: the newest of those revisions; software_forgotten: up to it, some that are gone are forgotten.
INSERT INTO counters (name, value) VALUES ('software', 0), ('software_forgotten', 0);

-- Files that the repository may have and no version needs any more.
CREATE TABLE software_leftovers (
    sha256 TEXT PRIMARY KEY
);

CREATE TABLE software_orders (
    id TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    project_id TEXT NOT NULL,
    action TEXT NOT NULL,
    packages TEXT NOT NULL,
    targets TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX software_orders_project ON software_orders (project_id);

-- What becomes of an order behind a port, which may be gone since.
CREATE TABLE software_order_targets (
    order_id TEXT NOT NULL REFERENCES software_orders (id) ON DELETE CASCADE,
    port_id TEXT NOT NULL,
    instance TEXT NOT NULL,
    state TEXT NOT NULL,
    progress BIGINT NOT NULL,
    reason TEXT NOT NULL,
    output TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    cancelled BOOLEAN NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (order_id, port_id)
);
CREATE INDEX software_order_targets_port ON software_order_targets (port_id);

-- Versions that an order is of.
CREATE TABLE software_order_versions (
    order_id TEXT NOT NULL REFERENCES software_orders (id) ON DELETE CASCADE,
    version_id TEXT NOT NULL,
    PRIMARY KEY (order_id, version_id)
);
CREATE INDEX software_order_versions_version ON software_order_versions (version_id);
