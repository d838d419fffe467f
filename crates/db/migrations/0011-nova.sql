-- What Nova has not heard yet of instances' ports: of each port the newest event of each name.
CREATE TABLE instance_events (
    port_id TEXT NOT NULL,
    name TEXT NOT NULL,
    server_id TEXT NOT NULL,
    status TEXT NOT NULL,
    noted_us BIGINT NOT NULL,
    PRIMARY KEY (port_id, name)
);
CREATE INDEX instance_events_noted ON instance_events (noted_us);
-- Until when a server has the turn to tell them.
INSERT INTO counters (name, value) VALUES ('instance_events', 0);
