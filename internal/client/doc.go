// Package client calls the API of a YACI server for the command line.
//
// Invariant: the token is sent to the server that the Config names and to no other one; redirects are not followed.
package client
