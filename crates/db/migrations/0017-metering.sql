-- What of routers' traffic to the outside is counted.
CREATE TABLE metering_labels (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX metering_labels_project ON metering_labels (project_id);
CREATE TABLE metering_label_rules (
    id TEXT PRIMARY KEY,
    metering_label_id TEXT NOT NULL REFERENCES metering_labels (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL,
    direction TEXT NOT NULL,
    excluded BOOLEAN NOT NULL,
    remote_ip_prefix TEXT,
    source_ip_prefix TEXT,
    destination_ip_prefix TEXT,
    created_us BIGINT NOT NULL
);
CREATE INDEX metering_label_rules_label ON metering_label_rules (metering_label_id);

-- What hosts said last of their counts, and what of it others were told.
CREATE TABLE meter_counts (
    host TEXT NOT NULL,
    router_id TEXT NOT NULL REFERENCES routers (id) ON DELETE CASCADE,
    label_id TEXT NOT NULL REFERENCES metering_labels (id) ON DELETE CASCADE,
    snat BOOLEAN NOT NULL,
    born_us BIGINT NOT NULL,
    packets BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    first_us BIGINT NOT NULL,
    told_us BIGINT NOT NULL,
    PRIMARY KEY (host, router_id, snat, label_id)
);
CREATE INDEX meter_counts_router ON meter_counts (router_id);
CREATE INDEX meter_counts_label ON meter_counts (label_id);
