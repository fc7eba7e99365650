// Package chaos holds no code, only the tests that break what a server needs while it works, and compare GitHub, the
// database and the cluster with what was pushed. TestChaos kills one server at random moments and at every failpoint;
// TestChaosHA runs two servers on one Postgres. make test runs both with few faults, make chaos and make chaos-ha with
// many. internal/e2e has the server under test.
package chaos
