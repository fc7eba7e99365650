package ci

import "errors"

// Errors that more than one package speaks of.
var (
	// ErrRefused: the cluster will never take this job as it is.
	ErrRefused = errors.New("refused by the cluster")
	// ErrNotFound: there is no such run, job or file.
	ErrNotFound = errors.New("not found")
	// ErrInvalid: what was asked for cannot be done; the words behind it say why.
	ErrInvalid = errors.New("not valid")
	// ErrTooLarge: the file is larger than GitHub hands out.
	ErrTooLarge = errors.New("too large")
)
