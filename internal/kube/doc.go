// Package kube is the verbs on the cluster: launch a job, read its logs, stop it, drop its Secret; and the Lease that
// says which server leads. queue, watch and api use it through their own small interfaces.
//
// Every verb may be repeated: launching what exists finds it, and dropping what
// is gone is done. Objects carry the label app.kubernetes.io/managed-by=yaci.
//
// Invariant: a token is only ever in a Secret that the clone container alone
// mounts; Secrets are written and deleted, never read.
package kube
