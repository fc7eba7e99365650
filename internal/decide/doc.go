// Package decide holds the gates between an event and a run. Each is a pure
// function, without I/O and clock, that explains itself in one sentence.
// internal/flow is its only caller.
//
// Invariant: a pull request from a fork never gets [Run] from here.
package decide
