-- Facts about the database itself. The epoch tells one database from another, or from its own past.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);

-- Changes up to this revision were relayed to hosts by some server.
INSERT INTO counters (name, value) SELECT 'relayed', value FROM counters WHERE name = 'revision';

-- One default external network, whoever else makes one at the same time.
DROP INDEX networks_default;
CREATE UNIQUE INDEX networks_default ON networks (is_default)
    WHERE is_default = TRUE AND router_external = TRUE;
