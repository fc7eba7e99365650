-- +goose Up
-- What is to be sent of each repository, endings first, in order.
CREATE INDEX statuses_next ON statuses (repo_id, (state = 'pending'), due, context) WHERE sent < version AND dropped < version;
DROP INDEX statuses_due;

-- +goose Down
CREATE INDEX statuses_due ON statuses (due) WHERE sent < version;
DROP INDEX statuses_next;
