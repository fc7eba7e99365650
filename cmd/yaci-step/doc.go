// Command yaci-step runs inside the pod of a job. It is static and uses the
// standard library only, because it must start in images that hold nothing.
//
//	yaci-step prepare   in the clone container, the pod's first init container: copy
//	                    itself, the plan and the scripts to where the steps read them,
//	                    prepare the hand-over directory, then fetch the commit
//	yaci-step run N     in the container of step N (from 0): wait for the steps that
//	                    it needs, run the script, record how it ended
//
// Steps hand over through files in a shared directory, in which each step can
// write to its own sub-directory only (handover.go). The server reads another form
// of the same record in the container's termination message (record.go).
//
// Invariant: the exit code of the process is the step's, and a record is
// written before it exits.
package main
