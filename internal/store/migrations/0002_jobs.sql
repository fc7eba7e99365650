-- +goose Up
-- A run may have several jobs, which wait for each other.
ALTER TABLE jobs ADD COLUMN title TEXT NOT NULL DEFAULT '';       -- as people wrote it; empty for the only job
ALTER TABLE jobs ADD COLUMN services TEXT NOT NULL DEFAULT 'null'; -- []ci.Service as JSON
ALTER TABLE jobs ADD COLUMN grp TEXT NOT NULL DEFAULT '';         -- concurrency group
ALTER TABLE jobs ADD COLUMN grp_limit INTEGER NOT NULL DEFAULT 0;

CREATE TABLE job_needs (
  job TEXT NOT NULL REFERENCES jobs (name), need TEXT NOT NULL,
  PRIMARY KEY (job, need)
);
CREATE INDEX job_needs_need ON job_needs (need);

-- +goose Down
DROP TABLE job_needs;
ALTER TABLE jobs DROP COLUMN title;
ALTER TABLE jobs DROP COLUMN services;
ALTER TABLE jobs DROP COLUMN grp;
ALTER TABLE jobs DROP COLUMN grp_limit;
