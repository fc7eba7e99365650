-- +goose Up
-- Who was told on which pull request that something is refused; kept for an hour.
CREATE TABLE refusals (
  repo_id INTEGER NOT NULL, pr INTEGER NOT NULL,
  person INTEGER NOT NULL,            -- GitHub's number of who asked
  delivery INTEGER NOT NULL,          -- that asked
  at INTEGER NOT NULL,
  PRIMARY KEY (repo_id, pr, person)
);

-- +goose Down
DROP TABLE refusals;
