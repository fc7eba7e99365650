// Package report carries the outbox to GitHub: each status that GitHub does not
// have yet is posted, newest state only, until GitHub has taken it.
// internal/server runs one [Sender], and one [Checker], which looks once whether
// GitHub shows each ending.
//
// Invariant: a status is confirmed in the database only after GitHub answered,
// with the version that was sent; a crash in between posts it twice, never not at all.
package report
