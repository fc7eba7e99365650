// Package server wires YACI. [Serve] opens the database, GitHub, the cluster and the log store that a [config.Config]
// names, connects all packages to each other, and runs them:
//
//   - serve.go: start and shutdown
//   - wire.go: what every server does: take webhooks, handle the inbox, answer requests
//   - term.go: what only the leader does: launch, watch, keep logs, report, recover missed webhooks, prune
//   - loops.go: loops that are woken by a signal or by the clock
//   - routes.go, diagnostics.go: the HTTP routes
//   - adapters.go: small types between packages that do not know each other
//
// Called by cmd/yaci. Invariant: no loop keeps the truth in memory. What there is to do is always read from the
// database, so a missed signal only delays it.
package server
