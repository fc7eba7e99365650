-- +goose Up
-- The place of a job among those of its attempt, from 0, in the order of the file. Earlier versions ordered them by
-- created, which grew by one with each job; servers of the version before still do, and leave this 0.
ALTER TABLE jobs ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET ordinal = (SELECT count(*) FROM jobs AS o WHERE o.run = jobs.run AND o.attempt = jobs.attempt
  AND (o.created < jobs.created OR o.created = jobs.created AND o.name < jobs.name));

-- +goose Down
ALTER TABLE jobs DROP COLUMN ordinal;
