// Package queue decides which waiting job goes next, tells the others why they
// wait, and launches it. [Plan] decides, and is pure: it is given all jobs that
// wait or run and what has been used, as the database and the cluster have it
// at that moment, and keeps nothing. internal/server runs [Queue.Pass], and
// serves [Queue.Line].
//
// Who has used least is next: of persons, then of their repositories, in
// core-seconds that count half after an hour. While the cluster finds no room for
// a launched job, jobs that would meet the same obstacle wait behind it, and
// smaller ones go on. A job that cannot be launched now lets
// others go first for a while.
//
// Invariant: launching is idempotent. A crash after the Kubernetes Job was made
// and before that was recorded leads to the same launch again, which finds it.
package queue
