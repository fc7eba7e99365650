// Package client calls the API of a YACI server, for the command line.
//
// Invariant: the token goes to the server that BaseURL names and to no other;
// redirects are not followed.
package client
