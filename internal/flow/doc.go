// Package flow is the spine: [Flow.Handle] takes one stored delivery to a stored
// run, and reads like the way of a push in ARCHITECTURE.md. It imports the two
// pure packages, decide and pipeline; everything with effects comes in through
// the small interfaces here.
//
// A call has one of three endings. Done: a run was stored, or the delivery was
// ignored with a reason. Terminal: the file is wrong, which is a run in state
// error. Retry: GitHub or the database did not answer, which is a returned error.
//
// Invariant: handling a delivery twice makes one run.
package flow
