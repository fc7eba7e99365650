// Package flow takes what happens on GitHub to stored runs. [Flow.Handle] is the path of a delivery, in five steps:
// decode, decide, read the file, plan, store. The other methods are for what people ask for by the API and by pages;
// they read, plan and store in the same way.
//
// The package imports the two pure packages, decide and pipeline. All effects go through the small interfaces that are
// declared beside the code that uses them; [Store] and [GitHub] are their sums.
//
// Handling a delivery ends in one of three ways. Done: a run was stored, or the delivery was ignored with a reason.
// Terminal: the file is wrong, which is a run in state error. Retry: GitHub or the database did not answer, which is a
// returned error.
//
// Invariants: handling a delivery twice makes one run, and no job is stored without a [decide.Permit].
package flow
