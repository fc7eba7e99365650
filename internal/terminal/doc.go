// Package terminal says how things look on a terminal: states with an icon and
// a word, aligned tables, short times. The command line and internal/exec write
// through it.
//
// Invariant: what goes to a file or a pipe, or to somebody who set NO_COLOR
// (no-color.org), has no escape sequence of ours.
package terminal
