-- +goose Up
-- The outbox names the reporter of each entry. Entries of check runs had the prefix 'check:' in their context before.
-- Whether an entry is final is a column, so that no query has to know the states.
DROP INDEX statuses_next;
DROP INDEX statuses_unchecked;
ALTER TABLE statuses RENAME TO statuses_0109;
CREATE TABLE statuses (
  repo_id INTEGER NOT NULL, sha TEXT NOT NULL,
  reporter TEXT NOT NULL,              -- what shows the entry: status (a commit status), check (a check run)
  context TEXT NOT NULL,
  repo TEXT NOT NULL,                  -- ci.Repo as JSON
  installation INTEGER NOT NULL,
  state TEXT NOT NULL, description TEXT NOT NULL,
  page TEXT NOT NULL,                  -- a path
  final INTEGER NOT NULL,              -- the run or job has ended
  version INTEGER NOT NULL,            -- grows with each change
  written INTEGER NOT NULL,            -- when this version was
  sent INTEGER NOT NULL DEFAULT 0,     -- the newest version that was sent
  dropped INTEGER NOT NULL DEFAULT 0,  -- the newest version that was abandoned
  verified INTEGER NOT NULL DEFAULT 0, -- the newest version that the commit showed
  attempts INTEGER NOT NULL DEFAULT 0, -- failed tries to send this version
  due INTEGER NOT NULL, verify_due INTEGER NOT NULL DEFAULT 0,
  unconfirmed INTEGER NOT NULL DEFAULT 0, -- a call for it ended without an answer
  reason TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (repo_id, sha, reporter, context)
);
INSERT INTO statuses (repo_id, sha, reporter, context, repo, installation, state, description, page, final, version,
    written, sent, dropped, verified, attempts, due, verify_due, unconfirmed, reason)
  SELECT repo_id, sha, CASE WHEN context LIKE 'check:%' THEN 'check' ELSE 'status' END,
    CASE WHEN context LIKE 'check:%' THEN substr(context, 7) ELSE context END, repo, installation, state, description,
    target_url, CASE WHEN state = 'pending' THEN 0 ELSE 1 END, version, written, sent, dropped, checked, attempts, due,
    check_due, doubt, reason
  FROM statuses_0109;
DROP TABLE statuses_0109;
-- What is to be sent of each repository, final entries first, in order.
CREATE INDEX statuses_next ON statuses (repo_id, final DESC, due, reporter, context) WHERE sent < version AND dropped < version;
CREATE INDEX statuses_unverified ON statuses (reporter, verify_due) WHERE verified < version;

-- +goose Down
DROP INDEX statuses_next;
DROP INDEX statuses_unverified;
ALTER TABLE statuses RENAME TO statuses_0110;
CREATE TABLE statuses (
  repo_id INTEGER NOT NULL, sha TEXT NOT NULL, context TEXT NOT NULL,
  repo TEXT NOT NULL,                 -- ci.Repo as JSON
  state TEXT NOT NULL, description TEXT NOT NULL, target_url TEXT NOT NULL,
  version INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0, -- the version that GitHub has
  attempts INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL, reason TEXT NOT NULL DEFAULT '',
  installation INTEGER NOT NULL DEFAULT 0,
  written INTEGER NOT NULL DEFAULT 0,
  dropped INTEGER NOT NULL DEFAULT 0,
  checked INTEGER NOT NULL DEFAULT 0,
  check_due INTEGER NOT NULL DEFAULT 0,
  doubt INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (repo_id, sha, context)
);
INSERT INTO statuses (repo_id, sha, context, repo, state, description, target_url, version, sent, attempts, due, reason,
    installation, written, dropped, checked, check_due, doubt)
  SELECT repo_id, sha, CASE WHEN reporter = 'check' THEN 'check:' || context ELSE context END, repo, state, description,
    page, version, sent, attempts, due, reason, installation, written, dropped, verified, verify_due, unconfirmed
  FROM statuses_0110 WHERE reporter IN ('status', 'check');
DROP TABLE statuses_0110;
CREATE INDEX statuses_next ON statuses (repo_id, (state = 'pending'), due, context) WHERE sent < version AND dropped < version;
CREATE INDEX statuses_unchecked ON statuses (check_due) WHERE checked < version;
