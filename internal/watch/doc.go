// Package watch turns what happens in the cluster into the states of jobs.
// Informers enqueue a job's name and nothing else; [Watcher] then reads the Job,
// its pods and the database, and [Observe], which is pure, says where the job
// stands. internal/server runs it.
//
// It is level-triggered: a missed event costs a moment, because a sweep
// reconciles every running job of the database, also one whose Job is gone.
//
// Invariant: success needs proof. The Job's own pod, known by UID, has
// succeeded or can only do so, every container has terminated with 0, and every
// step left a record that agrees; anything missing is an error.
package watch
