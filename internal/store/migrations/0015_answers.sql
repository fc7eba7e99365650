-- +goose Up
-- What calls with an Idempotency-Key were answered with; kept for a day.
CREATE TABLE answers (
  id TEXT PRIMARY KEY,                -- the key
  request TEXT NOT NULL,              -- what it was first used for
  status INTEGER NOT NULL,            -- 0 while the call is under way
  body BLOB NOT NULL, created INTEGER NOT NULL
);
CREATE INDEX answers_created ON answers (created);

-- +goose Down
DROP TABLE answers;
