-- What others have yet to be told of changes, written with them.
CREATE TABLE notifications (
    id TEXT PRIMARY KEY,
    noted_us BIGINT NOT NULL,
    message TEXT NOT NULL
);
CREATE INDEX notifications_noted ON notifications (noted_us, id);
-- Until when a server has the turn to tell them.
INSERT INTO counters (name, value) VALUES ('notifications', 0);
