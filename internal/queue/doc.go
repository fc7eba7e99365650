// Package queue decides which waiting job is launched next, launches it, and tells the others why they wait.
//
// [Plan] makes the decision. It is a pure function: it gets a [Snapshot] of all queued and running jobs and of recent
// usage, as the database and the cluster have them at that moment, and it keeps no state. [Queue.Pass], which
// internal/server calls whenever something changed, takes the snapshot and carries the decision out.
// [Reader.Positions] shows the same decision to people.
//
// Jobs are ordered by fair share: the user with the least recent usage is next, and among the repositories of that
// user, the one with the least usage. Usage is counted in core-seconds and halves every hour. While the cluster has no
// room for a launched job, only jobs that would meet the same obstacle wait behind it; smaller jobs go on. A job whose
// launch fails backs off, and others pass it meanwhile.
//
// Invariant: launching is idempotent. After a crash between the creation of the Kubernetes Job and its record in the
// database, the same launch is repeated and finds the Job.
package queue
