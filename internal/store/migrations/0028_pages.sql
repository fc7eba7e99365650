-- +goose Up
ALTER TABLE logs ADD COLUMN error INTEGER NOT NULL DEFAULT 0; -- number of the line that tells why the step failed; 0: none stands out
CREATE INDEX runs_repo_branch ON runs (repo_id, branch, created, id); -- a repository's page has the history of its default branch

-- +goose Down
DROP INDEX runs_repo_branch;
ALTER TABLE logs DROP COLUMN error;
