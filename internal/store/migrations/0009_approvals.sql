-- +goose Up
-- Times that the run's pull request got another base. An approval is good for one of them.
ALTER TABLE runs ADD COLUMN retargets INTEGER NOT NULL DEFAULT 0;

CREATE TABLE approvals (
  run TEXT NOT NULL REFERENCES runs (id), retargets INTEGER NOT NULL,
  sha TEXT NOT NULL, base TEXT NOT NULL,
  digest TEXT NOT NULL,               -- of .yaci.yml
  by_id INTEGER NOT NULL,             -- numeric id at GitHub; 0: the holder of an API token
  by_login TEXT NOT NULL, via TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (run, retargets)
);

-- +goose Down
DROP TABLE approvals;
ALTER TABLE runs DROP COLUMN retargets;
