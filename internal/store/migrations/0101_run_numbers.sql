-- +goose Up
-- The last number that a run of a repository got. It stays when runs are pruned, so that no number is given twice.
CREATE TABLE run_numbers (
  repo_id INTEGER PRIMARY KEY, last INTEGER NOT NULL
);
INSERT INTO run_numbers (repo_id, last) SELECT repo_id, max(number) FROM runs WHERE repo_id <> 0 GROUP BY repo_id;

-- +goose Down
DROP TABLE run_numbers;
