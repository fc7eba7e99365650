// Package github makes all of YACI's calls to GitHub, with go-github. internal/flow fetches pipelines through it,
// internal/queue requests clone tokens, internal/report posts statuses and check runs, internal/heal reads the delivery
// log.
//
// Tokens are as narrow as possible: each is for one repository, with the permissions that its use needs. The server's
// own tokens (contents:read, statuses:write) never leave the process. A clone token has contents:read only.
//
// Invariant: the address of the API comes from the operator's configuration, never from a payload or a header.
package github
