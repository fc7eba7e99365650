-- +goose Up
-- Repositories that runs of another repository may clone as a submodule. The ids
-- are what counts; names, installation and owner are as they were when it was allowed.
CREATE TABLE repo_access (
  repo_id INTEGER NOT NULL,           -- what may be read
  from_id INTEGER NOT NULL,           -- whose runs may read it
  repo_owner TEXT NOT NULL, repo_name TEXT NOT NULL,
  from_owner TEXT NOT NULL, from_name TEXT NOT NULL,
  installation INTEGER NOT NULL,      -- of the GitHub App, which both belong to
  allowed_by TEXT NOT NULL,           -- for people to read
  allowed_by_id INTEGER NOT NULL,     -- of a person; 0: who holds an API token
  allowed INTEGER NOT NULL,
  PRIMARY KEY (repo_id, from_id)
) WITHOUT ROWID;
CREATE INDEX repo_access_from ON repo_access (from_id);

-- +goose Down
DROP TABLE repo_access;
