-- +goose Up
-- The plan of a job (manifest, files) is kept until the job has ended, compressed.
ALTER TABLE jobs ADD COLUMN base TEXT NOT NULL DEFAULT '';        -- the job whose plan is the dictionary of this one's; empty: none
ALTER TABLE jobs ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;    -- bytes of manifest and files as stored
UPDATE jobs SET manifest = '', files = '' WHERE finished > 0;
UPDATE jobs SET stored = length(manifest) + length(files) WHERE finished = 0;

-- +goose Down
ALTER TABLE jobs DROP COLUMN stored;
ALTER TABLE jobs DROP COLUMN base;
