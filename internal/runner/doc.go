// Package runner defines the protocol between the server and the runner
// (cmd/yaci-step), which is the first process of every container that a job runs:
// names, paths and variables ([Clone]), the plan ([StepPlan]), the record
// ([Record]), and what the runner writes to the log ([ProgressMarker]).
//
// Both sides import it, so no part of the protocol is written twice. It uses the
// standard library only, because the runner is copied into every pod.
package runner
