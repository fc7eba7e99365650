-- +goose Up
-- The images of a job's steps without run, as JSON: by name at first, with their digest and command once their registries were asked.
ALTER TABLE jobs ADD COLUMN images TEXT NOT NULL DEFAULT 'null';

-- +goose Down
ALTER TABLE jobs DROP COLUMN images;
