// Package decide holds the gates between an event and a run. Each is a pure
// function, without I/O and clock, that explains itself in one sentence.
// internal/flow is its only caller.
//
// Invariant: [Gate] is the one source of a [Permit], and no job is made without one.
package decide
