-- +goose Up
CREATE INDEX deliveries_failed ON deliveries (id) WHERE state = 'failed';

-- +goose Down
DROP INDEX deliveries_failed;
