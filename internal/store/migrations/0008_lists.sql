-- +goose Up
-- What the pages and the API list runs by; an index each, in the order in which they are shown.
ALTER TABLE runs ADD COLUMN branch TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN pr INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN actor TEXT NOT NULL DEFAULT '';       -- login, in lower case
ALTER TABLE runs ADD COLUMN private INTEGER NOT NULL DEFAULT 1;   -- as its repository is now
ALTER TABLE runs ADD COLUMN started INTEGER NOT NULL DEFAULT 0;   -- of the newest attempt
CREATE INDEX runs_created ON runs (created, id, private, repo_id);
CREATE INDEX runs_repo ON runs (repo_id, created, id);
CREATE INDEX runs_number ON runs (repo_id, number);
CREATE INDEX runs_branch ON runs (branch, created, id, private, repo_id);
CREATE INDEX runs_pr ON runs (pr, created, id, private, repo_id);
CREATE INDEX runs_state ON runs (state, created, id, private, repo_id);
CREATE INDEX runs_kind ON runs (kind, created, id, private, repo_id);
CREATE INDEX runs_actor ON runs (actor, created, id, private, repo_id);
CREATE INDEX runs_unfinished ON runs (state, private, repo_id) WHERE finished = 0;

-- Repositories as the newest event named them. A name can pass from one to another.
CREATE TABLE repos (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL, name TEXT NOT NULL,
  path TEXT NOT NULL,                 -- owner/name in lower case; empty when another has it now
  private INTEGER NOT NULL, installation INTEGER NOT NULL, default_branch TEXT NOT NULL
);
CREATE INDEX repos_path ON repos (path);

-- The file of an attempt that could not be run because the file is wrong.
CREATE TABLE run_problems (
  run TEXT NOT NULL REFERENCES runs (id), attempt INTEGER NOT NULL,
  file TEXT NOT NULL, problems TEXT NOT NULL, -- []ci.Problem as JSON
  PRIMARY KEY (run, attempt)
);

-- +goose Down
DROP TABLE run_problems;
DROP TABLE repos;
DROP INDEX runs_created;
DROP INDEX runs_repo;
DROP INDEX runs_number;
DROP INDEX runs_branch;
DROP INDEX runs_pr;
DROP INDEX runs_state;
DROP INDEX runs_kind;
DROP INDEX runs_actor;
DROP INDEX runs_unfinished;
ALTER TABLE runs DROP COLUMN branch;
ALTER TABLE runs DROP COLUMN pr;
ALTER TABLE runs DROP COLUMN actor;
ALTER TABLE runs DROP COLUMN private;
ALTER TABLE runs DROP COLUMN started;
