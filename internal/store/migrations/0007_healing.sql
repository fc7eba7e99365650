-- +goose Up
-- What a delivery is about and what it led to; state may be failed as well.
ALTER TABLE deliveries ADD COLUMN origin TEXT NOT NULL DEFAULT '';  -- ci.Origin
ALTER TABLE deliveries ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN repo TEXT NOT NULL DEFAULT '';    -- owner/name
ALTER TABLE deliveries ADD COLUMN repo_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN ref TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN sha TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN run TEXT NOT NULL DEFAULT '';
CREATE INDEX deliveries_about ON deliveries (repo_id, ref, sha);
CREATE INDEX deliveries_guid ON deliveries (guid);

ALTER TABLE statuses ADD COLUMN installation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE statuses ADD COLUMN written INTEGER NOT NULL DEFAULT 0; -- when this version was
ALTER TABLE statuses ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0; -- the version that was given up
ALTER TABLE statuses ADD COLUMN checked INTEGER NOT NULL DEFAULT 0; -- the version that GitHub was seen to show
ALTER TABLE statuses ADD COLUMN check_due INTEGER NOT NULL DEFAULT 0; -- when to look whether GitHub shows it
ALTER TABLE statuses ADD COLUMN doubt INTEGER NOT NULL DEFAULT 0;   -- a call for it ended without an answer
CREATE INDEX statuses_unchecked ON statuses (check_due) WHERE checked < version;

-- While an installation has to wait, nothing is sent for it.
CREATE TABLE pauses (
  installation INTEGER PRIMARY KEY, until INTEGER NOT NULL,
  slow_until INTEGER NOT NULL,        -- until then at most one call a second
  reason TEXT NOT NULL
);

-- How far GitHub's lists have been read.
CREATE TABLE cursors (name TEXT PRIMARY KEY, at INTEGER NOT NULL);

-- +goose Down
DROP TABLE cursors;
DROP TABLE pauses;
DROP INDEX statuses_unchecked;
ALTER TABLE statuses DROP COLUMN installation;
ALTER TABLE statuses DROP COLUMN written;
ALTER TABLE statuses DROP COLUMN check_due;
ALTER TABLE statuses DROP COLUMN dropped;
ALTER TABLE statuses DROP COLUMN checked;
ALTER TABLE statuses DROP COLUMN doubt;
DROP INDEX deliveries_guid;
DROP INDEX deliveries_about;
ALTER TABLE deliveries DROP COLUMN origin;
ALTER TABLE deliveries DROP COLUMN action;
ALTER TABLE deliveries DROP COLUMN repo;
ALTER TABLE deliveries DROP COLUMN repo_id;
ALTER TABLE deliveries DROP COLUMN ref;
ALTER TABLE deliveries DROP COLUMN sha;
ALTER TABLE deliveries DROP COLUMN run;
