// Package exec runs a working tree as real Jobs with the rights of who asks: no
// server and no GitHub take part. yaci exec calls it.
//
// The tree, uncommitted changes too, becomes one git commit in a directory of its
// own and travels as a pack to the clone container's standard input, so the steps
// find what a run on a server would find.
//
// Invariant: nothing is left in the repository, and nothing in the cluster, also
// after Ctrl-C; should this process be killed, the Job's time to live removes it.
package exec
