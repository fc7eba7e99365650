-- +goose Up
-- Deliveries are claimed by repository: the first of each that is due, and none of one that has a claimed delivery.
CREATE INDEX deliveries_lane ON deliveries (repo_id, due, id) WHERE state = 'pending';
CREATE INDEX deliveries_claimed ON deliveries (repo_id, leased) WHERE state = 'pending' AND leased > 0;
-- When a delivery of a repository was last claimed; the repository that has waited longest is next.
CREATE TABLE delivery_turns (
  repo_id INTEGER PRIMARY KEY, at INTEGER NOT NULL
);

-- +goose Down
DROP TABLE delivery_turns;
DROP INDEX deliveries_claimed;
DROP INDEX deliveries_lane;
