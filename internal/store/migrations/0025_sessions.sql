-- +goose Up
-- People who have signed in. Nothing here is of use without what their browsers have.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,                -- SHA-256 of the browser's secret
  user_id INTEGER NOT NULL, login TEXT NOT NULL,
  token BLOB NOT NULL,                -- GitHub's, sealed with that secret
  private TEXT NOT NULL, writes TEXT NOT NULL, -- ids of repositories as JSON, as of checked
  checked INTEGER NOT NULL, created INTEGER NOT NULL
);
CREATE INDEX sessions_created ON sessions (created);

-- +goose Down
DROP TABLE sessions;
