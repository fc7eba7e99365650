// Package report plans what commits show, and sends it.
//
// In the order in which a change of a run passes through it:
//
//   - [Plan] decides the reports of a commit: a state, a sentence and a page for each context. It is pure.
//     internal/store calls it in the transaction that changes the run, and stores the reports in its outbox.
//   - The [Sender] sends the newest version of each report until its reporter has accepted it.
//   - A [Reporter] shows reports in one place: [Statuses] as commit statuses, [Checks] as check runs.
//   - The [Verifier] looks once, a while later, whether the commit shows each final report.
//
// internal/server runs one Sender and one Verifier, on the server that leads.
//
// Invariant: a report is confirmed in the database only after its reporter accepted it, with the version that was
// sent. A crash in between sends it twice, never not at all.
package report
