// Package store keeps what must survive a crash: deliveries (the inbox), runs
// with their jobs, and statuses on their way to GitHub (the outbox). It is
// SQLite inside one file, or Postgres for several servers. internal/server opens
// it and hands it to flow, queue, watch, report and api, each of which declares
// the few methods that it needs.
//
// Queries and migrations are written once, for both: ? for parameters, 0 and 1
// for booleans, ON CONFLICT with names, RETURNING for new ids. What reads and
// then writes does so inside [Store.tx], where nobody else writes.
//
// What is stored as JSON has record types here, with tags; the types of
// internal/ci have no storage format. Rows that earlier versions wrote are in
// testdata/versions, and a new migration adds its own.
//
// A method is one transaction. State and the status that tells of it change in
// the same one, so that a crash can never leave a commit with a stale status.
//
// Invariant: a job in a final state is never written again; [Store.Observe]
// refuses by reporting that nothing changed.
package store
