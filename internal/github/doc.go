// Package github is every call that YACI makes to GitHub, by go-github. flow
// fetches the pipeline through it, queue mints clone tokens, report posts statuses.
//
// Tokens are as small as can be: each names one repository and only the
// permissions that its use needs. The server's own (contents:read,
// statuses:write) never leaves the process; a clone token has contents:read alone.
//
// Invariant: the API's address comes from the operator's configuration, never
// from a payload or a header.
package github
