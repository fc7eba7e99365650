// Package decide holds the decisions between an event and a run. Each is a pure function, without I/O and clock, that
// explains itself in one sentence. internal/flow and internal/store call it.
//
// Invariant: [Gate] is the only source of a [Permit], and internal/store stores no job without one.
package decide
