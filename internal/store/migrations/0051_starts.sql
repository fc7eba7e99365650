-- +goose Up
ALTER TABLE deliveries ADD COLUMN starts INTEGER NOT NULL DEFAULT 0; -- times that handling began and did not come to an end

-- +goose Down
ALTER TABLE deliveries DROP COLUMN starts;
