-- +goose Up
-- What the names in grants of secrets meant when they were first seen.
CREATE TABLE grant_pins (
  grant_uid TEXT NOT NULL,            -- of the ConfigMap
  name TEXT NOT NULL,                 -- owner/name or owner/*, in lower case
  id INTEGER NOT NULL,                -- of the repository, or of the account
  seen INTEGER NOT NULL,
  PRIMARY KEY (grant_uid, name)
);

-- +goose Down
DROP TABLE grant_pins;
