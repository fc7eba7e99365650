-- +goose Up
ALTER TABLE jobs ADD COLUMN losses TEXT NOT NULL DEFAULT 'null';  -- []ci.Loss as JSON
ALTER TABLE jobs ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;   -- nothing of it in the cluster is needed any more
CREATE INDEX jobs_unsettled ON jobs (finished) WHERE settled = 0;

-- +goose Down
DROP INDEX jobs_unsettled;
ALTER TABLE jobs DROP COLUMN losses;
ALTER TABLE jobs DROP COLUMN settled;
