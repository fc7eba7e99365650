// Package doctor says what is wrong with an installation and how to mend it.
// internal/server gathers the facts; [Examine] is pure and judges them. [Look] is
// the one part that acts: it runs inside a build's pod and tells what a build can reach.
//
// Called by internal/server for yaci doctor. Invariant: a finding that is not good says what to do.
package doctor
