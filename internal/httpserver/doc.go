// Package httpserver protects the HTTP addresses of a server. A [Server] bounds the connections of the public address
// so that strangers cannot keep out GitHub's webhooks or the cluster's probes, [LimitBodies] bounds the memory of
// request bodies, [SecurityHeaders] sets the headers of every response, and [Readiness] answers /readyz.
//
// It knows the paths /webhook, /healthz and /readyz and nothing else of YACI. internal/server and internal/setup use
// it.
//
// Invariant: no request, however slow or large, makes the server exceed its bounds on connections and memory.
package httpserver
