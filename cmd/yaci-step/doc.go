// Command yaci-step is the runner inside the pod of a job. It is linked statically, and imports only
// the standard library and small packages of YACI, because it must start in images that contain
// nothing else.
//
//	yaci-step prepare   in the clone container, the pod's first init container: copies itself, the
//	                    plan and the scripts to where the steps read them, prepares the hand-over
//	                    directory, and fetches the commit
//	yaci-step run N     in the container of step N (from 0): waits for the steps that it needs, runs
//	                    the command, and records how it ended
//
// internal/runner defines the protocol with the server. Steps hand over to each other through files
// in a shared directory, where each step can write to its own subdirectory only (handover.go). The
// server reads the same record from the container's termination message (record.go).
//
// Invariant: the exit code of the process is that of the step, and the record is written before the
// process exits.
package main
