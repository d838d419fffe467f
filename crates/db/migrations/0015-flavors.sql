-- Flavors: kinds of routers that operators offer by name.
CREATE TABLE flavors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    service_type TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    created_us BIGINT NOT NULL
);
CREATE TABLE service_profiles (
    id TEXT PRIMARY KEY,
    description TEXT,
    driver TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    metainfo TEXT,
    created_us BIGINT NOT NULL
);
-- Of two that say the same, one does.
CREATE TABLE flavor_service_profiles (
    flavor_id TEXT NOT NULL REFERENCES flavors (id) ON DELETE CASCADE,
    service_profile_id TEXT NOT NULL REFERENCES service_profiles (id),
    PRIMARY KEY (flavor_id, service_profile_id)
);
CREATE INDEX flavors_of_profiles ON flavor_service_profiles (service_profile_id);
CREATE INDEX routers_flavor ON routers (flavor_id) WHERE flavor_id IS NOT NULL;
