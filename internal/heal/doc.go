// Package heal recovers webhooks that never arrived, since GitHub delivers each webhook once and does not retry. At
// start and every few minutes a [Healer] reads GitHub's delivery log and fetches the deliveries that are missing here.
// Then it compares the heads of branches, tags and open pull requests with the known ones, and creates an event for
// each unknown head. Both are put into the inbox like a webhook, and so pass the same gate.
//
// internal/server runs one Healer on the leader.
//
// Invariant: an event that is created here has no actor, so that it never runs with somebody's rights.
package heal
