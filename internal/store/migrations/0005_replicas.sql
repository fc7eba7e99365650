-- +goose Up
-- Who launches and watches. The epoch grows with each leader, so that what an
-- old one still writes can be told; the row is also the lock of all transactions.
CREATE TABLE leader (
  id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL
);
INSERT INTO leader (id, epoch) VALUES (1, 0);

ALTER TABLE deliveries ADD COLUMN leased INTEGER NOT NULL DEFAULT 0; -- until then a worker has it; it has to end it or put it off

-- +goose Down
ALTER TABLE deliveries DROP COLUMN leased;
DROP TABLE leader;
