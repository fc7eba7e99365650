-- +goose Up
CREATE INDEX logs_job ON logs (job);
CREATE INDEX runs_finished ON runs (finished) WHERE finished > 0;

-- +goose Down
DROP INDEX runs_finished;
DROP INDEX logs_job;
