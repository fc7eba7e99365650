// Package ci holds the nouns of YACI: repositories, events, runs, jobs, steps
// and the states they pass through. Every other package speaks in these words,
// so this one imports nothing but the standard library and does no I/O.
//
// The nouns in the order in which a push meets them:
//
//   - [Delivery]: one webhook request, stored as it came.
//   - [Event]: what a delivery means.
//   - [Run]: one trigger of one commit. A retry is a new attempt of the same run.
//   - [Job]: one Kubernetes Job of one attempt of a run, with its [Step]s.
//   - [Status]: what is shown on the commit.
//   - [Reading]: what the log of a failed step says of its mistakes.
//
// Invariant: a final [State] never changes.
package ci
