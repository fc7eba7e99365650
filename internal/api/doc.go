// Package api is the HTTP surface for programs: POST /run, GET /get, POST
// /retry and what is under /api/v1, each with an API token. internal/server mounts it.
//
// Invariant: nobody is let in without a token, and each route names the scope that it needs.
package api
