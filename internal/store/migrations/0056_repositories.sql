-- +goose Up
-- What GitHub itself said of a repository; until it was asked, what the newest event said.
ALTER TABLE repos ADD COLUMN owner_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repos ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repos ADD COLUMN updated INTEGER NOT NULL DEFAULT 0;  -- when it changed last, by GitHub's clock
ALTER TABLE repos ADD COLUMN answered INTEGER NOT NULL DEFAULT 0; -- when GitHub said so, by its clock; 0: it was not asked

-- +goose Down
ALTER TABLE repos DROP COLUMN owner_id;
ALTER TABLE repos DROP COLUMN archived;
ALTER TABLE repos DROP COLUMN updated;
ALTER TABLE repos DROP COLUMN answered;
