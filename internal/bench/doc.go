// Package bench holds no code, only the measurements of the built server: how fast it stores deliveries, starts pods,
// runs steps and sends statuses, and what that takes. Each is a test that is skipped unless its flag is given, and has
// a target of the Makefile: make bench-ingest, bench-steps, bench-latency, bench-scale and bench-nodes. internal/e2e
// has the server under test.
package bench
