-- +goose Up
CREATE TABLE logs (
  uid TEXT NOT NULL, container TEXT NOT NULL,   -- of the Kubernetes Job, and in it
  job TEXT NOT NULL, closed INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (uid, container)
);
-- The chunk is an object in the log store. Its cursor: where to go on reading.
CREATE TABLE log_chunks (
  uid TEXT NOT NULL, container TEXT NOT NULL, seq INTEGER NOT NULL,
  first INTEGER NOT NULL, at INTEGER NOT NULL, lines INTEGER NOT NULL, bytes INTEGER NOT NULL, inside INTEGER NOT NULL,
  time TEXT NOT NULL, same INTEGER NOT NULL, open INTEGER NOT NULL,
  PRIMARY KEY (uid, container, seq)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE log_chunks;
DROP TABLE logs;
