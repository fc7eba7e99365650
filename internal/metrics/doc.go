// Package metrics tells those who operate YACI how it does, in Prometheus' format:
// what waits and for how long, how jobs ended, whether the loops get on, and how
// requests were answered. internal/server makes a [Metrics], reports to it and
// serves it at an address apart from that of people and GitHub.
//
// Invariant: no label has a value from outside (a path, a repository, a name), so
// nobody can make the number of series grow.
package metrics
