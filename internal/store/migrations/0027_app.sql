-- +goose Up
-- The GitHub App that /setup has made; one row at most.
CREATE TABLE app (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  id INTEGER NOT NULL, slug TEXT NOT NULL, page TEXT NOT NULL, key BLOB NOT NULL,
  webhook_secret TEXT NOT NULL, client_id TEXT NOT NULL, client_secret TEXT NOT NULL, created INTEGER NOT NULL
);

-- +goose Down
DROP TABLE app;
