// Package pipeline is the language of .yaci.yml: YAML in, a batch/v1 Job out.
//
// It is a public package and pure: no I/O, no clock, no environment, no type of
// YACI's own in its API. In YACI, internal/flow and the command line call it.
// Read it in the order in which a file passes through: [Parse] (strict, all
// problems at once, each with its line and column), then [Compile].
//
// Invariant: what a file can reach in the Job is images, scripts (as files),
// and values of environment variables. Everything else is set here, so that a
// stranger's file cannot ask for another's Secrets or for the node.
package pipeline
