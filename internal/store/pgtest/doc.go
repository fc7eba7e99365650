// Package pgtest gives tests a real Postgres: a server of the test binary's own
// in a temporary directory, on a loopback port, without fsync, and a new
// database for each test. The tests of internal/store use it for the contract
// that both databases keep, those of internal/e2e and internal/chaos for several servers on one database.
//
// Invariant: when [Server.Stop] returns, neither process nor file is left.
package pgtest
