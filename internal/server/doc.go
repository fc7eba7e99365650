// Package server is the only place where everything meets. It opens what a
// [config.Config] names, wires it in the order of the way of a push, and runs
// loops: the inbox on every server, and on the one that leads queue, outbox and
// what else one does for all. A loop is woken by a bell and, should a
// bell be missed, by the clock; what there is to do is always read from the database.
//
// Called by cmd/yaci. Invariant: no loop keeps truth in memory.
package server
