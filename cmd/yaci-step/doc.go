// Command yaci-step runs inside the pod of a job. It is static and uses the
// standard library only, because it must start in images that hold nothing.
//
//	yaci-step prepare   in the clone container: copy itself, the plan and the
//	                    scripts to where the steps read them, then fetch the commit
//	yaci-step prepare beside   the same, when the steps are beside it and not
//	                    after it: end only when the hook has run
//	yaci-step release   the clone container's postStart hook: return when the
//	                    steps can start
//	yaci-step run N     in the container of step N (from 0): wait for the commit
//	                    and the steps that it needs, run the script, record how it ended
//
// Steps hand over through files in a shared directory: when step N ends, N.json
// appears there in one rename, and inotify wakes those who wait for it. The same
// record goes to the termination log, where the server reads it.
//
// Invariant: the exit code of the process is the step's, and a record is
// written before it exits.
package main
