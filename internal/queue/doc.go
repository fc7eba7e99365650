// Package queue decides which waiting job goes next and launches it. Today that
// is the oldest, while fewer than the operator's maximum run; who runs is always
// counted in the database, never remembered. A job that cannot be launched now
// lets others go first for a while. internal/server runs [Queue.Pass].
//
// Invariant: launching is idempotent. A crash after the Kubernetes Job was made
// and before that was recorded leads to the same launch again, which finds it.
package queue
