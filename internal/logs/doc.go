// Package logs keeps what steps print. A [Keeper] follows each step's log in the
// cluster while it runs and stores it compressed in chunks: objects in a bucket,
// and an index in the database. Readers read what is stored, also live, so the
// slowest of them holds nothing up. internal/watch says what to follow,
// internal/api serves, internal/server wires.
//
// A chunk's row carries the cursor behind its last byte and is written after its
// object, so a crash anywhere repeats at most an object that no row names.
//
// Invariant: a log is either complete, held against the runner's own count of
// bytes and lines, or it says what is missing.
package logs
