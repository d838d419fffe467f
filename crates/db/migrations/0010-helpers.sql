-- Which helpers of connection tracking look at connections through a router.
CREATE TABLE conntrack_helpers (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    router_id TEXT NOT NULL REFERENCES routers (id) ON DELETE CASCADE,
    protocol TEXT NOT NULL,
    port BIGINT NOT NULL,
    helper TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (router_id, protocol, port, helper)
);

-- Rules of QoS policies that count packets.
CREATE TABLE packet_rate_limit_rules (
    id TEXT PRIMARY KEY,
    qos_policy_id TEXT NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    max_kpps BIGINT NOT NULL,
    max_burst_kpps BIGINT NOT NULL,
    direction TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (qos_policy_id, direction)
);
CREATE TABLE minimum_packet_rate_rules (
    id TEXT PRIMARY KEY,
    qos_policy_id TEXT NOT NULL REFERENCES policies (id) ON DELETE CASCADE,
    min_kpps BIGINT NOT NULL,
    direction TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (qos_policy_id, direction)
);

-- The QoS policy of a router's gateway.
ALTER TABLE routers ADD COLUMN gw_qos_policy_id TEXT;
CREATE INDEX routers_qos ON routers (gw_qos_policy_id) WHERE gw_qos_policy_id IS NOT NULL;
CREATE INDEX floatingips_qos ON floatingips (qos_policy_id) WHERE qos_policy_id IS NOT NULL;
