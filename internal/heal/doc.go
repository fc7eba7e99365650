// Package heal recovers events whose webhooks were missed. GitHub delivers a webhook once, and never again by itself.
// At start and every few minutes, a [Healer] reads GitHub's delivery log and stores the deliveries that are missing.
// Then it compares the heads of branches, tags and open pull requests with what is known, and makes events for the
// differences. Both go into the inbox like webhooks, and so through the same gate. internal/server runs one Healer.
//
// Invariant: an event that is made here has no actor, so that it has nobody's rights.
package heal
