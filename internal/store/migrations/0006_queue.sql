-- +goose Up
-- What the queue weighs, beside the jobs so that it reads nothing else.
ALTER TABLE runs ADD COLUMN person INTEGER NOT NULL DEFAULT 0;    -- GitHub's number of who caused it
ALTER TABLE runs ADD COLUMN supersedes INTEGER NOT NULL DEFAULT 0; -- older runs of its line end for it
ALTER TABLE runs ADD COLUMN superseded TEXT NOT NULL DEFAULT '';  -- the commit that it ended for
ALTER TABLE jobs ADD COLUMN cpu INTEGER NOT NULL DEFAULT 0;       -- requested, in thousandths of a core
ALTER TABLE jobs ADD COLUMN memory INTEGER NOT NULL DEFAULT 0;    -- requested, in bytes
ALTER TABLE jobs ADD COLUMN waits TEXT NOT NULL DEFAULT '';       -- why it was last said to wait; empty: nothing was said
CREATE INDEX runs_line ON runs (repo_id, ref, created);
CREATE INDEX jobs_spent ON jobs (finished) WHERE started > 0;

-- +goose Down
DROP INDEX jobs_spent;
DROP INDEX runs_line;
ALTER TABLE jobs DROP COLUMN waits;
ALTER TABLE jobs DROP COLUMN memory;
ALTER TABLE jobs DROP COLUMN cpu;
ALTER TABLE runs DROP COLUMN superseded;
ALTER TABLE runs DROP COLUMN supersedes;
ALTER TABLE runs DROP COLUMN person;
