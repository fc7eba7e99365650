// Package exec runs the jobs of a working tree in a cluster with the rights of the person who asks. No server and no
// GitHub take part. yaci exec calls it.
//
// The tree, including uncommitted changes, becomes one git commit in a temporary directory and is sent as a pack to the
// clone container's standard input. So the steps find what a run on a server would find.
//
// Invariant: nothing is left in the repository or in the cluster, even after Ctrl-C. If the process is killed, the
// Job's time to live removes it.
package exec
