// Package wire has the nouns as the API tells of them in JSON: internal/api
// writes them, the commands of cmd/yaci read them.
//
// Invariant: internal/api/openapi.json describes every field, and a time that has
// not come is left out.
package wire
