-- +goose Up
ALTER TABLE logs ADD COLUMN error INTEGER NOT NULL DEFAULT 0; -- number of the line that tells why the step failed; 0: none stands out

-- +goose Down
ALTER TABLE logs DROP COLUMN error;
