// Package heal finds what GitHub told nobody: it delivers a webhook once, and
// never again by itself. At start and every few minutes a [Healer] reads GitHub's
// own list of deliveries and takes in the missing ones, then compares the heads
// of branches, tags and open pull requests with what is known, and makes events
// of the gap. Both go into the inbox like a webhook, and so through the same gate.
// internal/server runs one.
//
// Invariant: an event made here names nobody as its actor, so that no one's
// rights are lent to it.
package heal
