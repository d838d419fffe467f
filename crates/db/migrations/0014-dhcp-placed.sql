-- An operator gave the network to the agent: it stays there.
ALTER TABLE dhcp_bindings ADD COLUMN placed BOOLEAN NOT NULL DEFAULT FALSE;
-- An operator took the network from the agent: it does not come back by itself.
CREATE TABLE dhcp_taken (
    network_id TEXT NOT NULL REFERENCES networks (id) ON DELETE CASCADE,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    PRIMARY KEY (network_id, agent_id)
);
CREATE INDEX dhcp_taken_agent ON dhcp_taken (agent_id);
