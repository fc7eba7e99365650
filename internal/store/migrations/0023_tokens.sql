-- +goose Up
-- API tokens. Only the hash of what their holders send is kept.
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  scope TEXT NOT NULL,                -- read, run or admin
  hash BLOB NOT NULL,                 -- SHA-256
  created INTEGER NOT NULL,
  used INTEGER NOT NULL,              -- 0: never
  expires INTEGER NOT NULL            -- 0: never
);

-- +goose Down
DROP TABLE tokens;
