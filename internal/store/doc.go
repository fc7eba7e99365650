// Package store keeps what must survive a crash: deliveries (the inbox), runs with their jobs, and statuses on their
// way to GitHub (the outbox). It is SQLite inside one file, or Postgres for several servers. internal/server opens it and
// passes it to flow, queue, watch, report and api, each of which declares the few methods that it needs.
//
// Queries and migrations are written once, for both: ? for parameters, 0 and 1 for booleans, ON CONFLICT with names,
// RETURNING for new ids. What reads and then writes does so inside [Store.tx], where nobody else writes.
//
// The types of internal/ci have no storage format. Rows have row types (rows.go), whose tags name the columns, and what
// is stored as JSON has record types (records.go), whose tags name the keys. Rows that earlier versions wrote are in
// testdata/versions, and a new migration adds its own.
//
// A method is one transaction. State and the status that reports it change in the same one, so that a crash can never
// leave a commit with a stale status.
//
// Invariant: a job in a final state is never written again; [Store.Observe] reports that nothing changed.
package store
