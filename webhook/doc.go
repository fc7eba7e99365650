// Package webhook is the front door for GitHub: an [http.Handler] that verifies
// a delivery, decodes it to an [Event] and hands it to a [Sink].
//
// It is a public package: it exports no type of YACI's own, so that other
// programs can receive GitHub's webhooks with it. In YACI, internal/server is
// its only caller and the Sink writes to the database.
//
// The order is fixed. The body is bounded before it is read, its HMAC-SHA256 is
// compared in constant time before it is parsed, and 202 is answered only after
// the Sink has stored the delivery: GitHub never repeats a delivery that got a
// 2xx answer (docs.github.com, "Handling failed webhook deliveries").
//
// Invariant: nothing outside this package is called for a request whose
// signature is not valid.
package webhook
