-- +goose Up
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  hook_id INTEGER NOT NULL, guid TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
  received INTEGER NOT NULL,          -- Unix milliseconds, as all times here
  state TEXT NOT NULL,                -- pending, done, ignored
  reason TEXT NOT NULL DEFAULT '',    -- why ignored, or why the last try failed
  attempts INTEGER NOT NULL DEFAULT 0,
  due INTEGER NOT NULL,
  UNIQUE (hook_id, guid)
);
CREATE INDEX deliveries_due ON deliveries (due) WHERE state = 'pending';

CREATE TABLE runs (
  id TEXT PRIMARY KEY, number INTEGER NOT NULL,
  repo_id INTEGER NOT NULL, sha TEXT NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL,
  event TEXT NOT NULL,                -- ci.Event as JSON
  attempt INTEGER NOT NULL, state TEXT NOT NULL, message TEXT NOT NULL,
  created INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0
);
-- One run for what one event means; runs of commands have no commit.
CREATE UNIQUE INDEX runs_meaning ON runs (repo_id, sha, kind, ref) WHERE sha <> '';

CREATE TABLE jobs (
  name TEXT PRIMARY KEY, run TEXT NOT NULL REFERENCES runs (id), attempt INTEGER NOT NULL,
  state TEXT NOT NULL, message TEXT NOT NULL, uid TEXT NOT NULL DEFAULT '',
  manifest BLOB NOT NULL, files BLOB NOT NULL, steps TEXT NOT NULL,
  created INTEGER NOT NULL, started INTEGER NOT NULL DEFAULT 0, finished INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX jobs_unfinished ON jobs (created) WHERE finished = 0;
CREATE INDEX jobs_run ON jobs (run, attempt);

CREATE TABLE statuses (
  repo_id INTEGER NOT NULL, sha TEXT NOT NULL, context TEXT NOT NULL,
  repo TEXT NOT NULL,                 -- ci.Repo as JSON
  state TEXT NOT NULL, description TEXT NOT NULL, target_url TEXT NOT NULL,
  version INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0, -- the version that GitHub has
  attempts INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL, reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (repo_id, sha, context)
);
CREATE INDEX statuses_due ON statuses (due) WHERE sent < version;

-- +goose Down
DROP TABLE statuses;
DROP TABLE jobs;
DROP TABLE runs;
DROP TABLE deliveries;
