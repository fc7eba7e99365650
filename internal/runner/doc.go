// Package runner defines the protocol between the server and the runner (cmd/yaci-step), which is the first process of
// every container that a job runs: names, paths and variables ([Clone]), the plan ([StepPlan]), the record ([Record]),
// and what the runner writes to the log ([ProgressMarker]).
//
// Both sides import it, so no part of the protocol is written twice. It uses the standard library only, because the
// runner is copied into every pod.
//
// # Versions
//
// A manifest and its plan are made and stored together, and the clone container's image supplies the runner of all
// containers of a pod. The server that reads the records can be newer, after an upgrade, and the image can be older
// than the plan, if YACI_IMAGE names another version. Therefore:
//
//   - The server reads every format of records that a runner has ever written.
//   - The runner refuses a plan with a [Version] above its own, and accepts all others.
//   - A change that an older runner may ignore needs no new version. A change that it must not ignore, because a step
//     would run or end differently, increments Version.
package runner
