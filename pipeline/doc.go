// Package pipeline implements the language of .yaci.yml: it turns a file into batch/v1 Jobs.
//
// The package is public and pure: it does no I/O, reads no clock and no environment, and has no types
// of YACI's other packages in its API. In YACI, internal/flow and the command line use it. Read it in
// the order in which a file passes through:
//
//   - [Parse] reads a file strictly and reports all problems at once, each with its line and column.
//   - [File.Select] decides what runs for an event, with a reason for each decision.
//   - [Compile] creates the Jobs.
//
// Invariant: a file can influence only the images, the scripts (which become files) and the values of
// environment variables in a Job. Everything else is set here, so that a stranger's file cannot ask
// for another repository's Secrets or for the node.
package pipeline
