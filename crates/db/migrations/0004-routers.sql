CREATE TABLE routers (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    admin_state_up BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    -- As the API shows it: JSON, or NULL without a gateway. Follows the gateway port.
    external_gateway_info TEXT,
    gw_port_id TEXT,
    gw_network_id TEXT,
    enable_snat BOOLEAN NOT NULL,
    ha BOOLEAN NOT NULL,
    ha_vr_id BIGINT,
    distributed BOOLEAN NOT NULL,
    enable_ndp_proxy BOOLEAN NOT NULL,
    flavor_id TEXT,
    availability_zone_hints TEXT NOT NULL,
    routes TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX routers_project ON routers (project_id);
CREATE INDEX routers_name ON routers (name);
CREATE INDEX routers_gateway ON routers (gw_network_id);

-- Ports that are a router's. kind: interface, gateway, snat (a network node's leg beside an interface
-- of a distributed router) or ha.
CREATE TABLE router_ports (
    port_id TEXT PRIMARY KEY REFERENCES ports (id),
    router_id TEXT NOT NULL REFERENCES routers (id),
    network_id TEXT NOT NULL REFERENCES networks (id),
    kind TEXT NOT NULL
);
CREATE INDEX router_ports_router ON router_ports (router_id, kind);
CREATE INDEX router_ports_network ON router_ports (network_id, kind);

-- Which agents carry a router's centralized traffic. state: active, standby or unknown, as the agent
-- said. took_over: of several that say active, the greatest was the last to become it; 0 of others.
-- ha_port_id: the agent's leg in the network of the router's hosts.
CREATE TABLE router_agents (
    router_id TEXT NOT NULL REFERENCES routers (id) ON DELETE CASCADE,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    took_over BIGINT NOT NULL DEFAULT 0,
    ha_port_id TEXT,
    PRIMARY KEY (router_id, agent_id)
);
CREATE INDEX router_agents_agent ON router_agents (agent_id);

-- Routers that an operator took from an agent: they are given to none until an operator does so, or they
-- change.
CREATE TABLE routers_taken (router_id TEXT PRIMARY KEY REFERENCES routers (id) ON DELETE CASCADE);

-- Hosts that are told of a router. central: its agent is among router_agents. serves: ports there use
-- it. loaded: it takes its place there, so the host has its networks. part: what the host was told,
-- as a digest. load and reason: what the host said that it made of it.
CREATE TABLE router_hosts (
    router_id TEXT NOT NULL REFERENCES routers (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    central BOOLEAN NOT NULL,
    serves BOOLEAN NOT NULL,
    loaded BOOLEAN NOT NULL,
    part TEXT NOT NULL,
    load TEXT,
    reason TEXT,
    failure TEXT,
    PRIMARY KEY (router_id, host)
);
CREATE INDEX router_hosts_host ON router_hosts (host);

-- The networks that a host has by a router, as it was told.
CREATE TABLE router_networks (
    network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    router_id TEXT NOT NULL REFERENCES routers (id) ON DELETE CASCADE,
    PRIMARY KEY (network_id, host, router_id)
);
CREATE INDEX router_networks_router ON router_networks (router_id, host);
CREATE INDEX router_networks_host ON router_networks (host, network_id);

-- Routers that something happened to, for the task that settles what hosts should have of them.
CREATE TABLE router_dues (router_id TEXT PRIMARY KEY, since_us BIGINT NOT NULL);

CREATE TABLE floatingips (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    floating_network_id TEXT NOT NULL REFERENCES networks (id),
    floating_ip_address TEXT NOT NULL,
    floating_port_id TEXT NOT NULL REFERENCES ports (id),
    router_id TEXT REFERENCES routers (id),
    -- The router that a report is still owed by after the floating IP left it.
    last_router_id TEXT,
    port_id TEXT REFERENCES ports (id),
    fixed_ip_address TEXT,
    status TEXT NOT NULL,
    qos_policy_id TEXT,
    dns_name TEXT NOT NULL,
    dns_domain TEXT NOT NULL,
    description TEXT NOT NULL,
    tags TEXT NOT NULL,
    revision_number BIGINT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    created_us BIGINT NOT NULL,
    UNIQUE (floating_network_id, port_id, fixed_ip_address)
);
CREATE INDEX floatingips_project ON floatingips (project_id);
CREATE INDEX floatingips_router ON floatingips (router_id);
CREATE INDEX floatingips_last_router ON floatingips (last_router_id);
CREATE INDEX floatingips_port ON floatingips (port_id);
CREATE INDEX floatingips_own_port ON floatingips (floating_port_id);
CREATE INDEX floatingips_address ON floatingips (floating_ip_address);

-- Single ports are ranges of one; both are NULL for protocols without ports.
CREATE TABLE port_forwardings (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL,
    floatingip_id TEXT NOT NULL REFERENCES floatingips (id) ON DELETE CASCADE,
    protocol TEXT NOT NULL,
    external_first BIGINT,
    external_last BIGINT,
    internal_port_id TEXT NOT NULL REFERENCES ports (id),
    internal_ip_address TEXT NOT NULL,
    internal_first BIGINT,
    internal_last BIGINT,
    description TEXT NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE INDEX port_forwardings_floatingip ON port_forwardings (floatingip_id);
CREATE INDEX port_forwardings_port ON port_forwardings (internal_port_id);

-- The network in which a project's routers on several hosts hear of each other.
CREATE TABLE ha_networks (
    project_id TEXT PRIMARY KEY,
    network_id TEXT NOT NULL UNIQUE REFERENCES networks (id)
);
CREATE TABLE ha_vr_ids (
    network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    vr_id BIGINT NOT NULL,
    router_id TEXT NOT NULL UNIQUE,
    PRIMARY KEY (network_id, vr_id)
);

-- The MAC address by which each host's routers are known to switches outside of tunnels.
CREATE TABLE dvr_macs (host TEXT PRIMARY KEY, mac_address TEXT NOT NULL UNIQUE);

-- Found without a look at other ports: there are few of them.
CREATE INDEX ports_baremetal ON ports (network_id) WHERE vnic_type = 'baremetal';

-- Who must know of a network's ports: hosts that have ports of it bound, and hosts on which a router
-- of it has its place.
CREATE VIEW members AS
    SELECT network_id, host FROM network_hosts
    UNION
    SELECT network_id, host FROM router_networks;

-- Where floating IPs come from.
CREATE VIEW floatingip_pools AS
    SELECT s.id AS id, s.id AS subnet_id, s.name AS subnet_name, s.network_id AS network_id, s.cidr AS cidr
    FROM subnets s JOIN networks n ON n.id = s.network_id
    WHERE n.router_external = TRUE AND s.ip_version = 4;
