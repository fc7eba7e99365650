// Package inbox translates between GitHub's webhooks and what YACI stores and handles. [Sink] stores verified webhooks,
// [FromGitHub] prepares deliveries that were fetched from GitHub's delivery log, and [Decode] reads a stored delivery
// as a ci.Event.
//
// internal/server connects it to the webhook handler, the database and internal/flow.
//
// Invariant: the raw body is stored, and every later reading decodes it anew, so that nothing but what GitHub signed
// is acted upon.
package inbox
