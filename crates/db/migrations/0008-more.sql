-- Segments of networks as things of their own; networks keep what they need of them, in order.
CREATE TABLE segments (
    id TEXT PRIMARY KEY,
    network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    name TEXT,
    description TEXT,
    network_type TEXT NOT NULL,
    physical_network TEXT,
    segmentation_id BIGINT,
    position BIGINT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (network_id, position)
);
-- A network of one segment lends it its id; of several, each gets its number at the end.
INSERT INTO segments
    (id, network_id, name, description, network_type, physical_network, segmentation_id, position,
     revision_number, created_at, updated_at, created_us)
SELECT id, id, NULL, NULL, network_type, physical_network, segmentation_id, 0, 1, created_at, updated_at, created_us
FROM networks WHERE multi_segment = FALSE AND network_type IS NOT NULL;
INSERT INTO segments
    (id, network_id, name, description, network_type, physical_network, segmentation_id, position,
     revision_number, created_at, updated_at, created_us)
SELECT SUBSTR(s.network_id, 1, 24) || SUBSTR(CAST(100000000001 + s.place AS VARCHAR), 1, 12), s.network_id, NULL, NULL,
    s.network_type, s.physical_network, CAST(s.segmentation_id AS BIGINT), s.place, 1, s.created_at, s.updated_at, s.created_us
FROM (SELECT n.id AS network_id, item.value ->> 'provider:network_type' AS network_type,
        item.value ->> 'provider:physical_network' AS physical_network,
        item.value ->> 'provider:segmentation_id' AS segmentation_id,
        ROW_NUMBER() OVER (PARTITION BY n.id ORDER BY item.key) - 1 AS place,
        n.created_at, n.updated_at, n.created_us
    FROM networks n, {json_placed n.segments} WHERE n.multi_segment = TRUE) s;

-- Where segments are chosen from: the ranges of the configuration (is_default), and those of the API.
-- physical_network is empty for tunnels.
CREATE TABLE network_segment_ranges (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    is_default BOOLEAN NOT NULL,
    shared BOOLEAN NOT NULL,
    project_id TEXT,
    network_type TEXT NOT NULL,
    physical_network TEXT NOT NULL,
    minimum BIGINT NOT NULL,
    maximum BIGINT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (is_default, network_type, physical_network, minimum)
);
-- Who changes ranges has this counter: what overlaps is looked for behind it.
INSERT INTO counters (name, value) VALUES ('segment_ranges', 0);

-- QoS. rules: those of the tables below, once more, as the API shows them and hosts need them.
CREATE TABLE policies (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    rules TEXT NOT NULL,
    is_default BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX policies_project ON policies (project_id);
-- Of two that make a project's default policy, one does.
CREATE TABLE default_qos_policies (
    project_id TEXT PRIMARY KEY,
    policy_id TEXT NOT NULL UNIQUE REFERENCES policies (id) ON DELETE CASCADE
);
CREATE TABLE bandwidth_limit_rules (
    id TEXT PRIMARY KEY,
    qos_policy_id TEXT NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    max_kbps BIGINT NOT NULL,
    max_burst_kbps BIGINT NOT NULL,
    direction TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (qos_policy_id, direction)
);
CREATE TABLE dscp_marking_rules (
    id TEXT PRIMARY KEY,
    qos_policy_id TEXT NOT NULL UNIQUE REFERENCES policies (id) ON DELETE CASCADE,
    dscp_mark BIGINT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE TABLE minimum_bandwidth_rules (
    id TEXT PRIMARY KEY,
    qos_policy_id TEXT NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    min_kbps BIGINT NOT NULL,
    direction TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (qos_policy_id, direction)
);
CREATE INDEX ports_qos ON ports (qos_policy_id) WHERE qos_policy_id IS NOT NULL;
CREATE INDEX ports_network_qos ON ports (qos_network_policy_id) WHERE qos_network_policy_id IS NOT NULL;
CREATE INDEX networks_qos ON networks (qos_policy_id) WHERE qos_policy_id IS NOT NULL;

-- Bindings of ports that stand ready for a move; the active one is the port's own.
CREATE TABLE port_bindings (
    port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    vif_type TEXT NOT NULL,
    vif_details TEXT NOT NULL,
    vnic_type TEXT NOT NULL,
    profile TEXT NOT NULL,
    PRIMARY KEY (port_id, host)
);
