-- +goose Up
-- What the queue compares when the cluster has no room for a job, and the cluster's own words about it.
ALTER TABLE jobs ADD COLUMN disk INTEGER NOT NULL DEFAULT 0;      -- limit of one container, in bytes
ALTER TABLE jobs ADD COLUMN pool TEXT NOT NULL DEFAULT '';        -- what the pod needs besides amounts: namespace, runtime class
ALTER TABLE jobs ADD COLUMN detail TEXT NOT NULL DEFAULT '';      -- the cluster's own words behind message

-- +goose Down
ALTER TABLE jobs DROP COLUMN detail;
ALTER TABLE jobs DROP COLUMN pool;
ALTER TABLE jobs DROP COLUMN disk;
