// Package kube is the interface to the cluster: it launches jobs, reads their logs, deletes them, manages the secrets
// that repositories use, and elects the leader with a Lease. queue, watch, logs and others call it through small
// interfaces of their own.
//
// Every operation may be repeated: launching a job that exists returns it, and deleting what is gone succeeds. Objects
// carry the label app.kubernetes.io/managed-by=yaci.
//
// Invariant: a clone token exists only in a Secret that the clone container alone mounts. Secrets are written and
// deleted, never read.
package kube
