// Package metrics exposes what operators monitor, in Prometheus' format: how much is waiting and for how long, how jobs
// ended, whether the server's loops succeed, and how requests were answered. internal/server creates a [Metrics],
// reports to it, and serves it at an address that neither GitHub nor people reach.
//
// Invariant: no label has a value from outside (a path, a repository, a name), so nobody can make the number of time
// series grow.
package metrics
