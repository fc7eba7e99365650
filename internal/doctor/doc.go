// Package doctor judges an installation: what is wrong with it and how to fix it. internal/admin gathers [Facts], and
// [Examine] turns them into findings without any I/O. [InspectPod] is the exception: it runs inside a probe pod and
// reports what a build can see and reach there.
//
// Called by internal/admin for yaci doctor. Invariant: every finding that is not good says what to do.
package doctor
