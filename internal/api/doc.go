// Package api serves the HTTP API under /api/v1, and the older calls /run, /get and /retry. Callers
// identify themselves by tokens with scopes. openapi.json describes the API; internal/server defines
// the routes.
package api
