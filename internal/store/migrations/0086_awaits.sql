-- +goose Up
-- Open pull requests that have a commit as their head, have no run of it, and may still start one. It replaces
-- runs.awaits_pr, which has room for one of them; servers of the version before may still write that column.
CREATE TABLE awaits (
  repo_id INTEGER NOT NULL, sha TEXT NOT NULL, pr INTEGER NOT NULL,
  PRIMARY KEY (repo_id, sha, pr)
);
CREATE INDEX awaits_pull ON awaits (repo_id, pr);
INSERT INTO awaits (repo_id, sha, pr) SELECT DISTINCT repo_id, sha, awaits_pr FROM runs WHERE awaits_pr > 0;

-- +goose Down
DROP TABLE awaits;
