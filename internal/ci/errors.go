package ci

import "errors"

// Errors that more than one package speaks of.
var (
	// ErrRefused: the cluster will never take this job as it is.
	ErrRefused = errors.New("refused by the cluster")
	// ErrTooLarge: a file is larger than anybody needs it to be.
	ErrTooLarge = errors.New("too large")
	// ErrNotFound: there is no such run, job or file.
	ErrNotFound = errors.New("not found")
)
