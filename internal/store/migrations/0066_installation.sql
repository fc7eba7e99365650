-- +goose Up
-- The name of this installation. Jobs bear it as a label, so that those of another one in the same namespace are left alone.
CREATE TABLE installation (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL
);

-- +goose Down
DROP TABLE installation;
