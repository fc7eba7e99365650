// Package watch turns what happens in the cluster into the states of jobs.
//
// Informers enqueue the name of a job and nothing else. [Watcher] then collects an [Observation]: the Kubernetes Job,
// its pods, and the job as the database has it. [Observe], a pure function, returns a [Verdict]: the job's new state
// with a message for people, and what must be done in the cluster. The watcher stores the one and does the other.
//
// It is level-triggered: a missed event only causes a delay, because a sweep every few seconds reconciles all running
// jobs of the database, even those whose Kubernetes Job is gone.
//
// Invariant: success needs proof. The Job's own pod, known by UID, has succeeded or cannot end otherwise, every
// container has exited with 0, and every step left a record that agrees with that. If anything is missing, the job ends
// with an error.
package watch
