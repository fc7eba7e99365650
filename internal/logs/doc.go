// Package logs keeps what containers print. [Collectors] runs a collector for each
// container, which reads the container's log from the cluster while it is written and
// stores it compressed in chunks: objects in a [Bucket], and an index in the database. A
// [Store] reads what is stored, also while more is coming, so a slow reader holds nothing
// up.
//
// internal/watch starts collectors, internal/api, internal/web and internal/report read,
// and internal/server wires them.
//
// A collector is a state machine: see states.go. A chunk's row holds the cursor behind its
// last byte and is written after its object, so a crash leaves at most an object that no
// row names, which the next collector writes again.
//
// Invariant: a log is either complete, as the runner's own count of bytes and lines
// proves, or it says what is missing.
package logs
