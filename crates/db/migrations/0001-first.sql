-- Counters that never go back.
CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL);
INSERT INTO counters (name, value) VALUES ('revision', 0), ('pruned', 0);

CREATE TABLE networks (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    shared BOOLEAN NOT NULL,
    ipv4_address_scope TEXT,
    ipv6_address_scope TEXT,
    router_external BOOLEAN NOT NULL,
    segments TEXT NOT NULL,
    multi_segment BOOLEAN NOT NULL,
    mtu BIGINT NOT NULL,
    availability_zone_hints TEXT NOT NULL,
    ha BOOLEAN NOT NULL,
    port_security_enabled BOOLEAN NOT NULL,
    network_type TEXT,
    physical_network TEXT,
    segmentation_id BIGINT,
    qos_policy_id TEXT,
    is_default BOOLEAN NOT NULL,
    dns_domain TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX networks_project ON networks (project_id);
CREATE INDEX networks_name ON networks (name);
CREATE INDEX networks_default ON networks (id) WHERE is_default = TRUE AND router_external = TRUE;

-- Who holds which segment: the constraint that lets one of two racing creates win.
CREATE TABLE segment_allocations (
    network_type TEXT NOT NULL,
    physical_network TEXT NOT NULL,
    segmentation_id BIGINT NOT NULL,
    network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    PRIMARY KEY (network_type, physical_network, segmentation_id)
);
CREATE INDEX segment_allocations_network ON segment_allocations (network_id);

CREATE TABLE subnets (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    ip_version BIGINT NOT NULL,
    subnetpool_id TEXT,
    cidr TEXT NOT NULL,
    gateway_ip TEXT,
    allocation_pools TEXT NOT NULL,
    dns_nameservers TEXT NOT NULL,
    host_routes TEXT NOT NULL,
    enable_dhcp BOOLEAN NOT NULL,
    ipv6_ra_mode TEXT,
    ipv6_address_mode TEXT,
    service_types TEXT NOT NULL,
    dns_publish_fixed_ip BOOLEAN NOT NULL,
    segment_id TEXT,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX subnets_network ON subnets (network_id, created_us);
CREATE INDEX subnets_project ON subnets (project_id);

CREATE TABLE ports (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    mac_address TEXT NOT NULL,
    fixed_ips TEXT NOT NULL,
    device_id TEXT NOT NULL,
    device_owner TEXT NOT NULL,
    status TEXT NOT NULL,
    allowed_address_pairs TEXT NOT NULL,
    data_plane_status TEXT,
    extra_dhcp_opts TEXT NOT NULL,
    ip_allocation TEXT NOT NULL,
    device_profile TEXT,
    hardware_offload_type TEXT,
    hints TEXT,
    numa_affinity_policy TEXT,
    resource_request TEXT,
    vif_type TEXT NOT NULL,
    vif_details TEXT NOT NULL,
    vnic_type TEXT NOT NULL,
    host TEXT NOT NULL,
    profile TEXT NOT NULL,
    port_security_enabled BOOLEAN NOT NULL,
    qos_policy_id TEXT,
    qos_network_policy_id TEXT,
    propagate_uplink_status BOOLEAN NOT NULL,
    dns_name TEXT NOT NULL,
    dns_assignment TEXT NOT NULL,
    dns_domain TEXT NOT NULL,
    trusted BOOLEAN,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    l2_ready BOOLEAN NOT NULL,
    dhcp_ready BOOLEAN NOT NULL,
    failure TEXT,
    created_us BIGINT NOT NULL,
    UNIQUE (network_id, mac_address)
);
CREATE INDEX ports_host ON ports (host, network_id);
CREATE INDEX ports_device ON ports (device_id);
CREATE INDEX ports_project ON ports (project_id);
CREATE INDEX ports_network ON ports (network_id, id);

-- Who holds which address. ip_key is the address in hex of fixed width, so that it sorts.
CREATE TABLE ip_allocations (
    subnet_id TEXT NOT NULL REFERENCES subnets (id) ON DELETE CASCADE,
    ip_key TEXT NOT NULL,
    ip_address TEXT NOT NULL,
    port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
    PRIMARY KEY (subnet_id, ip_key)
);
CREATE INDEX ip_allocations_port ON ip_allocations (port_id);
CREATE INDEX ip_allocations_address ON ip_allocations (ip_address);

-- Which hosts have ports of which networks bound.
CREATE TABLE network_hosts (
    network_id TEXT NOT NULL,
    host TEXT NOT NULL,
    PRIMARY KEY (network_id, host)
);
CREATE INDEX network_hosts_host ON network_hosts (host);

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    agent_type TEXT NOT NULL,
    "binary" TEXT NOT NULL,
    topic TEXT NOT NULL,
    host TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    created_at TEXT NOT NULL,
    started_at TEXT NOT NULL,
    heartbeat_timestamp TEXT NOT NULL,
    configurations TEXT NOT NULL,
    description TEXT,
    resources_synced BOOLEAN,
    availability_zone TEXT,
    heartbeat_us BIGINT NOT NULL,
    started_us BIGINT NOT NULL,
    UNIQUE (host, agent_type)
);

CREATE TABLE dhcp_bindings (
    network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    PRIMARY KEY (network_id, agent_id)
);
CREATE INDEX dhcp_bindings_agent ON dhcp_bindings (agent_id);

-- The newest revision at which each part of each host changed.
CREATE TABLE changes (
    host TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (host, kind, id)
);
CREATE INDEX changes_revision ON changes (revision);
CREATE INDEX changes_host ON changes (host, revision);
