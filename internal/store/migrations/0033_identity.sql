-- +goose Up
-- What the verdict of a run's newest attempt depends on (decide.Identity). Rows of earlier versions have none; their
-- verdict covers every event of their commit that was received before.
ALTER TABLE runs ADD COLUMN identity TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN judged_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN awaits_pr INTEGER NOT NULL DEFAULT 0;  -- an open pull request that may start a run of this commit
UPDATE runs SET judged_until = (SELECT COALESCE(max(received), 0) FROM deliveries);

ALTER TABLE jobs ADD COLUMN run_when TEXT NOT NULL DEFAULT '';     -- failure or always: runs although a needed job did not pass
ALTER TABLE jobs ADD COLUMN ready INTEGER NOT NULL DEFAULT 0;      -- nothing that it needs keeps it from being launched
UPDATE jobs SET ready = 1 WHERE NOT EXISTS
  (SELECT 1 FROM job_needs n JOIN jobs d ON d.name = n.need WHERE n.job = jobs.name AND d.state <> 'success');

CREATE INDEX deliveries_open ON deliveries (repo_id, sha) WHERE state IN ('pending', 'failed');

-- +goose Down
DROP INDEX deliveries_open;
ALTER TABLE jobs DROP COLUMN ready;
ALTER TABLE jobs DROP COLUMN run_when;
ALTER TABLE runs DROP COLUMN awaits_pr;
ALTER TABLE runs DROP COLUMN judged_until;
ALTER TABLE runs DROP COLUMN identity;
