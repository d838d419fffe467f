-- Facts about the database itself.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
