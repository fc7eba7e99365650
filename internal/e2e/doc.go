// Package e2e runs the built yaci binary from outside: against the local cluster of deploy/local, with
// internal/citest in the place of GitHub. A World is one server under test. The other files that are not tests are
// what internal/chaos and internal/bench share with the tests of this package.
//
// The tests need bin/yaci and the environment of bin/local: make test prepares both, and
//
//	make image && eval "$(bin/local env)" && go test ./internal/e2e -run TestPushPasses
//
// runs one. They are skipped without a cluster.
package e2e
