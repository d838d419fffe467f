-- Ports are asked for by name and by MAC address, and found without a look at all of them.
CREATE INDEX ports_name ON ports (name);
CREATE INDEX ports_mac ON ports (mac_address);
