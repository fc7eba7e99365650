// Package api is the HTTP surface for programs: POST /run, GET /get, POST
// /retry and what is under /api/v1, each with an API token. internal/server mounts it.
//
// Invariant: without a configured token nobody is let in.
package api
